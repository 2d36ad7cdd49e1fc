"""From data to a kept model, and from a kept model to an answer; no cluster is needed for either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chaoskit import clusters, prediction
from chaoskit.errors import Conflict, InvalidInput, NotFound, Refused, UnknownName
from chaoskit.events import Listener, ignore
from chaoskit.flows.world import World
from chaoskit.ports.cluster import Identity
from chaoskit.prediction.data import memory
from chaoskit.records import LabelRecord, PredictionRecord, RecoveryRecord, RunRecord

if TYPE_CHECKING:
    from chaoskit.prediction import Chaos, Dataset, Model, Objectives, Options, Report, Target, Trained
    from chaoskit.prediction.features import Following


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained model where it lies, the report on it, and whether it answers from now on.

    `held_back` says why it does not, "" when it does; `instead_of` who answered before, "" where rules did.
    """

    name: str
    folder: Path
    report: Report
    promoted: bool
    held_back: str = ""
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A model with new thresholds where it lies, each one before and after, and its verdict."""

    name: str
    folder: Path
    before: dict[str, float | None]
    after: dict[str, float | None]
    note: str
    verdict: str
    promotable: bool


@memory.in_words()
def fit(
    dataset: Dataset,
    *,
    models: Path,
    base: str,
    target: Target | None = None,
    options: Options | None = None,
    extra: Sequence[LabelRecord] = (),
    chaos: Chaos = "mask",
    objectives: Objectives | None = None,
    promote: bool = True,
    thorough: bool = True,
    key: bytes = b"",
    now: datetime | None = None,
    listen: Listener = ignore,
) -> Fitted:
    """A model was trained, judged on held-out time, kept as ``<base>-<n>`` and, if it earned it, promoted.

    `extra` are labels from outside the data: chaos runs, recoveries. `chaos` says whether those runs are
    failures to learn from, `objectives` what in the history is one. Without `now` the model counts as
    trained when the data ends.

    Raises:
        InvalidInput: no model may be called so.
        CannotStart: there is not memory enough for the data.
        NoBaseline: the data cannot support a judgement.
    """
    prediction.check_name(base)
    labelled = prediction.label(
        dataset, target or prediction.Target(), extra=extra, chaos=chaos, objectives=objectives
    )
    trained = prediction.build(
        labelled, options or prediction.Options(), thorough=thorough, refit=True, now=now, listen=listen
    )
    folder = kept(trained, models, base, key=key)
    before = prediction.promoted(models)
    held_back = _promoted(models, folder.name) if promote else "promotion was not asked for"
    instead_of = "" if held_back else before
    return Fitted(folder.name, folder, trained.report, not held_back, held_back, instead_of)


def kept(trained: Trained, models: Path, base: str, *, key: bytes = b"") -> Path:
    """The model lies under the next free name of this base; one that others took meanwhile is theirs."""
    while True:
        try:
            return prediction.save(
                trained, models / prediction.next_name(models, base), state=models, key=key
            )
        except Conflict:
            continue


@memory.in_words()
def judged(
    dataset: Dataset,
    *,
    models: Path,
    model: str,
    target: Target | None = None,
    extra: Sequence[LabelRecord] = (),
    calibrated: bool = False,
    key: bytes = b"",
) -> Report:
    """How a kept model does on data that it has not seen, by the thresholds that it has.

    That is its verdict from now on, where there were failures enough. With `calibrated`, by thresholds and
    probabilities that each run of the data gets from the healthy time of the others: what a calibration
    would be worth, and no verdict on the model. One without pickle, from elsewhere, is judged too, beside
    baselines that are fitted on half of the data: its card is a claim, the verdict is made here. What it
    learned from travels with it. One that was exported here is judged as the model that it is a copy of.

    `target` is what the data is written for, where that is known. Finer data is thinned to the model's step.

    Raises:
        InvalidInput: the data is written for something else than the model says, or too coarse for it.
        NoBaseline: the model learned from all of the data, or it has no failure.
        Refused: it is a copy of a model that is gone, or one from elsewhere, which nothing calibrates.
    """
    from chaoskit.prediction.artifacts import exports

    asked = _folder(models, model)
    folder = exports.judged_as(models, asked)
    foreign = prediction.is_portable(folder)
    if foreign and calibrated:
        raise Refused(
            f"{folder.name} came without what fits it to a cluster: its thresholds stay as they came",
            guard="model form",
            limit="calibrated where it was trained",
            hint=f"judge it as it is: chaoskit evaluate --data FOLDER --mapping FILE --model {folder.name}",
        )
    trained = None if foreign else prediction.load(folder, state=models, key=key, witnesses=True)
    model_ = trained.model if trained else prediction.load_model(folder, state=models, key=key)
    says = model_.target
    if target not in {None, says}:
        raise InvalidInput(
            f"the data is written for a model that says whether a workload {target.words}"
            f"{_confirmed(target)}; {folder.name} says whether it {says.words}{_confirmed(says)}",
            hint="leave `target` out of the mapping: the model's own then counts",
        )
    labelled = prediction.label(dataset.thin(model_.spec.step), says, extra=extra)
    if trained is None:
        report = prediction.evaluate_foreign(model_, labelled)
    else:
        report = prediction.evaluate(trained, labelled, calibrated=calibrated)
    if not calibrated and report.decides:
        prediction.judge(models, folder, report)
    if folder != asked:
        report = replace(report, notes=(f"{asked.name} is a copy of {folder.name}: {_ONE}", *report.notes))
    return report


_ONE = "that one was judged for both, by what stayed with it"


def _confirmed(target: Target) -> str:
    return f" for {target.confirm} samples" if target.confirm > 1 else ""


@memory.in_words()
def calibrate(
    dataset: Dataset,
    *,
    models: Path,
    model: str,
    false_alarms_per_day: float | None = None,
    extra: Sequence[LabelRecord] = (),
    key: bytes = b"",
) -> Calibrated:
    """A kept model was fitted to the healthy time of this data, and is kept beside the first.

    Its verdict is its own: on the failures of the data, or none. Finer data is thinned to the model's step;
    `InvalidInput` when it is too coarse for it.
    """
    folder = _folder(models, model)
    base = prediction.calibrated_name(folder.name)
    trained = prediction.load(folder, state=models, key=key, witnesses=True)
    step = trained.model.spec.step
    labelled = prediction.label(dataset.thin(step), trained.model.target, extra=extra)
    fitted = prediction.recalibrated(trained, labelled, false_alarms_per_day)
    place = kept(fitted, models, base, key=key)
    return Calibrated(
        place.name,
        place,
        trained.model.join.told,
        fitted.model.join.told,
        prediction.notes(fitted.report)[0],
        fitted.report.verdict,
        fitted.report.beats_baselines,
    )


def _folder(models: Path, model: str) -> Path:
    """The folder of the model of that name, or of the promoted one.

    Raises `UnknownName` when there is none of the name, `NotFound` when none is promoted, or it is gone,
    `Refused` when the promoted one's file or card is, or another file lies there.
    """
    wanted = model or prediction.promoted(models)
    if not wanted:
        raise NotFound("no model is promoted", hint="name one with --model: chaoskit models list")
    if not prediction.bare(wanted) or not (models / wanted).is_dir():
        if not model:
            raise NotFound(
                f"{wanted} is promoted, but its folder is gone",
                hint="chaoskit models retire lets rules answer",
            )
        known = ", ".join(each.name for each in prediction.names(models)) or "none yet"
        raise UnknownName(f"there is no model {wanted}", hint=f"models: {known}")
    if not model:
        prediction.check_answers(models)
    return models / wanted


def _promoted(models: Path, name: str) -> str:
    """Why the model was not promoted; "" when it was."""
    try:
        prediction.promote(models, name)
    except Refused as refusal:
        return refusal.message
    return ""


def labels_of(world: World) -> tuple[LabelRecord, ...]:
    """What the runs and recoveries of this cluster tell of the past: chaos windows, censored stretches."""
    return (
        *prediction.from_runs(RunRecord.of(each) for each in world.kept("run")),
        *prediction.from_recoveries(RecoveryRecord.of(each) for each in world.kept("recovery")),
    )


def chosen(models: Path, name: str = "", *, key: bytes = b"") -> tuple[str, Model] | None:
    """The model of that name, or without a name the promoted one; None when none was promoted.

    Raises:
        UnknownName: there is no model of that name.
        NotFound: the promoted one is gone.
        Refused: nobody vouches for its file, or it is not the one that was promoted.
    """
    if not (name or prediction.promoted(models)):
        return None
    folder = _folder(models, name)
    return folder.name, prediction.load_model(folder, state=models, key=key)


def exported(models: Path, name: str, out: Path, *, key: bytes = b"") -> Path:
    """A kept model lies in `out` without pickle, for installations elsewhere; the folder."""
    from chaoskit.prediction.artifacts import exports, portable

    folder = _folder(models, name)
    model = prediction.load_model(folder, state=models, key=key)
    if portable.is_portable(folder):
        return portable.copy(folder, out)
    copy = portable.write(model, out, beside=folder)
    exports.remember(models, copy, folder)
    return copy


def imported(models: Path, source: Path, name: str = "") -> str:
    """A model without pickle from elsewhere is kept; its name. Raises `InvalidInput` when it is none."""
    from chaoskit.prediction import objects
    from chaoskit.prediction.artifacts import portable
    from chaoskit.prediction.artifacts.folders import CARD
    from chaoskit.prediction.naming import HUNG, LONGEST

    wanted = name or str(objects.read(source / CARD).get("name") or source.name)
    prediction.check_name(wanted, longest=LONGEST + HUNG)
    return portable.install(source, models / wanted).name


def wanted_history(model: Model | None) -> timedelta:
    """How much of the past an answer needs."""
    return prediction.history(model) if model is not None else timedelta(hours=1)


def answer(
    window: Dataset,
    model: tuple[str, Model] | None,
    *,
    now: datetime,
    cluster: Identity = clusters.NOWHERE,
    following: Following | None = None,
) -> tuple[PredictionRecord, ...]:
    """What the model says of each workload, riskiest first; without one, what plain rules say.

    `following` makes the features of one window after the other, each a little later than the one before.
    """
    if model is None:
        return prediction.by_rules(window, now, cluster=cluster)
    name, trained = model
    if following is None:
        return prediction.predict(trained, window, now=now, name=name, cluster=cluster)
    return prediction.predict(trained, window, now=now, name=name, cluster=cluster, compute=following.compute)
