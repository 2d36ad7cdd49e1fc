"""Says what keeps a pod of an engine from its work, and since when: no image, no node, crash after crash.

Pure: `troubles` folds one state of a pod after another, `told` reads what came of it. A container that
crashes again and again says so by its state alone only for moments: the kubelet may publish
``CrashLoopBackOff`` not before its back-off ends. Meanwhile it is ``terminated``, and then it runs again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chaoskit import kube
from chaoskit.ports.cluster import Object

PULL_FAILS = 30.0
CRASHES = 60.0
PENDING = 120.0
STEADY = 10.0
"""Seconds; a container that was started again and ran for so long has crashed for the last time so far."""

Troubles = Mapping[str, float]
"""Since when what is true of a pod: ``pulls``, ``pending``, ``crashes C`` and ``runs C N``.

A container ``C`` crashes until it ends well or holds: it does so as well while its ``N``th restart runs.
"""


def troubles(pod: Object, before: Troubles, now: float) -> Troubles:
    """What is true of the pod now, since when; `before` is what was known of it until now."""
    lasting = {each: before.get(each, now) for each in _lasting(pod)}
    for status in _statuses(pod):
        lasting |= _of_container(status, pod, before, now)
    return lasting


def _lasting(pod: Object) -> Iterator[str]:
    if any(reason in kube.IMAGE_REASONS for _, reason, _ in kube.waiting(pod)):
        yield "pulls"
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


def told(pod: Object, known: Troubles, now: float) -> tuple[str, str] | None:
    """Why waiting for the pod is useless and what to do about it; None while it may still come up."""
    name = pod["metadata"]["name"]
    if _lasts(known, "pulls", now) >= PULL_FAILS:
        return f"image {_image(pod)} of pod {name} cannot be pulled", "mend its name or registry"
    for status in _statuses(pod):
        crash = _crash(status, pod)
        if crash is not None and _lasts(known, f"crashes {status['name']}", now) >= CRASHES:
            return f"pod {name} does not start: {crash[0]}", crash[1]
    if _lasts(known, "pending", now) >= PENDING:
        return f"pod {name} is pending: {_why_pending(pod)}", ""
    return None


def _lasts(known: Troubles, what: str, now: float) -> float:
    return now - known.get(what, now)


def _statuses(pod: Object) -> tuple[Mapping[str, Any], ...]:
    return (*kube.init_container_statuses(pod), *kube.container_statuses(pod))


def _image(pod: Object) -> str:
    waiting = {name for name, reason, _ in kube.waiting(pod) if reason in kube.IMAGE_REASONS}
    spec = pod["spec"]
    every = (*(spec.get("initContainers") or ()), *spec["containers"])
    return next((str(each["image"]) for each in every if each["name"] in waiting), "of a container")


def _why_pending(pod: Object) -> str:
    scheduled = kube.condition(pod, "PodScheduled") or {}
    found = next((f"{reason} {message}" for _, reason, message in kube.waiting(pod)), "")
    return str(scheduled.get("message") or found or "no reason is known")
