"""The probes of one run: tried before and after its fault, watched beside it, and what they have said."""

from __future__ import annotations

import math
from typing import Literal

from chaoskit.simulator.api import ApiError, Object
from chaoskit.simulator.engine import Script, Task
from chaoskit.simulator.litmus import probes
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.inside import STEP, Inside
from chaoskit.simulator.litmus.kinds import ENGINE
from chaoskit.simulator.litmus.probes import NotHeldError, Probe
from chaoskit.simulator.litmus.results import ProbeStatus

Phase = Literal["PreChaos", "PostChaos"]


class ProbeStoppedError(Exception):
    """A probe with stopOnFailure did not hold."""


class Probes:
    """What an experiment's probes say; `read` tells which there are."""

    def __init__(self, me: Inside) -> None:
        self._me = me
        self._probes: tuple[Probe, ...] = ()
        self._statuses: dict[str, ProbeStatus] = {}
        self._broken: dict[str, Exception] = {}
        self._tasks: list[Task] = []

    def read(self, engine: Object) -> None:
        """The probes that the engine wants are known; raises `ValueError` for one not understood."""
        self._probes = probes.read(engine, self._me.experiment)
        self._statuses = {p.name: ProbeStatus(p.name, p.type, p.mode) for p in self._probes}

    @property
    def statuses(self) -> tuple[ProbeStatus, ...]:
        """How each probe stands; empty when there is none."""
        return tuple(self._statuses.values())

    def try_all(self, phase: Phase) -> Script:
        """The probes of this side of the fault were tried; those that watched it are judged after it.

        Raises `ProbeStoppedError` when one is to stop the run, `ChaosError` when one cannot be evaluated.
        """
        yield STEP
        if phase == "PostChaos":
            self.stop()
            self._judge_watched()
        for probe in self._probes:
            if probe.mode in {"Edge", "SOT" if phase == "PreChaos" else "EOT"}:
                yield from self._try(probe, phase)
            elif probe.mode == "Continuous" and phase == "PreChaos":
                self._begin(probe, math.inf)

    def begin(self, duration: float) -> Script:
        """Probes that watch only while the fault lasts, so many seconds, are under way."""
        if self._probes:
            yield STEP
        for probe in self._probes:
            if probe.mode == "OnChaos":
                # of a delayed one Litmus takes seconds from nanoseconds: no time is left, and it just passes
                lasts = 0 if probe.delay and probe.type in {"k8sProbe", "promProbe"} else duration
                self._begin(probe, self._me.now() + lasts)

    def stop(self) -> None:
        """Nothing watches any more."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    def _try(self, probe: Probe, phase: Phase) -> Script:
        try:
            told = yield from probes.trial(probe, self._me.api, self._me.reach)
        except NotHeldError as error:
            self._failed(probe, error)
        else:
            self._held(probe, phase, told)

    def _held(self, probe: Probe, phase: Phase, told: str) -> None:
        """An Edge probe passes when it held on both sides."""
        status = self._statuses[probe.name]
        if status.verdict == "Failed" or (probe.mode == "Edge" and phase == "PreChaos"):
            return
        status.verdict, status.description = "Passed", told

    def _failed(self, probe: Probe, error: NotHeldError) -> None:
        status = self._statuses[probe.name]
        status.verdict, status.description = "Failed", str(error)
        self._me.process.log(f"[Probe]: {probe.name} probe has been Failed, {error}")
        if probe.stop_on_failure:
            raise ProbeStoppedError

    def _begin(self, probe: Probe, until: float) -> None:
        self._tasks.append(self._me.world.engine.spawn(self._watched(probe, until)))

    def _watched(self, probe: Probe, until: float) -> Script:
        while self._me.now() < until:
            try:
                yield from probes.trial(probe, self._me.api, self._me.reach)
            except (NotHeldError, ChaosError) as error:
                self._broken[probe.name] = error
                if probe.stop_on_failure:
                    self._stop_engine()
                return
            yield probe.polling

    def _stop_engine(self) -> None:
        """What Litmus does when a probe that runs beside the fault is to stop it: abort the whole engine."""
        stop = {"spec": {"engineState": "stop"}}
        try:
            self._judge_watched()
            self._me.api.patch(ENGINE, self._me.namespace, self._me.env["CHAOSENGINE"], stop)
        except (ApiError, ChaosError) as error:
            self._me.process.log(f"unable to patch chaosengine to stop, err: {error}")

    def _judge_watched(self) -> None:
        """Continuous and OnChaos probes get their verdicts; one that errored raises."""
        for probe in self._probes:
            if probe.mode not in {"Continuous", "OnChaos"}:
                continue
            error = self._broken.get(probe.name)
            if isinstance(error, ChaosError):
                raise error
            status = self._statuses[probe.name]
            status.verdict = "Failed" if error else "Passed"
            status.description = str(error or "Probe held each time it was tried")
