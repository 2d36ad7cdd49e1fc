"""Chaos that others began: Litmus engines which no ledger tells of that was read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chaoskit import kube
from chaoskit.acts.aims import Wanted, has_label, wanted
from chaoskit.acts.halt import Act
from chaoskit.acts.trail import runs
from chaoskit.errors import Forbidden, NotFound, Refused
from chaoskit.governor.limits import key_of
from chaoskit.ports.cluster import Cluster, Object, ObjectRef


@dataclass(frozen=True, slots=True)
class _No:
    """What one kind of act is told: the guard, and its rule."""

    guard: str
    limit: str


_NO: Mapping[Act, _No] = {
    "recovery": _No("interlock", "no recovery where chaos works"),
    "chaos": _No("busy", "one act on a workload at a time"),
}


def refuse_beside(
    cluster: Cluster,
    act: Act,
    targets: Sequence[ObjectRef],
    *,
    ledgers: Collection[str] = (),
    own: ObjectRef | None = None,
) -> None:
    """No engine at work aims at a pod of these targets, but for the act's `own`, which it makes anew.

    Targets are workloads, jobs, pods of nobody's; what has no pods is in no engine's way.
    `ledgers` are the runs under way that were read: for chaos their engines are not asked about, since a
    ledger tells exactly what its run works on. The label of a run alone says nothing: copies have it as well.

    Raises:
        Refused: one does (guard ``interlock``, ``busy`` for chaos): what it disturbs is to be watched, not
            repaired, and its effect would be taken for that of another fault.
    """
    for body in _at_work(cluster, _places(targets)):
        run = kube.labels_of(body).get(kube.RUN_LABEL, "")
        if act == "chaos" and (run in ledgers or _is(body, own)):
            continue
        hit = next((each for each in targets if _aims_at(cluster, body, each)), None)
        if hit is not None:
            no, ref = _NO[act], kube.ref_of(body, kube.CHAOS_ENGINE)
            where = "" if ref.namespace == hit.namespace else f" of namespace {ref.namespace}"
            raise Refused(
                f"chaos engine {ref.name}{where} works on {hit}",
                guard=no.guard,
                limit=no.limit,
                hint=f"wait for it, or stop it: {_stopping(ref, run if run in ledgers else '')}",
            )


def unseen(cluster: Cluster, targets: Sequence[ObjectRef]) -> Iterator[str]:
    """Where `refuse_beside` sees no engines that may aim at these targets, in words."""
    places = _places(targets)
    try:
        if places:
            cluster.list(kube.CHAOS_ENGINE)
    except Forbidden as error:
        yield f"a chaos engine in other namespaces would not be seen: {error.message}"
        for place in places:
            try:
                cluster.list(kube.CHAOS_ENGINE, place)
            except Forbidden as here:
                yield f"a chaos engine in namespace {place} would not be seen: {here.message}"


def _places(targets: Iterable[ObjectRef]) -> tuple[str, ...]:
    return tuple(sorted({each.namespace for each in targets} - {""}))


def _stopping(ref: ObjectRef, run: str) -> str:
    """The command that ends it: its run where that is known, else the engine alone, whoever made it."""
    if run:
        return f"chaoskit abort {run}"
    patch = """-p '{"spec":{"engineState":"stop"}}'"""
    return f"kubectl patch chaosengine {ref.name} -n {ref.namespace} --type merge {patch}"


def _is(body: Object, ref: ObjectRef | None) -> bool:
    meta = body["metadata"]
    return ref is not None and (meta["namespace"], meta["name"]) == (ref.namespace, ref.name)


def _at_work(cluster: Cluster, places: Iterable[str]) -> Iterator[Object]:
    """The engines of everywhere, or of these namespaces: one aims at pods of other namespaces as well."""
    try:
        found = cluster.list(kube.CHAOS_ENGINE).items
    except Forbidden:
        found = tuple(each for place in places for each in _listed(cluster, place))
    yield from (each for each in found if runs(each))


def _listed(cluster: Cluster, place: str) -> tuple[Object, ...]:
    try:
        return cluster.list(kube.CHAOS_ENGINE, place).items
    except Forbidden:
        return ()


def _aims_at(cluster: Cluster, body: Object, target: ObjectRef) -> bool:
    """Whether the engine takes a pod of the target; one that names nothing means its whole namespace."""
    parts = [each for each in wanted(body) if each.namespace == target.namespace and _may_be(each, target)]
    if target.kind in kube.WORKLOADS and any(_means(each, target) for each in parts):
        return True
    pods = _pods_of(cluster, target) if parts else ()
    return any(_means(part, target) or _takes(part, pod) for pod in pods for part in parts)


def _may_be(part: Wanted, target: ObjectRef) -> bool:
    return part.kind.lower() in {"kind", "pod", target.kind.name.lower()}


def _means(part: Wanted, target: ObjectRef) -> bool:
    """Whether it says so of the target as a whole; names are those of what owns pods."""
    named = part.kind != "pod" and target.kind != kube.POD and target.name in part.names
    return named or not (part.names or part.labels)


def _takes(part: Wanted, pod: Object) -> bool:
    named = part.kind == "pod" and pod["metadata"]["name"] in part.names
    return named or any(has_label(kube.labels_of(pod), label) for label in part.labels)


def _pods_of(cluster: Cluster, target: ObjectRef) -> Sequence[Object]:
    """The target itself where it is a pod, and all that are owned by it, of whatever kind it is."""
    place = target.namespace
    try:
        if target.kind == kube.POD:
            return (cluster.get(target),)
        if target.kind in kube.WORKLOADS:
            return cluster.list(kube.POD, place, labels=kube.selector_of(cluster.get(target))).items
    except (NotFound, Forbidden):
        return ()
    owned = key_of(target)
    pods = cluster.list(kube.POD, place).items
    return [pod for pod in pods if (owner := kube.owner(pod)) is not None and key_of(owner) == owned]
