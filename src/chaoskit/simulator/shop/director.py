"""Which stories are played when: irregular incidents for training, a fresh one for a demonstration, quiet.

Times between incidents are exponential, so no clock tells the next one; workloads are drawn anew each time.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from chaoskit.simulator.api import ApiError, Change, Object
from chaoskit.simulator.engine import Script
from chaoskit.simulator.shop.faults import FAULTS
from chaoskit.simulator.shop.harmless import EVENTS, WITH_JOBS, Harmless, slow_start, unannounced
from chaoskit.simulator.shop.stage import Incident, Stage
from chaoskit.simulator.shop.stories import STORIES, TRAINING
from chaoskit.simulator.traffic.view import Pod, read_pod

NAMESPACE = "kube-system"
ORDERS = "simulator-stories"
"""Each new value ``kind:workload`` in this ConfigMap's data begins that story.

``kind:namespace/workload@SECONDS`` says where, and how long it takes until it fails, where a story grows.
"""
LOG = "simulator-incidents"
"""This ConfigMap tells of the incidents that are over, as an incident log would."""

_EVERY = {**STORIES, **FAULTS}
_INCIDENT_GAP = 30.0 * 60
_HARMLESS_GAP = 13.0 * 60
_QUIET_GAP = 50.0 * 60
_BUSY_GAP = 5.0 * 60
_AT_ONCE = 3
_REST = 20.0 * 60
_SETTLE = 8.0 * 60
_logger = logging.getLogger(__name__)


class NoSuchStoryError(ValueError):
    """There is no story of that name, or it cannot befall the workload that was named with it."""


def unknown(story: str) -> str:
    """What is wrong with the story's name, and those that there are; "" of one that there is."""
    name = story.partition(":")[0]
    known = sorted((*_EVERY, "training", "everything", "demo", "quiet", "busy"))
    return "" if name in known else f"no story is called {name!r}; there are {', '.join(known)}"


