"""A deployment's pod template changed, with the way back: the replica set that has the old one.

The ledger keeps that replica set's name and a digest of our template, so no value of an environment
variable leaves the objects in which it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chaoskit import kube, rollouts
from chaoskit.acts.entries import Entry, Undone
from chaoskit.errors import CannotStart, Conflict, after
from chaoskit.ports.cluster import Cluster, Object
from chaoskit.rollouts import Revision

KIND = "rollout"
_TRIES = 10


def prepare(cluster: Cluster, deployment: Object, template: Object) -> Entry:
    """The entry to write before `change`; the server was asked (dry run) what it would store.

    Raises:
        CannotStart: the present template is in no replica set yet, or would not stay in one: there would be
            no way back.
    """
    ref = kube.ref_of(deployment, kube.DEPLOYMENT)
    if deployment["spec"].get("revisionHistoryLimit") == 0:
        raise CannotStart(
            f"{ref} keeps no old replica set (revisionHistoryLimit is 0): there would be no way back",
            hint="set its revisionHistoryLimit to 1 or more",
        )
    running = rollouts.current(deployment, _revisions(cluster, deployment))
    if running is None:
        raise CannotStart(f"{ref} is between two revisions: no replica set has its present template")
    stored = cluster.patch(ref, _replace(deployment, template), type="json", dry_run=True)
    after = rollouts.fingerprint(stored["spec"]["template"])
    return Entry(KIND, ref, ("spec", "template"), before=running.name, after=after)


def change(cluster: Cluster, deployment: Object, template: Object, stored: str = "") -> Object:
    """The deployment has the template, in place of the one that it was read with.

    While it rolls out its controller writes its status several times a second: that alone is no conflict.
    Nor is ours: a patch whose answer was lost is sent again, and meets what it wrote. `stored` is the digest
    of the template as the server keeps it, which may spell amounts differently.

    Raises:
        NotFound: the deployment is gone.
        Conflict: it has another template by now, or changes faster than it can be written.
    """
    ref = kube.ref_of(deployment, kube.DEPLOYMENT)
    read = rollouts.fingerprint(deployment["spec"]["template"])
    ours = {rollouts.fingerprint(template), stored}
    with after() as sent:
        for _ in range(_TRIES):
            try:
                return cluster.patch(ref, _replace(deployment, template), type="json")
            except Conflict as error:
                sent.heard(error)
                deployment = cluster.get(ref)
                present = rollouts.fingerprint(deployment["spec"]["template"])
                if present in ours:
                    return deployment
                if present != read:
                    raise
        raise Conflict(f"{ref} changes faster than it can be written")


def undo(cluster: Cluster, entry: Entry) -> Undone:
    """The old template is back if ours still stands; a restart by others since leaves it ours, and is kept.

    Where ours was a restart alone, theirs is not kept: pods of either began with what it was done for.

    Raises:
        NotFound: the deployment is gone.
        Conflict: it got another template meanwhile, or changes faster than it can be written.
    """
    deployment = cluster.get(entry.target)
    known = _revisions(cluster, deployment)
    present = deployment["spec"]["template"]
    old = next((each.template for each in known if each.name == entry.before), None)
    as_left = rollouts.fingerprint(present) == entry.after
    if old is not None and not as_left and not _is_restarted(old, str(entry.after), known):
        old = rollouts.restarted(old, rollouts.restarted_at(present))
    again = f"{entry.target} has the pod template of {entry.before} again"
    if old is not None and rollouts.fingerprint(present) == rollouts.fingerprint(old):
        return Undone("as before", again)
    if not as_left and not _is_restarted(present, str(entry.after), known):
        return Undone("not ours", f"{entry.target} got another pod template from others since: it stays")
    if old is None:
        return Undone("left", f"{entry.target}: replica set {entry.before} with its old template is gone")
    change(cluster, deployment, old)
    return Undone("restored", again)


def _is_restarted(template: Object, digest: str, known: Iterable[Revision]) -> bool:
    """Whether it differs from the template of that digest by a restart alone.

    That one had the restart of one of the known revisions, its own if there was time to make it one, or none.
    """
    stamps = {None, *(rollouts.restarted_at(each.template) for each in known)}
    return any(rollouts.fingerprint(rollouts.restarted(template, at)) == digest for at in stamps)


def _revisions(cluster: Cluster, deployment: Object) -> tuple[Revision, ...]:
    sets = cluster.list(kube.REPLICA_SET, deployment["metadata"]["namespace"]).items
    return rollouts.revisions(deployment, sets)


def _replace(deployment: Object, template: Object) -> list[Mapping[str, Any]]:
    """The JSON patch; the version that was read makes it conditional (a failed `test` would be a 422)."""
    version = deployment["metadata"]["resourceVersion"]
    return [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/spec/template", "value": template},
    ]
