"""One remediation on one target: read it again, write the undo down, do it.

Restarts and replaced pods leave the wanted state as it was: there is nothing to undo, so nothing is
written down but the act itself. Removing a network policy that ended chaos left behind is an undo that its
run still owed: to put it back would be to inject the fault again, so it is not written down either.
Whatever changes a field is in the ledger before it is in the cluster.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chaoskit import kube, rollouts
from chaoskit.acts import engine, fields, rollout
from chaoskit.acts.accounts import Account, accounts
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import Clock
from chaoskit.errors import CannotStart, Conflict, Forbidden, NotFound, TakenOver
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.recovery.planner import Rung
from chaoskit.rollouts import RESTARTED_AT, Revision

_TRIES = 5
"""How often a remediation is begun anew because its target changed under its hands."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What a remediation works with."""

    cluster: Cluster
    clock: Clock
    ledger: Ledger


def apply(rung: Rung, target: ObjectRef, hands: Hands) -> str:
    """The remediation was done to the target; says what was done, in words.

    Raises:
        Refused: a disruption budget or whoever keeps the field forbids it.
        CannotStart: it does not apply to the target as it is now, or the server said no.
        TakenOver: another process holds the ledger: this one must not act any more.
    """
    for _ in range(_TRIES - 1):
        owed = hands.ledger.account.entries
        try:
            return _WAYS[rung.action](rung, target, hands)
        except TakenOver:
            raise
        except Conflict:  # a controller wrote its status in between: read the target again, decide again
            _disown(hands.ledger, owed)
    return _WAYS[rung.action](rung, target, hands)


def _disown(ledger: Ledger, owed: tuple[Entry, ...]) -> None:
    """What was written down since is owed no more: the server said that it was not done."""
    for entry in ledger.account.entries:
        if entry not in owed:
            ledger.settle(entry)


# ---------------------------------------------------------------- pods


def _restart_pod(rung: Rung, target: ObjectRef, hands: Hands) -> str:
    done = [_replace(ObjectRef(kube.POD, target.namespace, name), hands) for name in rung.pods]
    if not any(done):
        raise CannotStart(f"the pods of {target} that had the symptom are gone already")
    return ", ".join(filter(None, done))


def _replace(ref: ObjectRef, hands: Hands) -> str:
    """A serving pod is evicted, within its budget; one that serves nobody is deleted, which costs nothing."""
    try:
        pod = hands.cluster.get(ref)
    except NotFound:
        return ""
    if kube.is_deleting(pod):
        return ""
    exact = kube.ref_of(pod, kube.POD)
    if kube.is_ready(pod):
        hands.cluster.evict(exact)
        return f"evicted {ref}"
    hands.cluster.delete(exact)
    return f"deleted {ref}"


def _restart(_rung: Rung, target: ObjectRef, hands: Hands) -> str:
    at = hands.clock.now().replace(microsecond=0).isoformat().replace("+00:00", "Z")
    template = {"metadata": {"annotations": {RESTARTED_AT: at}}}
    hands.cluster.patch(target, {"spec": {"template": template}})
    return f"restarted {target}"


# ---------------------------------------------------------------- templates


def _roll_back(rung: Rung, target: ObjectRef, hands: Hands) -> str:
    body, found = _revisions(target, hands)
    running = rollouts.current(body, found)
    healthy = next((each for each in found if each.name == rung.expects["to"]), None)
    if running is None or running.name != rung.expects["from"]:
        raise CannotStart(f"{target} has another revision by now than the one to blame")
    if healthy is None:
        raise CannotStart(f"the healthy revision of {target} is gone")
    _change_template(body, healthy.template, hands)
    return f"rolled {target} back to revision {healthy.number}"


def _raise_memory(rung: Rung, target: ObjectRef, hands: Hands) -> str:
    body, _ = _revisions(target, hands)
    if rung.step.action != "raise-memory-limit":
        raise CannotStart(f"{rung.action} says nothing about memory")
    template = copy.deepcopy(body["spec"]["template"])
    words = [
        _raised(c, rung.step.factor, kube.quantity(rung.step.cap)) for c in template["spec"]["containers"]
    ]
    if not any(words):
        raise CannotStart(f"no container of {target} has a memory limit under the cap")
    _change_template(body, template, hands)
    return f"raised the memory limit of {target}: " + ", ".join(filter(None, words))