class Director:
    """Begins stories on the stage and keeps the truth about them in `incidents`."""

    def __init__(self, stage: Stage, story: str | None, *, present: float) -> None:
        self._stage = stage
        self._story = story or ""
        self._present = present
        self._busy: dict[tuple[str, str], float] = {}
        self._obeyed: set[tuple[str, str]] = set()
        self.incidents: list[Incident] = []

    def start(self) -> None:
        """The story that was asked for is under way in the deployed shop; orders by ConfigMap are heard.

        Raises:
            NoSuchStoryError: there is no such story, or no such workload in the shop.
        """
        self._config_map(ORDERS, {})
        self._stage.api.watch("ConfigMap", self._ordered)
        for script in self._scripts():
            self._stage.engine.spawn(script)

    def begin(
        self,
        kind: str,
        workload: str,
        *,
        namespace: str = "shop",
        tended: bool = False,
        seconds: float | None = None,
    ) -> Incident:
        """The story is under way; ValueError for an unknown kind or a workload that it cannot befall."""
        story = _EVERY.get(kind)
        if story is None:
            raise ValueError(f"no story is called {kind!r}; there are {', '.join(sorted(_EVERY))}")
        pods = self._stage.pods(namespace, workload)
        if not pods or not story.fits(pods[0]):
            raise ValueError(f"{kind} cannot befall {namespace}/{workload}")
        now = self._stage.engine.now()
        incident = Incident(
            len(self.incidents) + 1, kind, story.fault_class, namespace, workload, now, tended, seconds
        )
        self.incidents.append(incident)
        self._stage.engine.spawn(self._played(incident))
        return incident

    # ------------------------------------------------------------ what is played

    def _scripts(self) -> Iterator[Script]:
        name, _, workload = self._story.partition(":")
        if name in {"training", "everything"}:
            every = name == "everything"
            yield self._incidents(float("inf"), tuple(sorted(STORIES)) if every else TRAINING)
            yield self._harmless(_HARMLESS_GAP, float("inf"), WITH_JOBS if every else EVENTS)
        elif name == "demo":
            yield self._incidents(self._present - 110 * 60)
            yield self._harmless(_HARMLESS_GAP, self._present - 75 * 60)
            yield self._fresh_leak()
        elif name == "quiet":
            yield self._harmless(_QUIET_GAP, float("inf"), WITH_JOBS)
        elif name == "busy":
            yield self._harmless(_BUSY_GAP, float("inf"), WITH_JOBS)
            yield self._slow_starts()
        elif name in _EVERY:
            self._require(name, workload)
            yield self._single(name, workload)
        elif name:
            raise NoSuchStoryError(unknown(name))

    def _require(self, kind: str, workload: str) -> None:
        """Returns when the story can befall the workload, or may once something is deployed."""
        deployed = self._stage.api.list("Deployment.apps", "shop")
        fitting = [body["metadata"]["name"] for body in deployed if _EVERY[kind].fits(_planned(body))]
        if workload and deployed and workload not in fitting:
            able = ", ".join(sorted(fitting))
            raise NoSuchStoryError(f"{kind} cannot befall shop/{workload}, only one of {able}")

    def _incidents(self, until: float, kinds: tuple[str, ...] = TRAINING) -> Script:
        bag: list[str] = []
        yield _SETTLE
        while True:
            yield self._stage.random.expovariate(1 / _INCIDENT_GAP)
            if self._stage.engine.now() > until:
                return
            if sum(one.end is None for one in self.incidents) >= _AT_ONCE:
                continue
            if not bag:
                bag = list(kinds)
                self._stage.random.shuffle(bag)
            workload = self._free_workload(bag[-1])
            if workload is not None:
                self.begin(bag.pop(), workload, tended=True)

    def _harmless(
        self, gap: float, until: float, among: tuple[tuple[Harmless, float], ...] = EVENTS
    ) -> Script:
        events, weights = zip(*among, strict=True)
        yield _SETTLE
        while True:
            yield self._stage.random.expovariate(1 / gap)
            if self._stage.engine.now() > until:
                return
            event = self._stage.random.choices(events, weights)[0]
            pods = [pod for pod in self._candidates() if self._free(pod)]
            if pods:
                pod = self._stage.random.choice(pods)
                self._stage.engine.spawn(event(self._stage, pod))

    def _slow_starts(self) -> Script:
        """Releases that take their time, soon after the present: one that says so, and one that does not."""
        yield max(_SETTLE, self._present - self._stage.engine.now()) + self._stage.minutes(2, 10)
        pods = [pod for pod in self._candidates() if self._free(pod)]
        sizes = Counter(map(_workload, pods))
        largest = max(
            sorted(sizes), key=sizes.__getitem__, default=None
        )  # one that can spare a pod for so long
        for script, of_it in ((unannounced, True), (slow_start, False)):
            fitting = [pod for pod in pods if (_workload(pod) == largest) is of_it]
            if fitting:
                self._stage.engine.spawn(script(self._stage, self._stage.random.choice(fitting)))

    def _fresh_leak(self) -> Script:
        """A leak that began before the present and fails some time after it."""
        before, after = self._stage.minutes(22, 28), self._stage.minutes(10, 14)
        yield max(_SETTLE, self._present - before - self._stage.engine.now())
        workload = self._free_workload("memory-leak", at_least=2)
        if workload is not None:
            self.begin("memory-leak", workload, seconds=before + after)

    def _single(self, kind: str, workload: str) -> Script:
        yield max(0.0, self._present - self._stage.engine.now()) + self._stage.minutes(1, 6)
        chosen = workload or self._free_workload(kind)
        if chosen:
            self.begin(kind, chosen)

    def _candidates(self) -> list[Pod]:
        pods = (pod for _, pod in sorted(self._stage.view.pods.items()))
        return [pod for pod in pods if pod.role and pod.ready and not pod.role.load_url]

    def _free(self, pod: Pod) -> bool:
        rested = self._stage.engine.now() >= self._busy.get((pod.namespace, pod.workload), 0.0)
        return rested and not (pod.role and pod.role.max_connections)

    def _free_workload(self, kind: str, *, at_least: int = 1) -> str | None:
        fits = _EVERY[kind].fits
        counts: dict[str, int] = {}
        for pod in self._candidates():
            if pod.namespace == "shop" and fits(pod) and self._free(pod):
                counts[pod.workload] = counts.get(pod.workload, 0) + 1
        names = [name for name, count in counts.items() if count >= at_least]
        return self._stage.random.choice(names) if names else None

    def _played(self, incident: Incident) -> Script:
        where = (incident.namespace, incident.workload)
        self._busy[where] = float("inf")
        yield from _EVERY[incident.kind].script(self._stage, incident)
        incident.end = self._stage.engine.now()
        self._busy[where] = incident.end + _REST
        self._config_map(LOG, {"incidents.json": incident_log(self.incidents)})

    # ------------------------------------------------------------ seen from outside

    def _ordered(self, change: Change, body: Object) -> None:
        meta = body["metadata"]
        if change == "DELETED" or (meta.get("namespace"), meta["name"]) != (NAMESPACE, ORDERS):
            return
        wanted = set((body.get("data") or {}).items())
        for name, order in sorted(wanted - self._obeyed):
            kind, _, place = order.partition(":")
            place, _, seconds = place.partition("@")
            namespace, _, workload = place.rpartition("/")
            try:
                wished = float(seconds) if seconds else None
                self.begin(kind, workload, namespace=namespace or "shop", seconds=wished)
            except ValueError as refusal:
                _logger.warning("%s %s: %s", ORDERS, name, refusal)
        self._obeyed = wanted

    def _config_map(self, name: str, data: dict[str, str]) -> None:
        """The ConfigMap is there, with this data in it."""
        meta = {"name": name, "namespace": NAMESPACE, "labels": {"chaoskit.io/simulator": "true"}}
        api = self._stage.api
        try:
            if api.get("ConfigMap", NAMESPACE, name) is None:
                api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data})
            else:
                api.patch("ConfigMap", NAMESPACE, name, {"data": data})
        except ApiError as refusal:  # the story goes on without its log
            _logger.warning("cannot write %s: %s", name, refusal)


def _workload(pod: Pod) -> tuple[str, str]:
    return pod.namespace, pod.workload


def _planned(deployment: Object) -> Pod:
    """A pod of the deployment as it will be."""
    meta, template = deployment["metadata"], deployment["spec"]["template"]
    named = template["metadata"] | {"name": meta["name"], "namespace": meta["namespace"]}
    return read_pod({"metadata": named, "spec": template["spec"]}, lambda *_: None)


def incident_log(incidents: list[Incident]) -> str:
    """The incidents that are over as a JSON list, oldest first, times in RFC 3339."""
    return json.dumps([as_row(one) for one in incidents if one.end is not None])


def as_row(incident: Incident) -> dict[str, object]:
    """One incident as plain data: the columns of an events file."""
    row = asdict(incident)
    for name in ("start", "failure_time", "end"):
        row[name] = _timestamp(row[name])
    row["fault_type"] = row.pop("kind")
    del row["tended"], row["seconds"]
    return row


def _timestamp(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
