"""Says what keeps a pod of an engine from its work, and since when: no image, no node, crash after crash.

Pure: `troubles` folds one state of a pod after another, `told` reads what came of it. A container that
crashes again and again says so by its state alone only for moments: the kubelet may publish
``CrashLoopBackOff`` not before its back-off ends. Meanwhile it is ``terminated``, and then it runs again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chaoskit import kube
from chaoskit.crashes import STEADY
from chaoskit.ports.cluster import Object

PULL_FAILS = 30.0
"""Seconds for an image that could not be pulled twice."""

CRASHES = 60.0
PENDING = 120.0
"""Seconds for a pod to get a node, and for the node to begin with it."""

_BEGUN = frozenset({"ContainerCreating", "PodInitializing"})

Troubles = Mapping[str, float]
"""Since when what is true of a pod: ``pending``, ``pulls C``, ``crashes C`` and ``runs C N``.

A container ``C`` ``pulls`` while its image cannot be had; ``held back C`` is once the pull is to be tried
again, ``hopeless C`` once that has failed as well, or where none is tried. It crashes until it ends well or
holds: it does so as well while its ``N``th restart runs.
"""


def troubles(pod: Object, before: Troubles, now: float) -> Troubles:
    """What is true of the pod now, since when; `before` is what was known of it until now."""
    lasting = {each: before.get(each, now) for each in (*_pulls(pod, before), *_pending(pod))}
    for status in _statuses(pod):
        lasting |= _of_container(status, pod, before, now)
    return lasting


def _pulls(pod: Object, before: Troubles) -> Iterator[str]:
    """The kubelet tells of the last try while it makes the next one: that is seen only when it has failed."""
    for name, reason in _without_image(pod):
        yield f"pulls {name}"
        held_back, hopeless = f"held back {name}", f"hopeless {name}"
        if reason == kube.IMAGE_HELD_BACK or held_back in before:
            yield held_back
        failed_again = held_back in before and reason != kube.IMAGE_HELD_BACK
        if failed_again or hopeless in before or reason in kube.UNPULLED_REASONS:
            yield hopeless


def _without_image(pod: Object) -> Iterator[tuple[str, str]]:
    """(container, reason) of each whose image cannot be had."""
    return ((name, why) for name, why, _ in kube.waiting(pod) if why in kube.IMAGE_REASONS)


def _pending(pod: Object) -> Iterator[str]:
    if kube.phase(pod) == "Pending":
        yield "pending"


def _of_container(status: Mapping[str, Any], pod: Object, before: Troubles, now: float) -> Troubles:
    name = status["name"]
    crash, again = f"crashes {name}", _runs_again(status)
    ran = (at for key, at in before.items() if key.startswith(f"runs {name} ") and key != again)
    began = before.get(crash) if all(now - at < STEADY for at in ran) else None
    if again:
        return {again: before.get(again, now), **({} if began is None else {crash: began})}
    return {crash: now if began is None else began} if _crash(status, pod) else {}


def _runs_again(status: Mapping[str, Any]) -> str:
    count = int(status.get("restartCount") or 0)
    running = (status.get("state") or {}).get("running") is not None
    return f"runs {status['name']} {count}" if count and running else ""


_NEVER_BEGAN = frozenset({"StartError", "ContainerCannotRun"})
"""Ends of a program that could not be started: it has no log, and the runtime says why."""


def _crash(status: Mapping[str, Any], pod: Object) -> tuple[str, str] | None:
    """Why the container does not run and is to be started again, and a hint; None when it is not so."""
    state, count = status.get("state") or {}, int(status.get("restartCount") or 0)
    waits, ended = state.get("waiting") or {}, state.get("terminated") or {}
    reason = waits.get("reason") or ""
    if reason in kube.CONFIG_REASONS:
        return f"{reason} {waits.get('message') or ''}".strip(), ""
    if reason != "CrashLoopBackOff" and not (count and ended.get("exitCode") and kube.is_alive(pod)):
        return None
    last = ended or (status.get("lastState") or {}).get("terminated") or {}
    if last.get("reason") in _NEVER_BEGAN:
        return f"{last['reason']} of container {status['name']}: {last.get('message') or 'no message'}", ""
    how = f" (exit code {last.get('exitCode')}, {last.get('reason') or 'Error'})" if last else ""
    return f"container {status['name']} crashes again and again{how}", "see its log in the evidence"


def told(pod: Object, known: Troubles, now: float, *, pulls: float) -> tuple[str, str] | None:
    """Why waiting for the pod is useless and what to do about it; None while it may still come up.

    `pulls` is for how many seconds its node may be busy with it: the first pull of an image takes minutes.
    """
    name = pod["metadata"]["name"]
    for each, _ in _without_image(pod):
        if _lasts(known, f"pulls {each}", now) >= (PULL_FAILS if f"hopeless {each}" in known else pulls):
            return f"image {_image(pod, each)} of pod {name} cannot be pulled", "mend its name or registry"
    for status in _statuses(pod):
        crash = _crash(status, pod)
        if crash is not None and _lasts(known, f"crashes {status['name']}", now) >= CRASHES:
            return f"pod {name} does not start: {crash[0]}", crash[1]
    if _lasts(known, "pending", now) >= (pulls if _is_begun(pod) or any(_without_image(pod)) else PENDING):
        return f"pod {name} is pending: {_why_pending(pod)}", ""
    return None


def _is_begun(pod: Object) -> bool:
    """Whether its node is about to start it."""
    return any(reason in _BEGUN for _, reason, _ in kube.waiting(pod))


def _lasts(known: Troubles, what: str, now: float) -> float:
    return now - known.get(what, now)


def _statuses(pod: Object) -> tuple[Mapping[str, Any], ...]:
    return (*kube.init_container_statuses(pod), *kube.container_statuses(pod))


def _image(pod: Object, container: str) -> str:
    spec = pod["spec"]
    every = (*(spec.get("initContainers") or ()), *spec["containers"])
    return next((str(each["image"]) for each in every if each["name"] == container), "of a container")


def _why_pending(pod: Object) -> str:
    if _is_begun(pod):
        return "its image is still being pulled, or a volume or an init container of it is not ready"
    scheduled = kube.condition(pod, "PodScheduled") or {}
    found = next((f"{reason} {message}" for _, reason, message in kube.waiting(pod)), "")
    return str(scheduled.get("message") or found or "no reason is known")
