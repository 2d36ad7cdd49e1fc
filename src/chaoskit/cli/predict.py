"""Show how likely each workload is to fail, and why."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli import outlooks
from chaoskit.cli.belonging import given, refuse_beside, refuse_no_address, refuse_without
from chaoskit.cli.measured import moment, paired, pasted
from chaoskit.cli.render import emit
from chaoskit.cli.session import Format, ProgressFormat, Session, command, new_app
from chaoskit.cli.stopping import stopping
from chaoskit.errors import NoSamples
from chaoskit.files import check_writable
from chaoskit.outcome import Outcome
from chaoskit.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from contextlib import ExitStack
    from datetime import datetime

    from chaoskit.events import Listener
    from chaoskit.flows.foreseeing import Lookout
    from chaoskit.flows.outlook import Outlook
    from chaoskit.records import PredictionRecord

app = new_app(__doc__)


@command(
    app,
    examples=(
        "chaoskit predict -n shop",
        "chaoskit predict -A",
        "chaoskit predict -n shop -l tier=backend --watch",
        "chaoskit predict -n shop --fail-above 0.8 -o json",
        "chaoskit predict -n shop --watch --alertmanager http://localhost:9093",
    ),
)
def predict(
    session: Session,
    everywhere: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="In all namespaces but protected ones.")
    ] = False,
    model: Annotated[str, typer.Option(help="Ask this model instead of the promoted one.")] = "",
    selector: Annotated[
        str, typer.Option("-l", "--selector", help="Only workloads with these labels.", metavar="LABELS")
    ] = "",
    fail_above: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Exit 1 when a workload is at or over this probability; of rules: an alarm, or a score.",
        ),
    ] = None,
    fail_on_alarm: Annotated[
        bool, typer.Option("--fail-on-alarm", help="Exit 1 when a workload is alarmed, however probable.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, look after look.")] = False,
    rounds: Annotated[int, typer.Option(min=0, help="With --watch: end after so many looks.")] = 0,
    alertmanager: Annotated[
        str, typer.Option(help="Raise alarms there, and end them when they are over.", metavar="URL")
    ] = "",
    listen: Annotated[str, typer.Option(help="With --watch: serve metrics there.", metavar="HOST:PORT")] = "",
    export: Annotated[
        Path | None, typer.Option(help="Write metrics to this file, for node-exporter's textfile collector.")
    ] = None,
    scorecard: Annotated[
        bool, typer.Option("--scorecard", help="Tell whether past predictions came true instead.")
    ] = False,
    hours: Annotated[
        float | None, typer.Option(min=0.1, help="With --scorecard: how far back, 24 unless it is given.")
    ] = None,
    data: Annotated[list[Path] | None, typer.Option(help="Read these files instead of Prometheus.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="What the columns of the files mean.")] = None,
    at: Annotated[
        str, typer.Option(help="With files: the moment to answer for (ISO 8601); the last one.")
    ] = "",
) -> None:
    """Tell the failure probability of each workload, with the signals that drive it.

    With --watch it goes on until Ctrl-C, or until a workload is at or over --fail-above. With --fail-above or
    --fail-on-alarm it ends with 4 when there is nothing to judge, or a workload's samples have stopped.
    """
    from contextlib import ExitStack

    from chaoskit.flows.chaos_engine import AIChaosEngine
    from chaoskit.flows.places import refuse_absent

    _check(
        given(
            {
                "--model": model,
                "--selector": selector,
                "--fail-above": fail_above,
                "--fail-on-alarm": fail_on_alarm,
                "--watch": watch,
                "--rounds": rounds or None,
                "--alertmanager": alertmanager,
                "--listen": listen,
                "--export": export,
                "--scorecard": scorecard,
                "--hours": hours,
                "--data": data,
                "--mapping": mapping,
                "--at": at,
                "--all-namespaces": everywhere,
                "--namespace": session.asked_namespace,
            }
        )
    )
    refuse_no_address("--alertmanager", alertmanager)
    if scorecard:
        _scorecard(session, 24.0 if hours is None else hours, everywhere=everywhere)
        return
    gate = Gate(fail_above, on_alarm=fail_on_alarm)
    if data or mapping:
        outlook = _from_files(session, data, mapping, model, at)
        session.say(outlooks.headline(outlook, brief=session.output is Format.TABLE))
        _end(session, outlook, gate, pasted(data, mapping))
        return
    if export is not None:
        check_writable(export)
    asked = model or session.loaded.settings.model
    with ExitStack() as stack:
        runtime = stack.enter_context(session.connected())
        hear = stack.enter_context((_undrawn(session) if watch else session).listening())
        heard, write = _metrics(session, stack, hear, listen, export)
        place = "" if everywhere else runtime.namespace
        refuse_absent(runtime.cluster, place)
        lookout = AIChaosEngine(runtime.world).lookout(place, model=asked, selector=selector, listen=heard)
        push = _pushing(alertmanager, lookout, hear)

        def tell(outlook: Outlook) -> None:
            write()
            push(outlook)

        if watch:
            raise typer.Exit(_watch(session, lookout, gate, rounds, tell).exit_code)
        outlook = lookout.look()
        tell(outlook)
        session.say(outlooks.headline(outlook, brief=session.output is Format.TABLE))
    _end(session, outlook, gate)


def _check(named: Collection[str]) -> None:
    """Each option that is named has a meaning beside the others; `InvalidInput` unless it has."""
    refuse_beside("--scorecard", named, but=_SCORED, why="it tells of all predictions that were kept")
    refuse_without("--scorecard", named, those=("--hours",))
    why = "files are neither watched, nor chosen by namespace or labels, nor exported"
    for flag in ("--data", "--mapping"):
        refuse_beside(flag, named, but=_OF_FILES, why=why)
    refuse_without("--data", named, those=("--at",))
    refuse_without("--watch", named, those=("--rounds", "--listen"))


_SCORED = ("--hours", "--all-namespaces", "--namespace")
_OF_FILES = ("--data", "--mapping", "--at", "--model", "--fail-above", "--fail-on-alarm")


def _scorecard(session: Session, hours: float, *, everywhere: bool) -> None:
    from datetime import timedelta

    from chaoskit.flows.scoring import scorecard

    with session.connected() as runtime:
        place = "" if everywhere else runtime.namespace
        found = scorecard(runtime.world, place, timedelta(hours=hours))
    document = {"hours": hours, "scores": [dict(each.document) for each in found]}
    emit(session, "scorecard", document, lambda out: outlooks.scores(out, found))


def _undrawn(session: Session) -> Session:
    """The same with progress that does not move: the screen is the outlook's."""
    if session.progress is not ProgressFormat.AUTO:
        return session
    return dataclasses.replace(session, progress=ProgressFormat.PLAIN)


