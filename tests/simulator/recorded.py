"""The recorded life of pods, and the same actions on a simulated cluster: both as comparable histories."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.simulator.world import World

from chaoskit.simulator.api import Change, Object
from chaoskit.simulator.apiserver.patches import strategic

KINDS = {"Deployment": "Deployment.apps", "ReplicaSet": "ReplicaSet.apps", "Pod": "Pod"}
_NAMES = re.compile(r"\b([a-z]+)-[a-z0-9]{8,10}(-[a-z0-9]{5})?(?![a-z0-9])")
_UID = re.compile(r"\([0-9a-f-]{36}\)")
_ADDRESS = re.compile(r"10\.244\.\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Step:
    """A state an object was in, and since when (seconds after the first request)."""

    at: float
    state: tuple[Any, ...]


@dataclass(slots=True)
class History:
    """What happened to each object, by kind and order of appearance, and the events about it."""

    names: dict[str, list[str]] = field(default_factory=dict)
    steps: dict[tuple[str, str], list[Step]] = field(default_factory=dict)
    events: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    counts: dict[tuple[str, ...], int] = field(default_factory=dict)

    def add(self, at: float, kind: str, change: str, body: Object) -> None:
        """One line of a recording, or one call of a watch."""
        if kind == "Event":
            self._add_event(change, body)
            return
        name = body["metadata"]["name"]
        if change == "ADDED":
            self.names.setdefault(kind, []).append(name)
        steps = self.steps.setdefault((kind, name), [])
        state = ("gone",) if change == "DELETED" else STATES[kind](body)
        if not steps or steps[-1].state != state:
            steps.append(Step(at, state))

    def _add_event(self, change: str, body: Object) -> None:
        about = body["involvedObject"]["name"]
        component = body["reportingComponent"]
        told = (component, body["type"], body["reason"], plain(body["message"]))
        if change == "ADDED":
            self.events.setdefault(about, []).append(told)
        self.counts[about, *told] = body.get("count") or 1

    def of(self, kind: str, number: int) -> list[Step]:
        """The steps of the object of `kind` that appeared as number `number`."""
        return self.steps[kind, self.names[kind][number]]


def plain(message: str) -> str:
    """A message without what differs from run to run: generated names, uids, addresses."""
    return _ADDRESS.sub("IP", _UID.sub("(UID)", _NAMES.sub(r"\1-*", message)))


def _conditions(body: Object) -> tuple[Any, ...]:
    return tuple(
        (c["type"], c["status"], c.get("reason", ""), plain(c.get("message", "")))
        for c in body["status"].get("conditions") or ()
    )


def _pod(pod: Object) -> tuple[Any, ...]:
    status, meta = pod["status"], pod["metadata"]
    return (
        status["phase"],
        "deletionTimestamp" in meta,
        meta.get("deletionGracePeriodSeconds"),
        bool(pod["spec"].get("nodeName")),
        _conditions(pod),
        tuple(_container(c) for c in status.get("containerStatuses") or ()),
    )


def _container(status: Object) -> tuple[Any, ...]:
    return (
        status["ready"],
        status["started"],
        status["restartCount"],
        *(_state(status[name]) for name in ("state", "lastState")),
        frozenset(status),
        *(frozenset(mount) for mount in status.get("volumeMounts") or ()),
    )


def _state(state: Object) -> tuple[Any, ...]:
    for kind, detail in state.items():
        message = plain(detail.get("message", ""))
        return kind, detail.get("reason", ""), detail.get("exitCode"), message
    return ()


def _workload(body: Object) -> tuple[Any, ...]:
    counts = {k: v for k, v in body["status"].items() if k != "conditions"}
    annotations = body["metadata"].get("annotations") or {}
    return (
        body["metadata"]["generation"],
        "deletionTimestamp" in body["metadata"],
        body["spec"]["replicas"],
        tuple(sorted(annotations.items())),
        tuple(sorted(counts.items())),
        _conditions(body),
    )


STATES = {"Pod": _pod, "ReplicaSet": _workload, "Deployment": _workload}


def recording(folder: Path, scenario: str) -> History:
    """What the recording shows of one scenario."""
    history = History()
    with (folder / "pod-lifecycle.jsonl").open() as lines:
        for line in map(json.loads, lines):
            if line["scenario"] == scenario:
                history.add(line["t"], line["kind"], line["type"], line["object"])
    return history


def actions(folder: Path, scenario: str) -> list[Object]:
    """The requests of one scenario, in order."""
    found: list[Object] = json.loads((folder / "pod-lifecycle-actions.json").read_text())[scenario]
    return found


class Laboratory(World):
    """A cluster of one node whose changes in the scenario's namespace become a history."""

    def __init__(self, namespace: str) -> None:
        super().__init__(count=1, cpu="2", namespace=namespace)
        self.history = History()
        self._began = self.engine.now()
        for kind in (*KINDS, "Event"):
            self.api.watch(KINDS.get(kind, kind), self._seen(kind))

    def run_until(self, at: float) -> None:
        """Simulated time is `at` seconds after the start."""
        self.engine.run_until(self._began + at)

    def request(self, request: str, body: Object | None, recorded: History) -> None:
        """A recorded request is made; names that a server made up are translated."""
        method, path = request.split(" ")
        path, _, query = path.partition("?")
        parts = path.split("/namespaces/")[1].split("/")
        namespace, plural, name = parts[0], parts[1], parts[2] if len(parts) > 2 else ""
        if method == "POST" and body is not None:
            body["metadata"]["namespace"] = namespace
            self.api.create(body)
        elif method == "PATCH" and body is not None:
            self._patch(namespace, name, body)
        elif plural == "pods":
            number = recorded.names["Pod"].index(name)
            grace = 0 if "gracePeriodSeconds=0" in query else None
            self.api.delete("Pod", namespace, self.history.names["Pod"][number], grace=grace)
        else:
            propagation = (body or {}).get("propagationPolicy", "Background")
            self.api.delete("Deployment.apps", namespace, name, propagation=propagation)

    def _patch(self, namespace: str, name: str, body: Object) -> None:
        found = self.api.get("Deployment.apps", namespace, name)
        assert found is not None
        self.api.update(strategic(found, body))

    def _seen(self, kind: str) -> Any:
        def seen(change: Change, body: Object) -> None:
            if body["metadata"].get("namespace", "").startswith("lab-"):
                self.history.add(self.engine.now() - self._began, kind, change, body)

        return seen


def replay(folder: Path, scenario: str, until: float) -> History:
    """What the scenario's requests do on a simulated cluster, up to `until` seconds."""
    laboratory = Laboratory(f"lab-{scenario}")
    recorded = recording(folder, scenario)
    for action in actions(folder, scenario):
        laboratory.run_until(action["t"])
        laboratory.request(action["request"], action["body"], recorded)
    laboratory.run_until(until)
    return laboratory.history
