"""The ChaosResult of an experiment: made or taken over at the start, judged at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaoskit.simulator.api import Access, Object
from chaoskit.simulator.litmus.kinds import API_VERSION, RESULT
from chaoskit.simulator.litmus.verdicts import Judgement, ProbeVerdict

NOT_EVALUATED = "Either probe is not executed or not evaluated"


@dataclass(slots=True)
class ProbeStatus:
    """What a result says of one probe while it is under way."""

    name: str
    type: str
    mode: str
    verdict: ProbeVerdict = "Awaited"
    description: str = ""

    def give_up(self) -> None:
        """A verdict that is still awaited will not come."""
        if self.verdict == "Awaited":
            self.verdict, self.description = "N/A", NOT_EVALUATED

    def as_status(self) -> dict[str, Any]:
        """The entry of ``status.probeStatuses``."""
        told: dict[str, Any] = {"verdict": self.verdict}
        told |= {"description": self.description} if self.description else {}
        return {"name": self.name, "type": self.type, "mode": self.mode, "status": told}


@dataclass(frozen=True, slots=True)
class Named:
    """Which result it is: the API as the experiment's account, where, of what."""

    api: Access
    namespace: str
    engine: str
    experiment: str
    instance: str = ""

    @property
    def name(self) -> str:
        """``<engine>-<experiment>[-<instance>]``."""
        return "-".join(filter(None, (self.engine, self.experiment, self.instance)))

    def read(self) -> Object | None:
        """The result as it is, None when there is none."""
        return self.api.get(RESULT, self.namespace, self.name)

    def write(self, written: Written) -> Object:
        """The result says so: created, or replaced with the history kept and counted up."""
        known = self.read()
        spec = {"engine": self.engine, "experiment": self.experiment}
        spec |= {"instance": self.instance} if self.instance else {}
        meta = {"name": self.name, "namespace": self.namespace}
        result = known or {
            "apiVersion": API_VERSION,
            "kind": "ChaosResult",
            "metadata": meta,
            "spec": spec,
        }
        result["metadata"]["labels"] = dict(written.labels)
        history = result.get("status", {}).get("history", {})
        result["status"] = written.status(history)
        if written.fold:
            result["status"]["history"] |= fold(result, written.targets)
        return self.api.update(result) if known else self.api.create(result)


@dataclass(frozen=True, slots=True)
class Written:
    """What is to be said in a result. `fold`: target annotations move into the history."""

    judgement: Judgement
    labels: Mapping[str, str]
    probes: Sequence[ProbeStatus] = ()
    targets: Sequence[dict[str, str]] = ()
    error: Mapping[str, str] = field(default_factory=dict)
    fold: bool = False

    def status(self, history: Mapping[str, Any]) -> dict[str, Any]:
        """The whole status; `history` is what was there before."""
        judged = self.judgement
        told: dict[str, Any] = {
            "phase": judged.phase,
            "verdict": judged.verdict,
            "probeSuccessPercentage": judged.percentage,
        }
        told |= {"errorOutput": dict(self.error)} if self.error else {}
        counters = ("passedRuns", "failedRuns", "stoppedRuns")
        runs = {name: history.get(name, 0) + (name == judged.counter) for name in counters}
        status: dict[str, Any] = {"experimentStatus": told, "history": runs}
        if self.probes:
            status["probeStatuses"] = [probe.as_status() for probe in self.probes]
        return status


def fold(result: Object, targets: Sequence[dict[str, str]] = ()) -> dict[str, Any]:
    """The history's targets: those given and those annotated; the annotations are taken off `result`."""
    annotations = result["metadata"].pop("annotations", None) or {}
    found = {target["name"]: target for target in targets}
    for key, status in annotations.items():
        kind, _, name = key.partition("/")
        if kind in {"pod", "node"}:
            found[name] = {"name": name, "kind": kind, "chaosStatus": status}
    kept = {k: v for k, v in annotations.items() if k.partition("/")[0] not in {"pod", "node"}}
    if kept:
        result["metadata"]["annotations"] = kept
    return {"targets": list(found.values())} if found else {}
