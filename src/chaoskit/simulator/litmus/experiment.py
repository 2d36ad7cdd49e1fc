"""What runs inside an experiment pod: probes, injection, probes again, and the verdict."""

from __future__ import annotations

import math
from typing import Literal

from chaoskit.simulator.api import ApiError
from chaoskit.simulator.engine import Script, Task
from chaoskit.simulator.litmus import faults, probes, targets
from chaoskit.simulator.litmus.chaos import Chaos
from chaoskit.simulator.litmus.errors import ChaosError, error_output
from chaoskit.simulator.litmus.inside import STEP, Inside
from chaoskit.simulator.litmus.kinds import ENGINE, SIGTERM, truth
from chaoskit.simulator.litmus.probes import NotHeldError, Probe
from chaoskit.simulator.litmus.results import ProbeStatus, Written
from chaoskit.simulator.litmus.status import until_whole
from chaoskit.simulator.litmus.verdicts import End, judge

_UNTIL_RESULT = 6.1
"""Seconds from the container's start until the ChaosResult is there: three slow reads."""
_TAKES_OVER = (STEP, 2 * STEP)
"""Seconds more when the result is an old one: before it is replaced, and before the Awaited event."""
_UNTIL_JUDGED = 6.02

Phase = Literal["PreChaos", "PostChaos"]


class ProbeStoppedError(Exception):
    """A probe with stopOnFailure did not hold."""


