"""Pods that go and containers that end: their owners put it right, so there is nothing to write down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial

from chaoskit import kube
from chaoskit.acts.changes import Change
from chaoskit.errors import CannotStart, ChaoskitError
from chaoskit.experiments.direct.scene import Direct, Scene, access, commanding
from chaoskit.experiments.faults import Parameter
from chaoskit.ports.cluster import Access, Cluster, Object, ObjectRef

SIGNALS = {"SIGTERM": 15, "SIGINT": 2, "SIGQUIT": 3, "SIGHUP": 1, "SIGABRT": 6, "SIGUSR1": 10}
"""Signals that a program may have a handler for. SIGKILL does not reach a container's first process from
inside: the kernel spares the first process of a PID namespace what it has no handler for."""


def _delete(scene: Scene) -> Iterator[Change]:
    grace = 0 if scene.true("force") else None
    for pod in scene.chosen:
        ref = kube.ref_of(pod, kube.POD)
        yield Change(ref, f"{ref} deleted", partial(_take, scene.cluster, ref, grace))


def _take(cluster: Cluster, ref: ObjectRef, grace: int | None) -> bool:
    """The pod is on its way out, by us; whether it was not before.

    Raises:
        NotFound: somebody else took it a moment earlier.
    """
    if kube.is_deleting(cluster.get(ref)):
        return False
    cluster.delete(ref, grace=grace)
    return True


def _gone(scene: Scene, done: Sequence[ObjectRef]) -> str:
    return next((words for ref in done if (words := going(scene, ref))), "")


def going(scene: Scene, ref: ObjectRef) -> str:
    """Whether that very pod is gone or on its way, in words; "" while it stays."""
    body = kube.found(scene.cluster, ref)
    if body is None:
        return f"{ref} is gone"
    return f"{ref} is being deleted" if kube.is_deleting(body) else ""


def _may_delete(scene: Scene) -> Iterator[Access]:
    return access("delete", "", "pods", scene.namespace)


DELETE = Direct(
    "pod-delete",
    "pod",
    (
        Parameter("interval", "CHAOS_INTERVAL", "int", "10", "between deletions", "seconds", 1),
        Parameter("force", "FORCE", "bool", "false", "delete without grace"),
    ),
    _delete,
    _gone,
    _may_delete,
    repeats=True,
)


def _kill(scene: Scene) -> Iterator[Change]:
    signal = scene.parameters["signal"]
    for pod in scene.chosen:
        ref, container = kube.ref_of(pod, kube.POD), _container(pod, scene)
        send = partial(_send, scene.cluster, ref, container, signal)
        yield Change(ref, f"{ref} container {container} gets {signal}", send)


_WENT_WITH_IT = 137
"""What a shell ends with (128 and SIGKILL) that the kernel ends together with its container."""


def _send(cluster: Cluster, ref: ObjectRef, container: str, signal: str) -> None:
    """The first process of the container was sent the signal.

    Raises:
        CannotStart: it was not: `kill` says why.
    """
    command = ("sh", "-c", f"kill -{signal.removeprefix('SIG')} 1")
    ended = cluster.exec(ref, command, container=container, timeout=5.0)
    if ended.exit_code not in {0, _WENT_WITH_IT}:
        why = ended.stderr.strip() or f"kill ends with {ended.exit_code}"
        raise CannotStart(f"{signal} cannot be sent to container {container} of {ref}: {why}")


def _container(pod: Object, scene: Scene) -> str:
    return scene.parameters.get("container") or str(pod["spec"]["containers"][0]["name"])


def _restarted(scene: Scene, done: Sequence[ObjectRef]) -> str:
    before = {kube.ref_of(pod, kube.POD): kube.restarts(pod) for pod in scene.selection.pods}
    for ref in done:
        body = kube.found(scene.cluster, ref)
        if body is None:
            return f"{ref} is gone"
        times = kube.restarts(body) - before.get(ref, 0)
        if times > 0:
            return f"{ref} restarted {times} time{'' if times == 1 else 's'}"
    return ""


def _unkillable(scene: Scene) -> Iterator[str]:
    """Why a container would not hear of it: there is none, it has no shell, its first process ignores it."""
    number = SIGNALS[scene.parameters["signal"]]
    for pod in scene.chosen:
        name, container = pod["metadata"]["name"], _container(pod, scene)
        if container not in kube.lasting(pod):
            yield f"pod {name} has no container {container}"
        elif pod["spec"].get("shareProcessNamespace"):
            yield f"the containers of pod {name} share their processes: its first one is none of theirs"
        elif problem := _deaf(scene, kube.ref_of(pod, kube.POD), container, number):
            yield problem


_CAUGHT = re.compile(r"^SigCgt:\s*([0-9a-f]+)$", re.MULTILINE)


def _deaf(scene: Scene, ref: ObjectRef, container: str, number: int) -> str:
    """What ``/proc/1/status`` says: without a handler of its own, a first process is spared the signal."""
    try:
        found = scene.cluster.exec(ref, ("sh", "-c", "cat /proc/1/status"), container=container, timeout=10.0)
    except ChaoskitError as error:
        return f"container {container} of {ref} cannot be asked: {error.message}"
    caught = _CAUGHT.search(found.stdout)
    if found.exit_code or caught is None:
        return f"container {container} of {ref} has no shell to send a signal with"
    if not int(caught[1], 16) >> (number - 1) & 1:
        return f"the first process of container {container} of {ref} would ignore the signal"
    return ""


def _may_exec(scene: Scene) -> Iterator[Access]:
    return commanding(scene.namespace)


KILL = Direct(
    "container-kill",
    "pod",
    (
        Parameter("interval", "CHAOS_INTERVAL", "int", "10", "between kills", "seconds", 1),
        Parameter("signal", "SIGNAL", "choice", "SIGTERM", "what is sent", choices=tuple(SIGNALS)),
        Parameter("container", "TARGET_CONTAINER", "text", "", "which container; the first when empty"),
    ),
    _kill,
    _restarted,
    _may_exec,
    _unkillable,
    repeats=True,
)
