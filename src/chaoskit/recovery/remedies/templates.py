"""Workloads whose pods are all made anew: restarted, rolled back, given back their connections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Literal

from chaoskit import kube, rollouts
from chaoskit.acts import fields, rollout
from chaoskit.acts.changes import Change
from chaoskit.errors import CannotStart
from chaoskit.ports.cluster import Access, Object, ObjectRef
from chaoskit.recovery.networksymptoms import is_dns
from chaoskit.recovery.remedies import radius
from chaoskit.recovery.remedies.remedy import Hands, Remedy, Rung, Scene, Step, access, kept, on
from chaoskit.rollouts import RESTARTED_AT
from chaoskit.topology import Workload, looks_like_database

TEMPLATE = ("spec", "template")


class RollingRestart(Step):
    """Replace all pods of the workload, a few at a time."""

    action: Literal["rolling-restart"]


def _plan_restart(step: RollingRestart, scene: Scene) -> Rung | str:
    if scene.workload is None:
        return "there is no workload to restart"
    if scene.issue.kind == "network" and "network-cut" in scene.issue.kinds:
        return "a network policy cuts it off: new pods are no better off"
    return _restarts(step, (scene.workload,), scene, "replaces its pods a few at a time")


def _restarts(step: Step, workloads: Iterable[Workload], scene: Scene, why: str) -> Rung | str:
    """The rung that restarts them one after another, but for those whose pods nobody would replace then."""
    ill, refs, left = frozenset(scene.issue.pods), list[ObjectRef](), list[str]()
    for each in workloads:
        mine = ill & {pod["metadata"]["name"] for pod in each.pods}
        if reason := rollouts.held(each.body, mine):
            left.append(_nobody_would(each.ref, reason))
        else:
            refs.append(each.ref)
    words = why.format(", ".join(map(str, refs)))
    return Rung(step, tuple(refs), "; ".join((words, *left))) if refs else "; ".join(left)


def _nobody_would(target: ObjectRef, reason: str) -> str:
    return f"nobody would replace the pods of {target}: {reason}"


def _restart(_step: Step, _rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    """A restart leaves the wanted state as it was: there is nothing to undo.

    The annotation has the time at which the rung began: asked for twice, it is one restart.
    """
    body = hands.cluster.get(target)
    if reason := rollouts.held(body, ()):
        raise CannotStart(_nobody_would(target, reason))
    at = hands.began.replace(microsecond=0).isoformat().replace("+00:00", "Z")
    template = {"metadata": {"annotations": {RESTARTED_AT: at}}}
    patch = partial(hands.cluster.patch, target, {"spec": {"template": template}})
    done = fields.value_at(body, (*TEMPLATE, "metadata", "annotations", RESTARTED_AT)) == at
    yield Change(target, f"restarted {target}", patch, idle=done)


def _may_restart(_step: Step, target: ObjectRef) -> Iterator[Access]:
    return on(target, "get patch")


ROLLING_RESTART = Remedy(RollingRestart, _plan_restart, _restart, _may_restart, radius.rollout)


class RecycleConnections(Step):
    """Restart the clients of the database in order, so that they give their connections back."""

    action: Literal["recycle-connections"]


def _plan_recycle(step: RecycleConnections, scene: Scene) -> Rung | str:
    if scene.workload is None:
        return "there is no client to restart"
    clients: tuple[Workload, ...] = (scene.workload,)
    if looks_like_database(scene.workload) or "database-full" in scene.issue.kinds:
        clients = scene.topology.callers_of(scene.workload)
    if not clients:
        return "nobody is known to call this database"
    return _restarts(step, clients, scene, "gives the connections of {} back")


RECYCLE_CONNECTIONS = Remedy(RecycleConnections, _plan_recycle, _restart, _may_restart, radius.rollout)


class RestartDependency(Step):
    """Restart the databases that the workload calls."""

    action: Literal["restart-dependency"]


def _plan_dependency(step: RestartDependency, scene: Scene) -> Rung | str:
    if scene.workload is None:
        return "it has no dependency"
    known = scene.topology.workloads.values()
    found = [w for w in known if looks_like_database(w) and scene.workload in scene.topology.callers_of(w)]
    if not found:
        return "no database is known that it calls"
    return _restarts(step, found, scene, "restarts the database behind it")


RESTART_DEPENDENCY = Remedy(RestartDependency, _plan_dependency, _restart, _may_restart, radius.rollout)


class RestartDns(Step):
    """Restart the cluster's DNS, a few pods at a time."""

    action: Literal["restart-dns"]


def _plan_dns(step: RestartDns, scene: Scene) -> Rung | str:
    found = [w for w in scene.topology.workloads.values() if is_dns(w)]
    if not found:
        return "nobody is known who answers for names"
    return _restarts(step, found, scene, "makes the pods anew that answer for names")


RESTART_DNS = Remedy(RestartDns, _plan_dns, _restart, _may_restart, radius.rollout)


# ---------------------------------------------------------------- revisions


class RollBack(Step):
    """Put the deployment back to the newest earlier revision that still serves, else to the one before."""

    action: Literal["roll-back"]


def _plan_roll_back(step: RollBack, scene: Scene) -> Rung | str:
    workload = scene.workload
    if workload is None or workload.ref.kind != kube.DEPLOYMENT:
        return "only deployments keep their revisions as replica sets"
    if keeper := kept(workload, *TEMPLATE):
        return keeper
    found = rollouts.revisions(workload.body, scene.topology.replica_sets_of(workload))
    healthy = rollouts.last_healthy(workload.body, found)
    running = rollouts.current(workload.body, found)
    if healthy is None or running is None:
        return "no earlier revision is left that is known to be better"
    unknown = "the one before: nothing shows any more whether it served"
    state = f"{healthy.ready} of its pods still serve" if healthy.ready else unknown
    expects = {"from": running.name, "to": healthy.name}
    return Rung(step, (workload.ref,), f"back to revision {healthy.number}, {state}", expects=expects)


def _roll_back(_step: RollBack, rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    body = hands.whole(target)
    found = rollouts.revisions(body, hands.cluster.list(kube.REPLICA_SET, target.namespace).items)
    running = rollouts.current(body, found)
    healthy = next((each for each in found if each.name == rung.expects["to"]), None)
    if running is None or running.name != rung.expects["from"]:
        raise CannotStart(f"{target} has another revision by now than the one to blame")
    if healthy is None:
        raise CannotStart(f"the healthy revision of {target} is gone")
    words = f"rolled {target} back to revision {healthy.number}"
    yield changed_template(body, target, healthy.template, words, hands)


def changed_template(body: Object, target: ObjectRef, template: Object, words: str, hands: Hands) -> Change:
    """The deployment gets another pod template; the server was asked whether it takes it.

    Raises:
        Refused: somebody else keeps the template as it is (guard ``ownership``).
    """
    fields.refuse_when_kept(hands.cluster, body, TEMPLATE)
    entry = rollout.prepare(hands.cluster, body, template)
    change = partial(rollout.change, hands.cluster, body, template, entry.after)
    return Change(target, words, change, (entry,))


def _may_roll_back(_step: Step, target: ObjectRef) -> Iterator[Access]:
    yield from on(target, "get patch")
    yield from access("list", "apps", "replicasets", target.namespace)


ROLL_BACK = Remedy(RollBack, _plan_roll_back, _roll_back, _may_roll_back, radius.rollout)
