"""What runs inside an experiment pod: probes, injection, probes again, and the verdict."""

from __future__ import annotations

from chaoskit.simulator.api import ApiError
from chaoskit.simulator.engine import Script
from chaoskit.simulator.litmus import faults, targets
from chaoskit.simulator.litmus.chaos import Chaos
from chaoskit.simulator.litmus.errors import ChaosError, error_output
from chaoskit.simulator.litmus.inside import STEP, Inside
from chaoskit.simulator.litmus.kinds import ENGINE, SIGTERM, truth
from chaoskit.simulator.litmus.results import Written
from chaoskit.simulator.litmus.status import until_whole
from chaoskit.simulator.litmus.verdicts import End, judge
from chaoskit.simulator.litmus.watch import Phase, Probes, ProbeStoppedError

_UNTIL_RESULT = 6.1
"""Seconds from the container's start until the ChaosResult is there: three slow reads."""
_TAKES_OVER = (STEP, 2 * STEP)
"""Seconds more when the result is an old one: before it is replaced, and before the Awaited event."""
_UNTIL_JUDGED = 6.02


class Experiment:
    """One run of one experiment, in its own pod."""

    def __init__(self, me: Inside) -> None:
        self._me = me
        self._probes = Probes(me)
        self._phase = "PreChaos"
        self._chaos = Chaos(me, self._begin_probes)

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
        self._probes.read(engine)
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
            self._probes.stop()

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
        if self._probes.statuses:
            try:
                yield from self._probes.try_all(phase)
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

    def _begin_probes(self) -> Script:
        yield from self._probes.begin(self._chaos.integer("TOTAL_CHAOS_DURATION"))

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
            for status in self._probes.statuses:
                status.give_up()
        judged = judge(end, [s.verdict for s in self._probes.statuses])
        labels = dict(self._me.pod["metadata"].get("labels", {}))
        if end == "aborted":
            labels = {"chaosUID": self._me.env["CHAOS_UID"]}
        self._me.result.write(
            Written(
                judgement=judged,
                labels=labels,
                probes=self._probes.statuses,
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
            self._probes.stop()
            self._me.process.exit(1)