def _raised(container: Object, factor: float, cap: float) -> str:
    before = kube.limit(container, "memory")
    if before is None or before >= cap:
        return ""
    after = int(min(before * factor, cap) // 2**20)
    container["resources"]["limits"]["memory"] = f"{after}Mi"
    return f"{container['name']} {before / 2**20:.0f} to {after} MiB"


def _change_template(body: Object, template: Object, hands: Hands) -> None:
    fields.refuse_when_kept(hands.cluster, body, ("spec", "template"))
    hands.ledger.write(rollout.prepare(hands.cluster, body, template))
    rollout.change(hands.cluster, body, template)


def _revisions(target: ObjectRef, hands: Hands) -> tuple[Object, tuple[Revision, ...]]:
    body = _whole(target, hands)
    sets = hands.cluster.list(kube.REPLICA_SET, target.namespace).items
    return body, rollouts.revisions(body, sets)


def _whole(target: ObjectRef, hands: Hands) -> Object:
    return {"kind": target.kind.name, **hands.cluster.get(target)}


# ---------------------------------------------------------------- fields


def _scale(rung: Rung, target: ObjectRef, hands: Hands) -> str:
    body = _whole(target, hands)
    fields.refuse_when_kept(hands.cluster, body, ("spec", "replicas"))
    before = kube.desired_replicas(body)
    if rung.step.action != "scale":
        raise CannotStart(f"{rung.action} says nothing about replicas")
    after = max(rung.step.min, min(rung.step.max, before + rung.step.by))
    if after == before:
        raise CannotStart(f"{target} has {before} replicas already")
    _set_field(body, target, ("spec", "replicas"), before, after, hands)
    return f"scaled {target} from {before} to {after}"


def _uncordon(_rung: Rung, target: ObjectRef, hands: Hands) -> str:
    body = hands.cluster.get(target)
    if not (body.get("spec") or {}).get("unschedulable"):
        raise CannotStart(f"{target} is not cordoned any more")
    _set_field(body, target, ("spec", "unschedulable"), True, None, hands)
    return f"uncordoned {target}"


def _set_field(
    body: Object, target: ObjectRef, path: tuple[str, str], before: object, after: object, hands: Hands
) -> None:
    version = body["metadata"]["resourceVersion"]
    patch = {path[0]: {path[1]: after}, "metadata": {"resourceVersion": version}}
    hands.cluster.patch(target, patch, dry_run=True)
    hands.ledger.write(Entry("field", target, path, before, after))
    hands.cluster.patch(target, patch)


# ---------------------------------------------------------------- network


def _remove_policies(_rung: Rung, target: ObjectRef, hands: Hands) -> str:
    have = kube.labels_of(hands.cluster.get(target)["spec"]["template"])
    found = hands.cluster.list(kube.NETWORK_POLICY, target.namespace).items
    left = [each for each in found if _is_left_over(each, have, hands)]
    if not left:
        raise CannotStart(f"no experiment left a network policy on {target}")
    for each in left:
        hands.cluster.delete(kube.ref_of(each, kube.NETWORK_POLICY))
    return "removed " + ", ".join(each["metadata"]["name"] for each in left)


def _is_left_over(policy: Object, have: Mapping[str, str], hands: Hands) -> bool:
    """Whether chaos made the policy for these pods, and its run or engine is over.

    Engine and ledger stand in the run's own namespace, which need not be the policy's: all are looked at.
    """
    labels = kube.labels_of(policy)
    if not kube.selects(policy["spec"].get("podSelector") or {}, have):
        return False
    place = policy["metadata"]["namespace"]
    if labels.get(kube.MANAGED_BY) == "chaoskit":
        known = _accounts(hands.cluster, place)
        return labels.get(kube.RUN_LABEL, "") not in {each.id for each in known if each.state == "active"}
    if engine.UID_LABEL not in labels:
        return False
    working = {each["metadata"]["uid"] for each in _engines(hands.cluster, place) if engine.works(each)}
    return labels[engine.UID_LABEL] not in working


def _accounts(cluster: Cluster, place: str) -> tuple[Account, ...]:
    try:
        return accounts(cluster)
    except Forbidden:
        return accounts(cluster, place)  # all that this caller can know: its chaos is at home here as well


def _engines(cluster: Cluster, place: str) -> tuple[Object, ...]:
    try:
        return cluster.list(kube.CHAOS_ENGINE).items
    except Forbidden:
        return cluster.list(kube.CHAOS_ENGINE, place).items


_WAYS: Mapping[str, Callable[[Rung, ObjectRef, Hands], str]] = {
    "restart-pod": _restart_pod,
    "rolling-restart": _restart,
    "recycle-connections": _restart,
    "restart-dependency": _restart,
    "roll-back": _roll_back,
    "raise-memory-limit": _raise_memory,
    "scale": _scale,
    "uncordon": _uncordon,
    "remove-network-policy": _remove_policies,
}
