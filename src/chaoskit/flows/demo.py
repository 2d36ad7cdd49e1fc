"""The whole story on a simulated cluster: train, predict, generate, run, recover, report.

It tells itself as chapters; whoever shows them listens. Everything it makes lies in one folder, which is
removed when the story is interrupted; the simulator ends with it either way.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from chaoskit import files, kube
from chaoskit.clock import Clock, Stop, WallClock, refuse_when_stopped
from chaoskit.errors import CannotStart, InvalidInput
from chaoskit.events import Event, Listener, ignore
from chaoskit.experiments.generation import Proposal
from chaoskit.flows import simulation
from chaoskit.flows.auto_recovery import AutoRecovery
from chaoskit.flows.chaos_engine import AIChaosEngine
from chaoskit.flows.learning import Fitted
from chaoskit.flows.simulation import Simulation
from chaoskit.flows.world import World
from chaoskit.outcome import Outcome, gravest
from chaoskit.ports.cluster import Cluster, ObjectRef
from chaoskit.records import PredictionRecord, RecoveryRecord, RunRecord
from chaoskit.reports.formats import render
from chaoskit.reports.reading import Reported
from chaoskit.watching import Interest, Watching

NAMESPACE = "shop"
SPEED = 10.0
"""Once there is a model: learning takes as long as the machine needs, and nothing must break meanwhile."""
HISTORY = 8.0
_STORIES = ObjectRef(kube.CONFIG_MAP, "kube-system", "simulator-stories")


@dataclass(frozen=True, slots=True)
class Chapter:
    """One part of the story as it begins or ends: its number, title, and what came of it ("" at first)."""

    number: int
    title: str
    result: str = ""
    outcome: Outcome = Outcome.DONE


@dataclass(frozen=True, slots=True)
class Told:
    """What the story came to; everything lies in `folder`."""

    folder: Path
    report: Path
    fitted: Fitted
    predictions: tuple[PredictionRecord, ...]
    experiments: tuple[Path, ...]
    run: RunRecord
    recoveries: tuple[RecoveryRecord, ...]

    @property
    def outcome(self) -> Outcome:
        """What the story ends with: the gravest of its experiment and its recoveries."""
        return gravest([of_run(self.run.outcome), of_recoveries(each.outcome for each in self.recoveries)])


def of_run(outcome: Outcome) -> Outcome:
    """How the chapter of the experiment ended: a weakness found is what one looks for, and a verdict."""
    return Outcome.DONE if outcome in {Outcome.PASSED, Outcome.WEAKNESS_FOUND} else outcome


def of_recoveries(outcomes: Iterable[Outcome]) -> Outcome:
    """How the chapter of the recoveries ended: a bad rollout that nobody sees has not been recovered from."""
    found = tuple(outcomes)
    return gravest(found) if found else Outcome.NOT_RECOVERED


Connect = Callable[[Path, Path], AbstractContextManager[World]]
"""(kubeconfig, home folder) to the connected world: what only the command line or a test can choose."""


def tell(
    folder: Path,
    *,
    connect: Connect,
    seed: int = 7,
    history: float = HISTORY,
    narrate: Callable[[Chapter], None],
    listen: Listener = ignore,
    stop: Stop | None = None,
) -> Told:
    """The story was told, and its report, experiments, model and history lie in `folder`.

    `history` is how many hours there are to learn from.

    Raises:
        Interrupted: `stop` was set; simulator and folder are gone.
        InvalidInput: there cannot be such a folder.
        CannotStart: the folder has something in it already, the simulator does not start, or its shop gives
            nothing to tell of.
    """
    stop = stop or Stop()
    with _folder(folder), _cluster(narrate, seed, history, stop) as running:
        with connect(running.kubeconfig, folder) as world:
            paces = f"{world.description}, {SPEED:g} times faster when it has learned"
            narrate(Chapter(1, "a cluster", paces))
            fitted = _Story(world, folder, narrate, listen, stop).train(history)
            simulation.set_pace(world.cluster, SPEED, wall=WallClock(), stop=stop)
        with connect(running.kubeconfig, folder) as world:  # its clock is read anew
            return _Story(world, folder, narrate, listen, stop).tell(fitted)


@contextmanager
def _cluster(
    narrate: Callable[[Chapter], None], seed: int, history: float, stop: Stop
) -> Iterator[Simulation]:
    narrate(Chapter(1, "a cluster"))
    with simulation.lent(seed=seed, story="demo", history=history, stop=stop) as running:
        yield running


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """An empty folder that stays only if the story is told to its end."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CannotStart(f"{folder} is not empty", hint="remove it, or name another with --out")
        with tempfile.TemporaryFile(dir=folder):
            pass  # who may look into it may still not write there
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be the folder of the story: {error.strerror}") from error
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