class Experiment:
    """One run of one experiment, in its own pod."""

    def __init__(self, me: Inside) -> None:
        self._me = me
        self._probes: tuple[Probe, ...] = ()
        self._statuses: dict[str, ProbeStatus] = {}
        self._broken: dict[str, Exception] = {}
        self._watching: list[Task] = []
        self._phase = "PreChaos"
        self._chaos = Chaos(me, self._begin_on_chaos)

    def script(self) -> Script:
        """The experiment's whole life; whatever its verdict, it ends with exit code 0."""
        self._me.process.on_term = lambda: self._me.process.exit(SIGTERM)
        try:
            yield from self._start()
        except (ApiError, ValueError) as error:
            self._me.process.log(f"Unable to initialise the experiment: {error}")
            return
        self._me.process.on_term = self._abort_soon
        try:
            yield from self._judged()
        except ApiError as error:
            self._me.process.log(f"Unable to update the chaosresult: {error}")

    def _start(self) -> Script:
        """The result is Running; raises before it exists when the engine cannot be read or understood."""
        me = self._me
        engine = me.api.get(ENGINE, me.namespace, me.env["CHAOSENGINE"])
        if engine is None:
            raise ValueError("the chaosengine is gone")
        self._probes = probes.read(engine, me.experiment)
        self._statuses = {p.name: ProbeStatus(p.name, p.type, p.mode) for p in self._probes}
        yield _UNTIL_RESULT
        old = me.result.read() is not None
        yield _TAKES_OVER[0] if old else 0
        self._write("running")
        yield _TAKES_OVER[1] if old else STEP
        me.tell_result("Awaited", f"experiment: {me.experiment}, Result: Awaited")

    def _judged(self) -> Script:
        try:
            yield from self._checked("PreChaos")
            yield from self._injected()
            yield from self._checked("PostChaos")
        except ProbeStoppedError:
            yield from self._finish("stopped-by-probe")
        except ChaosError as error:
            yield from self._finish("errored", error)
        except ApiError as error:
            yield from self._finish("errored", ChaosError("GENERIC_ERROR", error.message))
        else:
            yield from self._finish("completed")
        finally:
            self._stop_watching()

    def _injected(self) -> Script:
        self._phase = "ChaosInject"
        yield from faults.run(self._chaos)

    def _checked(self, phase: Phase) -> Script:
        """Application and probes were checked before or after the fault, and the engine was told."""
        self._phase = phase
        told = []
        if truth(self._me.env.get("DEFAULT_HEALTH_CHECK", "")):
            yield from self._check_application()
            told.append("AUT: Running")
        if self._probes:
            try:
                yield from self._run_probes(phase)
            except (ProbeStoppedError, ChaosError):
                unsuccessful = ", ".join([*told, "Probes: Unsuccessful"])
                self._me.tell_engine(f"{phase}Check", unsuccessful, warning=True)
                raise
            told.append("Probes: Successful")
        message = ", ".join(told) or "Skipped the default checks"
        self._me.tell_engine(f"{phase}Check", message)

    def _check_application(self) -> Script:
        wanted = targets.parse(self._me.env.get("TARGETS", ""))
        pods = targets.resolve(self._me.api, wanted, 100, self._me.world.engine.random)
        for owner in targets.owners(self._me.api, pods):
            yield from until_whole(self._me, owner)

    def _run_probes(self, phase: Phase) -> Script:
        yield STEP
        if phase == "PostChaos":
            self._stop_watching()
            self._judge_watched()
        for probe in self._probes:
            if probe.mode in {"Edge", "SOT" if phase == "PreChaos" else "EOT"}:
                yield from self._run(probe, phase)
            elif probe.mode == "Continuous" and phase == "PreChaos":
                self._watch(probe, math.inf)

    def _run(self, probe: Probe, phase: Phase) -> Script:
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

    def _begin_on_chaos(self) -> Script:
        """Probes that watch only while the fault lasts are under way."""
        if self._probes:
            yield STEP
        duration = self._chaos.integer("TOTAL_CHAOS_DURATION")
        for probe in self._probes:
            if probe.mode == "OnChaos":
                # of a delayed one Litmus takes seconds from nanoseconds: no time is left, and it just passes
                lasts = 0 if probe.delay and probe.type in {"k8sProbe", "promProbe"} else duration
                self._watch(probe, self._me.now() + lasts)

    def _watch(self, probe: Probe, until: float) -> None:
        task = self._me.world.engine.spawn(self._watched(probe, until))
        self._watching.append(task)

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

    def _stop_watching(self) -> None:
        for task in self._watching:
            task.cancel()
        self._watching.clear()

    def _finish(self, end: End, error: ChaosError | None = None) -> Script:
        """The verdict is in the result and in the events of result and engine."""
        me = self._me
        yield _UNTIL_JUDGED
        verdict = self._write(end, error)
        yield STEP
        told = f"experiment: {me.experiment}, Result: {verdict}"
        me.tell_result(verdict, told, warning=verdict != "Pass")
        if end == "completed":
            me.tell_engine("Summary", f"{me.experiment} experiment has been {verdict}ed")
        else:
            me.tell_engine("Summary", told, warning=True)

    def _write(self, end: End, error: ChaosError | None = None) -> str:
        """The result says how the run stands; returns the verdict."""
        if end not in {"running", "completed"}:
            for status in self._statuses.values():
                status.give_up()
        judged = judge(end, [s.verdict for s in self._statuses.values()])
        labels = dict(self._me.pod["metadata"].get("labels", {}))
        if end == "aborted":
            labels = {"chaosUID": self._me.env["CHAOS_UID"]}
        self._me.result.write(
            Written(
                judgement=judged,
                labels=labels,
                probes=tuple(self._statuses.values()),
                targets=tuple(self._chaos.hit),
                error=self._error_output(error) if error else {},
                fold=end != "running",
            )
        )
        return judged.verdict

    def _write_aborted(self) -> None:
        try:
            self._write("aborted")
        except ApiError as error:
            self._me.process.log(f"Unable to update the chaosresult: {error}")

    def _error_output(self, error: ChaosError) -> dict[str, str]:
        """What a helper wrote about its own failure says more than that it failed."""
        written = (self._me.result.read() or {}).get("status", {}).get("experimentStatus", {})
        if error.code == "HELPER_POD_FAILED_ERROR" and "errorOutput" in written:
            return dict(written["errorOutput"])
        return error_output(error, self._phase)

    def _revert(self) -> None:
        try:
            self._chaos.revert()
        except ApiError as error:
            self._me.process.log(f"unable to revert the chaos: {error}")

    def _abort_soon(self) -> None:
        self._me.process.on_term = None
        self._me.world.engine.spawn(self._abort())

    def _abort(self) -> Script:
        """The stopped result is written while the fault goes on beside it, then the process ends with 1."""
        message = f"{self._me.experiment} experiment has been aborted"
        if not self._me.world.knobs.sloppy_abort:
            self._revert()
        yield 2 * STEP
        if not self._me.process.over:
            self._write_aborted()
            yield STEP
        if not self._me.process.over:
            self._me.tell_engine("Summary", message, warning=True)
            self._me.tell_result("Abort", message, warning=True)
            self._stop_watching()
            self._me.process.exit(1)