@dataclasses.dataclass(frozen=True, slots=True)
class Gate:
    """What a pipeline is held up by: a probability, an alarm, or neither."""

    above: float | None = None
    on_alarm: bool = False

    def outcome(self, outlook: Outlook) -> Outcome:
        """Whether a workload is at or over it; what nothing is known of cannot pass."""
        if self.above is None and not self.on_alarm:
            return Outcome.DONE
        if any(self._over(each) for each in outlook.predictions):
            return Outcome.AT_OR_OVER_THRESHOLD
        if outlook.unknown or not outlook.predictions:
            return Outcome.CANNOT_START
        return Outcome.BELOW_THRESHOLD

    def _over(self, record: PredictionRecord) -> bool:
        above = self.above is not None and outlooks.over(record, self.above)
        return above or (self.on_alarm and record.alarmed)


def _end(session: Session, outlook: Outlook, gate: Gate, files: str = "") -> None:
    outcome = gate.outcome(outlook)
    emit(
        session,
        "predictions",
        outlooks.document(outlook, outcome),
        lambda out: outlooks.show(out, outlook, files=files),
    )
    raise typer.Exit(outcome.exit_code)


def _from_files(
    session: Session, data: list[Path] | None, mapping: Path | None, model: str, at: str
) -> Outlook:
    from chaoskit import prediction
    from chaoskit.flows import learning
    from chaoskit.flows.outlook import Outlook, manner, strange

    files, meaning = paired(data, mapping)
    settings = session.loaded.settings
    chosen = learning.chosen(
        settings.home / "models", model or settings.model, key=settings.model_key.encode()
    )
    dataset = prediction.read(files, prediction.load_mapping(meaning).without_events())
    for note in dataset.notes:
        session.say(f"! {note}")
    now = moment(at, "--at") if at else max(block.end for block in dataset.blocks)
    window = dataset.until(now)
    session.say(_answered_for(now, *prediction.heard_of(dataset, now), newest=not at))
    if others := prediction.beside(window, now):
        session.say(_unanswered(others, window.blocks[-1].run))
    held_back = strange(chosen, window) if chosen and not (model or settings.model) else ""
    chosen = None if held_back else chosen
    asked = window.select(chosen[1].spec.signals) if chosen else window
    health = prediction.health_of(chosen[1], asked, now) if chosen else prediction.Health()
    try:
        found = learning.answer(window, chosen, now=now)
    except NoSamples as error:
        raise NoSamples(error.message, hint=_WHERE) from error
    silent = prediction.silent(prediction.heard(window), now)
    said = {(each.namespace, each.target) for each in found}
    young = prediction.young(asked, now, said) if chosen else ()
    places = {place for place, _ in said} | {each.namespace for of in (silent, young) for each in of}
    return Outlook(now, found, manner(chosen, held_back), health, silent, young, everywhere=len(places) > 1)