class _Story:
    """The chapters, in order; each looks at `stop` before it begins."""

    def __init__(
        self,
        world: World,
        folder: Path,
        narrate: Callable[[Chapter], None],
        listen: Listener,
        stop: Stop,
    ) -> None:
        self._world = world
        self._folder = folder
        self._narrate = narrate
        self._listen = listen
        self._stop = stop
        self._engine = AIChaosEngine(world)
        self._recovery = AutoRecovery(world)

    def tell(self, fitted: Fitted) -> Told:
        """All chapters but the first two."""
        predictions = self._predict(fitted)
        proposals, experiments = self._generate(predictions)
        run = self._run(proposals[0])
        recoveries = self._recover(predictions)
        return Told(
            self._folder,
            self._report(run, recoveries),
            fitted,
            predictions,
            experiments,
            run,
            recoveries,
        )

    def _begin(self, number: int, title: str) -> None:
        refuse_when_stopped(self._stop)
        self._narrate(Chapter(number, title))

    def train(self, hours: float) -> Fitted:
        """The second chapter: a model of the last `hours` is kept in the folder."""
        self._begin(2, "train")
        from chaoskit.prediction import Options

        small = Options(
            recipe="window", trees=60, fold_trees=30, most_rows=4000, false_alarms_per_day=6, jobs=2
        )
        fitted = self._engine.train(
            NAMESPACE, timedelta(hours=hours), options=small, thorough=False, listen=self._unless_stopped
        )
        line = fitted.report.model
        judged = f"PR-AUC {line.pr_auc:.2f} on held-out time, {fitted.report.verdict}"
        words = f"{fitted.name} on {hours:g} h: {judged}"
        self._narrate(Chapter(2, "train", words))
        return fitted

    def _predict(self, fitted: Fitted) -> tuple[PredictionRecord, ...]:
        self._begin(3, "predict")
        # A model that was held back may still be shown, by name: the story says that it was.
        found = self._engine.predict(NAMESPACE, model=fitted.name, listen=self._listen)
        if not found:
            raise CannotStart("no workload of the simulated shop has signals to predict from")
        top = found[0]
        chance = (
            ""
            if top.probability is None
            else f"{top.probability:.0%} to fail within {top.horizon_minutes:g} min"
        )
        self._narrate(Chapter(3, "predict", f"{top.target}: {chance}; {'; '.join(top.reasons[:1])}"))
        return found

    def _generate(
        self, predictions: Sequence[PredictionRecord]
    ) -> tuple[tuple[Proposal, ...], tuple[Path, ...]]:
        """The best experiments, and the files in which they lie."""
        self._begin(4, "generate")
        proposals = self._engine.generate(NAMESPACE, predictions, top=3)
        if not proposals:
            raise CannotStart("there is no experiment to propose for the simulated shop")
        paths = []
        for each in proposals:
            path = self._folder / "experiments" / f"{each.experiment['metadata']['name']}.yaml"
            files.write(path, each.text.encode())
            paths.append(path)
        self._narrate(Chapter(4, "generate", proposals[0].reason))
        return proposals, tuple(paths)

    def _run(self, proposal: Proposal) -> RunRecord:
        self._begin(5, "run")
        record = self._engine.run(proposal, listen=self._listen, stop=self._stop)
        self._leave_if(record.outcome)
        words = f"{record.outcome.words}: {record.reason}; undo {record.undo.state}"
        self._narrate(Chapter(5, "run", words, of_run(record.outcome)))
        return record

    def _recover(self, predictions: Sequence[PredictionRecord]) -> tuple[RecoveryRecord, ...]:
        """A bad rollout is begun on purpose, seen, and recovered from, with whatever else is wrong."""
        self._begin(6, "recover")
        self._world.cluster.patch(_STORIES, {"data": {"name": "crash-loop:orders"}})
        until_crashing(self._world.cluster, self._world.clock, "orders", self._stop)
        seen = self._recovery.observe(NAMESPACE)
        decisions = self._recovery.plan(self._recovery.classify(seen, predictions), seen)
        records: list[RecoveryRecord] = []
        for each in decisions:
            if each.issue.root:
                continue  # it follows from another one: mending that is enough
            records.append(self._recovery.recover(each, listen=self._listen, stop=self._stop))
            self._leave_if(records[-1].outcome)
        words = "; ".join(_recovered(each) for each in records) or "nothing to recover from"
        outcome = of_recoveries(each.outcome for each in records)
        self._narrate(Chapter(6, "recover", words, outcome))
        return tuple(records)

    def _report(self, run: RunRecord, recoveries: Sequence[RecoveryRecord]) -> Path:
        lineage = {run.trace_id, *(each.trace_id for each in recoveries)}
        documents = [
            d for trace in sorted(lineage) for d in self._world.store.find(where={"trace_id": trace})
        ]
        path = self._folder / "report.html"
        files.write(path, render("html", Reported(tuple(documents))).encode())
        return path

    def _unless_stopped(self, event: Event) -> None:
        """Hears an event of work that needs no undo, and ends it there when the user wants an end."""
        refuse_when_stopped(self._stop)
        self._listen(event)

    def _leave_if(self, outcome: Outcome) -> None:
        if outcome in {Outcome.INTERRUPTED, Outcome.TERMINATED, Outcome.TIMED_OUT}:
            refuse_when_stopped(self._stop)


def until_crashing(cluster: Cluster, clock: Clock, app: str, stop: Stop) -> None:
    """A container of the app's new revision has crashed twice.

    Raises:
        CannotStart: none did within five minutes of the cluster's time.
        Interrupted: `stop` was set meanwhile.
    """
    interest = Interest(kube.POD, NAMESPACE, labels=f"app={app}")
    deadline = clock.monotonic() + 300
    with Watching(cluster, [interest], clock) as watching:
        while clock.monotonic() < deadline:
            refuse_when_stopped(stop)
            sighting = watching.next(5)
            if sighting is not None and kube.restarts(sighting.change.object) >= 2:
                return
    raise CannotStart(f"the bad rollout of {app} did not crash within 5 minutes")


def _recovered(record: RecoveryRecord) -> str:
    fast = "" if record.seconds_to_recover is None else f" in {record.seconds_to_recover:.0f} s"
    return f"{record.issue.replace('-', ' ')} of {record.target} {record.outcome.words}{fast}"
