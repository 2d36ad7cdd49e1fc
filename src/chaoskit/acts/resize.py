"""A pod's resources changed while it runs (its ``resize`` subresource, Kubernetes 1.33 and later)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import inf
from typing import Any

from chaoskit import kube
from chaoskit.acts.changes import Change
from chaoskit.acts.entries import Entry, Undone
from chaoskit.errors import ChaoskitError, Conflict, after
from chaoskit.ports.cluster import Cluster, Object, ObjectRef

KIND = "resize"

Resources = Mapping[str, Mapping[str, Any]]
"""By container: its ``limits`` and ``requests``."""

_TRIES = 10


def change(cluster: Cluster, pod: Object, after: Resources) -> Change:
    """These containers of the running pod get other resources, if they still have the present ones then."""
    ref = kube.ref_of(pod, kube.POD)
    before = {name: _resources(pod).get(name) for name in after}

    def wanted(present: Resources) -> Resources:
        if _are(present, after):
            return {}
        if any(present.get(name) != each for name, each in before.items()):
            raise Conflict(f"{ref} has other resources than a moment ago")
        return after

    words = f"{ref} " + ", ".join(f"{name} gets {_shown(each)}" for name, each in after.items())
    entry = Entry(KIND, ref, before=before, after=dict(after))
    return Change(ref, words, partial(_set, cluster, ref, wanted), (entry,))


def refusal(cluster: Cluster, pod: Object, after: Resources) -> str:
    """Why the server would not do that, in words; "" when it would (a dry run)."""
    try:
        _patch(cluster, kube.ref_of(pod, kube.POD), after, dry_run=True)
    except ChaoskitError as error:
        return error.message
    return ""


def undo(cluster: Cluster, entry: Entry) -> Undone:
    """Of each container's limits and requests those that are ours still are as before.

    Raises:
        NotFound: the pod is gone.
        Conflict: it changes faster than it can be written.
    """
    others: tuple[str, ...] = ()

    def wanted(present: Resources) -> Resources:
        nonlocal others
        back, others = _back(entry, present)
        return back

    changed = _set(cluster, entry.target, wanted)
    if others:
        return Undone(
            "not ours", f"{entry.target} got another {', '.join(others)} from others since: it stays"
        )
    return Undone("restored" if changed else "as before", f"{entry.target} has its own resources again")


def held_back(pod: Object, entry: Entry) -> str:
    """Why containers run with our lower limits still, though their own are written again; "" when none does.

    Both are by the word of the kubelet, which gives more when its node has room, and nothing to a pod that is
    over.
    """
    if kube.is_over(pod) or not _runs_with_less(pod, entry):
        return ""
    pending = kube.condition(pod, "PodResizePending") or {}
    return ": ".join(filter(None, (pending.get("reason"), pending.get("message")))) or "it does not say why"


def _runs_with_less(pod: Object, entry: Entry) -> bool:
    runs = {status["name"]: status.get("resources") for status in kube.container_statuses(pod)}
    for name, part, each in _changed(entry, "limits"):
        containers = (runs, entry.after, entry.before, _resources(pod))
        running, ours, own, wanted = (_amount(of.get(name), part, each) for of in containers)
        if running == ours < own == wanted:
            return True
    return False


def _back(entry: Entry, present: Resources) -> tuple[Resources, tuple[str, ...]]:
    """What puts back of each container what is ours still, and what of it others set since, in words.

    A request that is over a limit of others stays as it is: the server would refuse it.
    """
    back, others = dict[str, dict[str, dict[str, Any]]](), list[str]()
    for name, part, each in _changed(entry, "limits", "requests"):
        was, ours, now = entry.before[name] or {}, entry.after[name], present.get(name)
        own, mine, found = (_amount(of, part, each) for of in (was, ours, now))
        of_others = _amount(now, "limits", each) != _amount(ours, "limits", each)
        limit = _amount(now if of_others else was, "limits", each)
        if found == mine and own <= limit:
            back.setdefault(name, {}).setdefault(part, {})[each] = (was.get(part) or {}).get(each)
        elif found not in {own, mine}:
            others.append(f"{each} {part.removesuffix('s')} of {name}")
    return back, tuple(others)


def _changed(entry: Entry, *parts: str) -> Iterator[tuple[str, str, str]]:
    """Container, part and name of each amount that is another one than before."""
    for name, ours in entry.after.items():
        for part in parts:
            for each in ours.get(part) or {}:
                if _amount(ours, part, each) != _amount(entry.before[name], part, each):
                    yield name, part, each


def _set(cluster: Cluster, ref: ObjectRef, wanted: Callable[[Resources], Resources]) -> bool:
    """The containers have the resources that `wanted` makes of the present ones; whether that changed any.

    The pod is read again whenever it was written in between; what is done by then is taken for done here,
    since a patch whose answer was lost is sent again, and meets what it wrote.

    Raises:
        NotFound: the pod is gone.
        Conflict: it changes faster than it can be written.
    """
    with after() as sent:
        pod, tried = cluster.get(ref), False
        for _ in range(_TRIES):
            resources = wanted(_resources(pod))
            if not resources:
                return tried
            try:
                _patch(cluster, ref, resources, version=pod["metadata"]["resourceVersion"])
            except Conflict as error:
                sent.heard(error)
                pod, tried = cluster.get(ref), True
            else:
                return True
        raise Conflict(f"{ref} changes faster than it can be written")


def _patch(
    cluster: Cluster, ref: ObjectRef, resources: Resources, *, version: str = "", dry_run: bool = False
) -> None:
    containers = [{"name": name, "resources": each} for name, each in resources.items()]
    meta = {"metadata": {"resourceVersion": version}} if version else {}
    patch = {**meta, "spec": {"containers": containers}}
    cluster.patch(ref, patch, type="strategic", subresource="resize", dry_run=dry_run)


def _resources(pod: Object) -> dict[str, Mapping[str, Any]]:
    return {each["name"]: each.get("resources") or {} for each in pod["spec"]["containers"]}


def stands(pod: Object, after: Resources) -> bool:
    """Whether all these containers of the pod have such limits."""
    return _are(_resources(pod), after)


def _are(present: Resources, after: Resources) -> bool:
    return all(same(present.get(name), each) for name, each in after.items())


def same(present: Mapping[str, Any] | None, ours: Mapping[str, Any]) -> bool:
    """Whether the limits are the same amounts; the server may write them differently."""
    return all(_amount(present, "limits", each) == _amount(ours, "limits", each) for each in ours["limits"])


def _amount(resources: Mapping[str, Any] | None, part: str, name: str) -> float:
    """Infinite where there is none."""
    amount = ((resources or {}).get(part) or {}).get(name)
    return inf if amount is None else kube.quantity(amount)


def _shown(resources: Mapping[str, Any]) -> str:
    return " ".join(f"{name} {value}" for name, value in resources["limits"].items())