_WHERE = "look at --at, and at the columns that the mapping names"


def _answered_for(now: datetime, there: int, pods: int, *, newest: bool) -> str:
    """``moment   2026-01-01 14:59 UTC, the newest; 3 of 4 pods have samples then``: what files answer for."""
    which = ", the newest" if newest else ""
    have = "has" if there == 1 else "have"
    return f"moment   {now:%Y-%m-%d %H:%M} UTC{which}; {there} of {pods} pods {have} samples then"


def _unanswered(others: int, run: str) -> str:
    """That of runs side by side one is answered for."""
    which = "1 other run has" if others == 1 else f"{others} other runs have"
    return f"! {which} samples then, too: only run {visible(run)}, which began last, is answered for"


def _watch(
    session: Session,
    lookout: Lookout,
    gate: Gate,
    rounds: int,
    tell: Callable[[Outlook], None],
) -> Outcome:
    """Each look was shown and told; ends with the last one's outcome, or with the first that is over."""
    from chaoskit.clock import refuse_when_stopped

    outcome = Outcome.DONE
    with stopping() as stop, outlooks.watching(session) as show:
        for count, outlook in enumerate(lookout.watch(stop), 1):
            outcome = gate.outcome(outlook)
            tell(outlook)
            show(outlook, outcome)
            if count == rounds or outcome is Outcome.AT_OR_OVER_THRESHOLD:
                return outcome
        refuse_when_stopped(stop)
    return outcome


def _metrics(
    session: Session, stack: ExitStack, hear: Listener, listen: str, export: Path | None
) -> tuple[Listener, Callable[[], None]]:
    """What hears predictions, metrics that are served or written included; what writes them after a look."""
    if not listen and export is None:
        return hear, lambda: None
    from chaoskit.events import both
    from chaoskit.runtime import endpoints, exposition

    shown = exposition()
    if listen:
        served = stack.enter_context(endpoints(listen, shown))
        session.say(f"serving  {served.url}/metrics")

    def write() -> None:
        if export is not None:
            shown.predictions.write(export)

    return both(hear, shown), write


def _pushing(url: str, lookout: Lookout, hear: Listener) -> Callable[[Outlook], None]:
    """Pushes a look's alarms to Alertmanager; one that does not take them is a warning."""
    if not url:
        return lambda _: None
    from datetime import timedelta

    from chaoskit.errors import Unavailable
    from chaoskit.events import Warned
    from chaoskit.flows.alerting import Alerts
    from chaoskit.runtime import alertmanager

    manager, alerts = alertmanager(url), Alerts(timedelta(seconds=4 * lookout.step), lookout.namespace)

    def push(outlook: Outlook) -> None:
        try:
            manager.push(alerts.of(outlook))
        except Unavailable as error:
            hear(Warned(outlook.at, error.message))

    return push
