"""Keeps what would vanish: logs of experiment, helper and target pods, and what became of targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from chaoskit import kube
from chaoskit.acts.trail import UID_LABEL
from chaoskit.errors import ChaoskitError
from chaoskit.ports.cluster import Cluster, Object

TAIL = 200
MOST = 40
"""Logs kept in one run, so that a fault on hundreds of pods does not fill the store."""
LARGEST = 64 * 1024
"""Bytes kept of one log, its end: a document of the store has 16 MB at most."""
Aside = Callable[[Callable[[], None]], None]
"""Has something read, now or by and by."""


class Evidence:
    """What one run keeps. `uid` is the engine's; `targets` are the pods as they were before it.

    `aside` has a log read: at once when not said.
    """

    def __init__(
        self,
        cluster: Cluster,
        uid: str,
        targets: Iterable[Object],
        *,
        aside: Aside = lambda read: read(),
    ) -> None:
        self.logs: dict[str, str] = {}
        self.changes: list[str] = []
        self._cluster = cluster
        self._uid = uid
        self._aside = aside
        self._restarts: dict[tuple[str, str], int] = {}
        self._kept: set[tuple[str, str]] = set()
        self._gone: set[tuple[str, str]] = set()
        self.also(targets)

    def also(self, targets: Iterable[Object]) -> None:
        """These pods are targets as well, as they are now; those that are known stay as they were."""
        for pod in targets:
            self._restarts.setdefault(_key(pod), kube.restarts(pod))

    @property
    def affected(self) -> bool:
        """Whether anything was seen to have changed on a target since."""
        return bool(self.changes)

    def pod(self, type_: str, pod: Object) -> str:
        """Logs that end now are kept; answers what happened to a target, in words, "" when nothing."""
        if kube.labels_of(pod).get(UID_LABEL) == self._uid:
            if type_ != "DELETED" and not kube.is_alive(pod):
                self._keep(pod)
            return ""
        return self._target(type_, pod) if _key(pod) in self._restarts else ""

    def note(self, words: str) -> str:
        """A change on a target was seen; answers the same words."""
        self.changes.append(words)
        return words

    def everything(self, pods: Iterable[Object]) -> None:
        """The logs of the engine's pods as they are now."""
        for pod in pods:
            self._keep(pod, again=True)

    def document(self) -> dict[str, Any]:
        """What was kept, as JSON."""
        return {"logs": dict(self.logs), "changes": list(self.changes)}

    def _target(self, type_: str, pod: Object) -> str:
        key, name = _key(pod), pod["metadata"]["name"]
        restarts = kube.restarts(pod)
        if (type_ == "DELETED" or kube.is_deleting(pod)) and key not in self._gone:
            self._gone.add(key)
            if type_ != "DELETED":
                self._keep(pod)
            return self.note(f"pod {name} is being deleted")
        if restarts > self._restarts[key]:
            self._restarts[key] = restarts
            self._keep(pod, previous=True, again=True)
            return self.note(f"pod {name} restarted: {_why(pod)}")
        return ""

    def _keep(self, pod: Object, *, previous: bool = False, again: bool = False) -> None:
        if _key(pod) not in self._kept or again:
            self._kept.add(_key(pod))
            self._aside(partial(self._read, pod, previous=previous))

    def _read(self, pod: Object, *, previous: bool) -> None:
        if len(self.logs) >= MOST:
            return
        for container in kube.lasting(pod):
            name = f"{pod['metadata']['name']}/{container}"
            try:
                text = self._cluster.logs(
                    kube.ref_of(pod, kube.POD), container=container, tail=TAIL, previous=previous
                )
            except ChaoskitError as error:
                text = f"(not kept: {error})" if name not in self.logs else ""
            if text:
                self.logs[name] = _end(text)


def _key(pod: Object) -> tuple[str, str]:
    return pod["metadata"].get("namespace", ""), pod["metadata"].get("uid") or pod["metadata"]["name"]


def _end(text: str) -> str:
    """The last of a log, without the half of a character at its beginning."""
    return text.encode()[-LARGEST:].decode(errors="ignore")


def _why(pod: Object) -> str:
    ends = (
        f"{state.get('reason', '')} ({state.get('exitCode')})" for _, state in kube.last_terminations(pod)
    )
    return next(ends, "no reason is known")
