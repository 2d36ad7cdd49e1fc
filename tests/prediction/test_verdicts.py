"""A verdict is of the very thresholds and of data that was not learned from; nothing else is promoted."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.prediction.conftest import leaking, made, small, tiny

from chaoskit import errors
from chaoskit.cli import models
from chaoskit.flows import learning
from chaoskit.prediction import objects
from chaoskit.prediction.artifacts import artifact, ledgers, listing, promotion, verdicts
from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.judging import calibrating, card, page
from chaoskit.prediction.judging.evaluation import Trained, build, evaluate, evaluate_foreign, recalibrated
from chaoskit.prediction.judging.judge import Judging
from chaoskit.prediction.judging.remaining import Left
from chaoskit.prediction.labelling.labels import Labelled, Target, label
from chaoskit.prediction.learning import folds, search, seen
from chaoskit.prediction.learning.alarms import Judge
from chaoskit.prediction.learning.faults import Faults
from chaoskit.prediction.learning.joined import Join
from chaoskit.prediction.learning.table import tabulate
from chaoskit.prediction.learning.training import Model
from chaoskit.records import LabelRecord


def later(dataset: Dataset, days: int) -> Dataset:
    """The same at another time."""
    blocks = tuple(replace(each, start=each.start + timedelta(days=days)) for each in dataset.blocks)
    return replace(dataset, blocks=blocks)


def healthy(hours: float = 3, days: int = 20) -> Dataset:
    """Other days on which nothing failed: what was before the first leak, again and again."""
    random = np.random.default_rng(5)
    data = leaking()
    (block,) = data.blocks
    values = np.tile(block.values[:, :, :40], (1, 1, round(hours * 60 / 40)))
    noise = 1 + 0.004 * random.standard_normal(values.shape)
    return later(replace(data, blocks=(replace(block, values=(values * noise).astype(np.float32)),)), days)


def every(dataset: Dataset, step: int) -> Dataset:
    """The same values with a sample every so many seconds, a whole part of its step or a multiple."""
    (block,) = dataset.blocks
    more = max(1, block.step // step)
    values, start = np.repeat(block.values, more, axis=2), block.start - timedelta(seconds=(more - 1) * step)
    return replace(dataset, step=step, blocks=(replace(block, step=step, start=start, values=values),))


@pytest.fixture(scope="session")
def others() -> Labelled:
    """Other leaks, on other days."""
    return label(later(leaking(seed=13), 10), Target())


@pytest.fixture(scope="module")
def refitted(leaks: Labelled) -> Trained:
    """One whose forest was grown anew on all the time after its verdict."""
    return build(leaks, small(false_alarms_per_day=6), holdout=0.45, thorough=False, refit=True)


@pytest.fixture(scope="module")
def saved(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    artifact.save(trained, folder / "shop-1", state=folder)
    return folder


@pytest.fixture
def root(trained: Trained, saved: Path, tmp_path: Path) -> Path:
    """Where one model lies that beat every baseline."""
    assert trained.report.beats_baselines
    return Path(shutil.copytree(saved, tmp_path, dirs_exist_ok=True))


# -- thresholds that nobody judged -------------------------------------------------------------------------


def test_new_thresholds_without_a_failure_to_judge_them_by_are_not_promoted(root: Path) -> None:
    found = learning.calibrate(healthy(), models=root, model="shop-1", false_alarms_per_day=500)
    with pytest.raises(errors.Refused, match="has not been judged with its thresholds") as caught:
        promotion.promote(root, found.name)
    assert "chaoskit evaluate" in caught.value.hint
    (listed,) = [each for each in listing.names(root) if each.name == found.name]
    assert listed.standing == "has not been judged with its thresholds"
    text = (root / found.name / "card.md").read_text()
    assert "it has not been judged with its thresholds" in text
    assert "500 false alarms per day" in text


def test_new_thresholds_are_judged_where_the_data_has_failures_that_it_did_not_see(
    root: Path, others: Labelled
) -> None:
    found = learning.calibrate(others.dataset, models=root, model="shop-1", false_alarms_per_day=6)
    card = json.loads((root / found.name / "card.json").read_text())
    assert "thresholds and probabilities from the healthy time of the others" in card["split"]
    assert card["data"]["events"] == {"memory-leak": len(others.events)}
    assert set(card["alarm"]) == set(card["kept"]["thresholds"])
    assert max(line["false_alarms"] for line in card["lines"]) <= 3 * 6 * card["data"]["hours"] / 24
    assert card["beats_baselines"]
    assert promotion.promote(root, found.name)


def test_a_model_that_was_held_back_at_home_may_earn_its_place_where_it_is_fitted_to(
    trained: Trained, others: Labelled, tmp_path: Path
) -> None:
    poor = replace(trained, report=replace(trained.report, beaten_by=("static rule",)))
    artifact.save(poor, tmp_path / "shop-1", state=tmp_path)
    with pytest.raises(errors.Refused, match="static rule"):
        promotion.promote(tmp_path, "shop-1")
    found = learning.calibrate(others.dataset, models=tmp_path, model="shop-1", false_alarms_per_day=6)
    assert promotion.promote(tmp_path, found.name)


@pytest.mark.parametrize(("seed", "beats"), [(15, True), (12, False)])
def test_an_evaluation_on_unseen_data_is_the_verdict_from_then_on(
    trained: Trained, tmp_path: Path, seed: int, beats: bool
) -> None:
    before = replace(trained.report, beaten_by=("static rule",) if beats else ())
    artifact.save(replace(trained, report=before), tmp_path / "shop-1", state=tmp_path)
    report = learning.judged(later(leaking(seed=seed), 10), models=tmp_path, model="shop-1")
    assert report.beats_baselines == beats
    (listed,) = listing.names(tmp_path)
    assert listed.standing == report.verdict
    if beats:
        assert promotion.promote(tmp_path, "shop-1")
    else:
        with pytest.raises(errors.Refused, match=report.verdict):
            promotion.promote(tmp_path, "shop-1")


def test_every_command_tells_the_newest_verdict(trained: Trained, tmp_path: Path) -> None:
    folder = artifact.save(trained, tmp_path / "shop-1", state=tmp_path)
    (first,) = listing.names(tmp_path)
    assert first.newer == ""
    poor = replace(trained.report, beaten_by=("static rule",), split="later data")
    verdicts.judge(tmp_path, folder, poor)
    (listed,) = listing.names(tmp_path)
    assert listed.newer == "does not beat static rule, on later data"
    found = models._comparison([listed, listed])["figures"]["judgement"]
    assert set(found.values()) == {listed.standing} == {"does not beat static rule"}


def test_a_refusal_says_by_which_measure_a_model_is_beaten_whatever_its_words(
    trained: Trained, tmp_path: Path
) -> None:
    poor = replace(trained, report=replace(trained.report, beaten_by=("static rule",)))
    folder = artifact.save(poor, tmp_path / "shop-1", state=tmp_path)
    told = "shop-1 does not beat static rule, in event F1 at the same budget of false alarms"

    def refusal(**changed: str) -> str:
        with ledgers.known_changed(tmp_path) as known:
            entry = known[verdicts.verdict_digest(known, folder)]
            entry["verdict"] |= changed
        with pytest.raises(errors.Refused) as refused:
            promotion.promote(tmp_path, "shop-1")
        return refused.value.message

    assert refusal() == told
    assert refusal(kind="beaten", words="is beaten") == (
        "shop-1 is beaten, in event F1 at the same budget of false alarms"
    )
    assert refusal(kind="over-budget", words="does not beat its budget") == "shop-1 does not beat its budget"


def test_a_card_that_says_more_than_was_judged_promotes_nothing(trained: Trained, tmp_path: Path) -> None:
    poor = replace(trained, report=replace(trained.report, beaten_by=("static rule",)))
    folder = artifact.save(poor, tmp_path / "shop-1", state=tmp_path)
    card = json.loads((folder / "card.json").read_text()) | {"beats_baselines": True, "beaten_by": []}
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(errors.Refused, match="does not beat static rule"):
        promotion.promote(tmp_path, "shop-1")


def test_the_card_of_a_stranger_is_a_claim_and_no_verdict(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    learning.exported(root, "shop-1", out)
    name = learning.imported(elsewhere, out, "theirs")
    with pytest.raises(errors.Refused, match="nobody has judged theirs here"):
        promotion.promote(elsewhere, name)
    (listed,) = listing.names(elsewhere)
    assert listed.standing == "not judged here; its card says: beats every baseline"
    assert promotion.promoted(elsewhere) == ""


def test_a_model_from_elsewhere_is_handed_on_as_it_came(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    out, again, elsewhere = tmp_path / "out", tmp_path / "again", tmp_path / "elsewhere"
    learning.exported(root, "shop-1", out)
    name = learning.imported(elsewhere, out, "theirs")
    assert learning.exported(elsewhere, name, again) == again
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in out.iterdir()
    }
    with pytest.raises(errors.InvalidInput, match="is not empty"):
        learning.exported(elsewhere, name, again)


def test_what_was_exported_here_has_the_verdict_of_its_model_and_is_judged_as_that(
    trained: Trained, tmp_path: Path
) -> None:
    pytest.importorskip("skl2onnx")
    artifact.save(replace(trained, witnesses=None), tmp_path / "shop-1", state=tmp_path)
    poor, good = (later(leaking(seed=seed), 10) for seed in (12, 15))
    refused = learning.judged(poor, models=tmp_path, model="shop-1")
    learning.exported(tmp_path, "shop-1", tmp_path / "out/1")
    learning.imported(tmp_path, tmp_path / "out/1", "copy")
    assert _standing(tmp_path, "copy") == refused.verdict
    report = learning.judged(poor, models=tmp_path, model="copy")
    assert report.notes[0].startswith("copy is a copy of shop-1")
    assert report.notes[1:] == refused.notes
    assert card.rows(report) == card.rows(refused)
    with pytest.raises(errors.Refused, match=refused.verdict):
        promotion.promote(tmp_path, "copy")
    assert learning.judged(good, models=tmp_path, model="copy").beats_baselines
    assert promotion.promote(tmp_path, "shop-1")
    assert promotion.promote(tmp_path, "copy")


def test_a_copy_is_known_however_its_document_is_written(trained: Trained, tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    poor = replace(trained, report=replace(trained.report, beaten_by=("static rule",)))
    artifact.save(poor, tmp_path / "shop-1", state=tmp_path)
    learning.exported(tmp_path, "shop-1", tmp_path / "out/1")
    document = tmp_path / "out/1/model.json"
    content = json.loads(document.read_text())
    document.write_text(json.dumps(content, indent=2, sort_keys=True))
    learning.imported(tmp_path, tmp_path / "out/1", "indented")
    assert _standing(tmp_path, "indented") == "does not beat static rule"
    report = learning.judged(later(leaking(seed=15), 10), models=tmp_path, model="indented")
    assert report.notes[0].startswith("indented is a copy of shop-1")
    document.write_text(json.dumps({**content, "join": {"random forest": 0.9}}))
    learning.imported(tmp_path, tmp_path / "out/1", "changed")
    assert _standing(tmp_path, "changed").startswith("not judged here")
    with pytest.raises(errors.Refused, match="has the forest of a model that was exported here"):
        learning.judged(later(leaking(seed=15), 10), models=tmp_path, model="changed")


def test_a_copy_is_known_however_its_forest_is_packed(trained: Trained, tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    artifact.save(trained, tmp_path / "shop-1", state=tmp_path)
    learning.exported(tmp_path, "shop-1", tmp_path / "out/1")
    packed, document = tmp_path / "out/1/trees.npz", tmp_path / "out/1/model.json"
    with np.load(packed) as found:
        arrays = {name: each.astype("i4") if each.dtype.kind == "i" else each for name, each in found.items()}
    save: Any = np.savez
    save(packed, **arrays)
    content = json.loads(document.read_text())
    content["sha256"]["trees.npz"] = hashlib.sha256(packed.read_bytes()).hexdigest()
    document.write_text(json.dumps(content))
    learning.imported(tmp_path, tmp_path / "out/1", "repacked")
    with pytest.raises(errors.Refused, match="has the forest of a model that was exported here"):
        learning.judged(later(leaking(seed=15), 10), models=tmp_path, model="repacked")


def test_a_copy_without_what_judges_its_model_keeps_the_verdict_that_it_has(
    trained: Trained, tmp_path: Path
) -> None:
    pytest.importorskip("skl2onnx")
    poor = replace(trained, report=replace(trained.report, beaten_by=("static rule",)))
    artifact.save(poor, tmp_path / "shop-1", state=tmp_path)
    learning.exported(tmp_path, "shop-1", tmp_path / "out/1")
    learning.imported(tmp_path, tmp_path / "out/1", "copy")
    shutil.rmtree(tmp_path / "shop-1")
    with pytest.raises(errors.Refused, match="the verdict on copy stands"):
        learning.judged(later(leaking(seed=15), 10), models=tmp_path, model="copy")
    assert _standing(tmp_path, "copy") == "does not beat static rule"
    with pytest.raises(errors.Refused, match="does not beat static rule"):
        promotion.promote(tmp_path, "copy")


def _standing(root: Path, name: str) -> str:
    (listed,) = [each for each in listing.names(root) if each.name == name]
    return listed.standing


@pytest.mark.parametrize("budget", [0, -1.0, float("inf"), float("nan")])
def test_a_budget_that_no_model_may_have_makes_none(
    leaks: Labelled, trained: Trained, others: Labelled, budget: float
) -> None:
    with pytest.raises(errors.InvalidInput, match="is no number above 0"):
        build(leaks, tiny(false_alarms_per_day=budget), thorough=False)
    with pytest.raises(errors.InvalidInput, match="is no number above 0"):
        recalibrated(trained, others, budget)


# -- data that was learned from ----------------------------------------------------------------------------


def test_what_a_model_learned_from_cannot_judge_it(
    trained: Trained, refitted: Trained, leaks: Labelled
) -> None:
    for calibrated in (False, True):
        with pytest.raises(errors.NoBaseline, match="learned from all of this data"):
            evaluate(refitted, leaks, calibrated=calibrated)
    first = leaks.dataset.blocks[0].cut(0, 480)
    with pytest.raises(errors.NoBaseline, match="learned from all of this data"):
        evaluate(trained, label(replace(leaks.dataset, blocks=(first,)), Target()))


def test_time_that_a_model_learned_from_sets_none_of_its_thresholds(
    trained: Trained, refitted: Trained, leaks: Labelled
) -> None:
    with pytest.raises(errors.NoBaseline, match="learned from all of this data"):
        recalibrated(refitted, leaks)
    (span,), (block,) = trained.model.seen, leaks.dataset.blocks
    learned = round((span.last - block.start).total_seconds() / block.step)
    gap = 2 * trained.model.spec.window
    little = label(replace(leaks.dataset, blocks=(block.cut(0, learned + gap + 40),)), Target())
    with pytest.raises(errors.NoBaseline, match="that the model did not learn from: thresholds need at"):
        recalibrated(trained, little)
    found = recalibrated(trained, leaks)
    (tuned,) = found.model.tuned
    assert tuned.first > span.last
    values = block.values.copy()
    values[:, :, : learned - 500] *= 1.2  # within what was learned from, and out of reach of what was not
    moved = replace(leaks, dataset=replace(leaks.dataset, blocks=(replace(block, values=values),)))
    again = recalibrated(trained, moved)
    assert again.model.join == found.model.join
    assert again.model.evidence == found.model.evidence
    assert {e.name: e.threshold for e in again.baselines} == {e.name: e.threshold for e in found.baselines}


def test_of_data_that_was_learned_from_in_part_the_rest_judges(trained: Trained, leaks: Labelled) -> None:
    report = evaluate(trained, leaks)  # it was trained on the first 55 % alone
    assert report.data["hours"] < 0.45 * 16
    assert "that the model learned from or that lie beside that are left out" in report.split


def test_what_lies_too_near_to_what_was_learned_is_told_as_that(trained: Trained, leaks: Labelled) -> None:
    (span,), (block,) = trained.model.seen, leaks.dataset.blocks
    learned = round((span.last - block.start).total_seconds() / block.step)
    near = label(replace(leaks.dataset, blocks=(block.cut(0, learned + 100),)), Target())
    told = r"learned from 8\.\d h of this data, and the rest lies within 132 min of that"
    for ask in (evaluate, recalibrated):
        with pytest.raises(errors.NoBaseline, match=told) as caught:
            ask(trained, near)
        assert "give what is later by itself" in caught.value.hint


def test_an_events_file_is_asked_for_where_there_are_no_events(trained: Trained, leaks: Labelled) -> None:
    (span,) = trained.model.seen
    early = tuple(event for event in leaks.events if event.end < span.first + (span.last - span.first) / 2)
    with pytest.raises(errors.NoBaseline, match=rf"none of the data's failures \({len(early)}\)") as caught:
        evaluate(trained, replace(leaks, events=early))
    assert "give what is later by itself" in caught.value.hint
    with pytest.raises(errors.NoBaseline, match="no failure to catch") as caught:
        evaluate(trained, replace(leaks, events=()))
    assert "no event names one, no signal shows one" in caught.value.message
    assert "events file" in caught.value.hint


def test_the_same_time_of_other_pods_was_not_seen(trained: Trained, leaks: Labelled) -> None:
    (block,) = leaks.dataset.blocks
    rows = tuple(row._replace(pod=f"other-{row.pod}") for row in block.rows)
    data = replace(leaks.dataset, blocks=(replace(block, rows=rows),))
    assert "left out" not in evaluate(trained, label(data, Target())).split
    unseen = seen.unseen(trained.model.seen, leaks, 0)
    assert not unseen[0][0]
    assert unseen[0][-1]


@pytest.mark.parametrize("learned_without", [True, False])
def test_what_was_learned_is_known_where_one_of_both_has_no_namespace(
    trained: Trained, leaks: Labelled, *, learned_without: bool
) -> None:
    (block,), (span,) = leaks.dataset.blocks, trained.model.seen
    rows = tuple(row._replace(namespace="" if not learned_without else "bank") for row in block.rows)
    if learned_without:
        span = replace(span, pods=frozenset(("", pod) for _, pod in span.pods))
    data = label(replace(leaks.dataset, blocks=(replace(block, rows=rows),)), Target())
    np.testing.assert_array_equal(
        seen.unseen([span], data, 30)[0], seen.unseen(trained.model.seen, leaks, 30)[0]
    )


def test_one_pod_of_the_same_name_makes_another_cluster_no_time_that_was_learned(
    trained: Trained, leaks: Labelled
) -> None:
    (block,), (span,) = leaks.dataset.blocks, trained.model.seen
    rows = (block.rows[0], *(row._replace(pod=f"other-{row.pod}") for row in block.rows[1:]))
    data = label(replace(leaks.dataset, blocks=(replace(block, rows=rows),)), Target())
    (free,) = seen.unseen([span], data, 30)
    assert free.all()
    found, count = seen.apart([span], data, 30)
    (before,), (after,) = data.truths, found.truths
    assert count == 1
    np.testing.assert_array_equal(after.y[1:], before.y[1:])
    (learned,) = seen.unseen([span], leaks, 30)
    assert (after.y[0, ~learned] == -1).all()
    np.testing.assert_array_equal(after.y[0, learned], before.y[0, learned])
    report = evaluate(trained, data)
    assert "left out" not in report.split
    assert "1 pod is left out at a time that the model knows of pods of such names" in report.notes
    again = replace(trained, model=replace(trained.model, tuned=trained.model.seen))
    assert evaluate(again, data).data["events"] == report.data["events"]


def test_one_namespace_that_was_learned_is_left_out_of_all_of_them(trained: Trained, leaks: Labelled) -> None:
    """Though most pods at that time are others, none that was learned from judges."""
    (block,) = leaks.dataset.blocks
    others = tuple(row._replace(namespace="bank") for row in block.rows)
    values = np.concatenate([block.values, block.values, block.values])
    more = (*block.rows, *others, *(row._replace(namespace="port") for row in block.rows))
    whole = label(replace(leaks.dataset, blocks=(replace(block, rows=more, values=values),)), Target())
    found, count = seen.apart(trained.model.seen, whole, 30)
    assert count == len(block.rows)
    (learned,) = seen.unseen(trained.model.seen, leaks, 30)
    assert (found.truths[0].y[: len(block.rows), ~learned] == -1).all()


def test_data_that_begins_after_what_was_learned_is_judged_whole(trained: Trained, leaks: Labelled) -> None:
    (span,) = trained.model.seen
    (block,) = leaks.dataset.blocks
    first = int((span.last - block.start).total_seconds() // block.step) + 20
    after = label(replace(leaks.dataset, blocks=(block.cut(first, block.length),)), Target())
    (whole,) = seen.unseen(trained.model.seen, leaks, 132)
    (cut,) = seen.unseen(trained.model.seen, after, 132)
    assert cut.all()
    assert not whole[first : first + 100].any()
    assert evaluate(trained, after).data["events"] == {"memory-leak": len(after.events)}


def test_a_failure_that_was_learned_in_part_judges_nothing(leaks: Labelled) -> None:
    (event, *_) = leaks.events
    (block,) = leaks.dataset.blocks
    pods = frozenset((row.namespace, row.pod) for row in block.rows)
    known = seen.Span(pods, block.start, event.start)
    (free,) = seen.unseen((known,), leaks, 0)
    assert not free[event.first : event.last + 1].any()
    assert free[event.last + 1]
    end = seen.Span(pods, block.at(event.last), block.end)
    (free,) = seen.unseen((end,), leaks, 0)
    assert not free[event.first : event.last + 1].any()
    assert free[event.first - 1]


def test_time_that_set_the_thresholds_cannot_judge_them(trained: Trained, others: Labelled) -> None:
    fitted = recalibrated(trained, others)
    with pytest.raises(errors.NoBaseline, match="lies in the time that set the model's thresholds") as caught:
        evaluate(fitted, others)
    assert "`evaluate --calibrate`" in caught.value.hint
    again = evaluate(fitted, others, calibrated=True)
    assert again.data["events"] == {"memory-leak": len(others.events)}


def twice(dataset: Dataset) -> Labelled:
    """The same again in a second run, on the next day."""
    (block,) = dataset.blocks
    other = replace(block, run="again", start=block.start + timedelta(days=1))
    return label(replace(dataset, blocks=(block, other)), Target())


def test_failures_and_false_alarms_are_counted_over_the_same_time(trained: Trained) -> None:
    data = twice(later(leaking(seed=12), 10))
    set_by = seen.spans(data, folds.everything(data))[:1]
    limits = trained.model.join.thresholds
    model = replace(trained.model, join=Join({name: 0.4 * limit for name, limit in limits.items()}))
    whole = evaluate(replace(trained, model=model), data)
    half = evaluate(replace(trained, model=replace(model, tuned=set_by)), data)
    assert half.data["hours"] == pytest.approx(whole.data["hours"] / 2, abs=0.06)
    assert whole.model.false_alarms == 2 * half.model.false_alarms > 0
    for one, other in zip((half.model, *half.lines), (whole.model, *whole.lines), strict=True):
        assert (one.f1, one.recall) == (other.f1, other.recall)
        assert one.pr_auc == pytest.approx(other.pr_auc, abs=1e-6)
    assert half.model.precision == whole.model.precision
    assert half.model.brier == pytest.approx(whole.model.brier, abs=1e-6)
    assert half.verdict == whole.verdict
    assert any(
        f"and {sum(half.data['events'].values())} failures in it are left out" in each for each in half.notes
    )


def test_a_calibration_tells_what_the_thresholds_before_and_now_do_on_the_same_failures(
    root: Path, others: Labelled, trained: Trained
) -> None:
    found = learning.calibrate(others.dataset, models=root, model="shop-1")
    before = evaluate(trained, others).model
    now = evaluate(trained, others, calibrated=True).model
    for line, words in ((before, "thresholds before catch"), (now, "set anew in turn")):
        hit, due = line.caught["memory-leak"]
        assert f"{words} {hit} of {due} failures with {line.false_alarms} false alarm" in found.note
        assert f"(F1 {line.f1:.3f})" in found.note
    assert f"the ECE of probabilities is {before.ece:.3f} before, {now.ece:.3f} now" in found.note
    again = learning.calibrate(others.dataset, models=root, model=found.name)
    assert "the thresholds before" not in again.note  # they were set on this very time


def test_the_line_of_a_model_needs_no_baselines(trained: Trained, others: Labelled) -> None:
    left = Left.of(trained.model, others)
    alone = Judging(left.table, left.fresh, trained.model, fitted=(), made=None)
    assert alone.line() == evaluate(trained, others).model


def test_thresholds_are_set_where_too_little_is_left_to_judge_them(
    trained: Trained, others: Labelled
) -> None:
    (truth,) = others.truths
    kept = np.arange(truth.y.shape[1]) % 13 == 0
    y = np.where((truth.y == 0) & ~kept, -1, truth.y).astype(np.int8)
    little = replace(others, truths=(replace(truth, y=y),))
    with pytest.raises(
        errors.NoBaseline, match=r"have 0\.9 of 1\.2 h of healthy time: thresholds need at"
    ) as caught:
        evaluate(trained, little, calibrated=True)
    assert "of a run (or quarter of the time)" in str(caught.value)
    fitted = recalibrated(trained, little)
    assert "too little healthy time to set each run's on the others" in page.notes(fitted.report)[0]
    assert not fitted.report.decides
    with pytest.raises(errors.NoBaseline, match="none judges them") as refused:
        evaluate(fitted, little)
    assert "--calibrate" not in refused.value.hint


def test_thresholds_of_a_healthy_beginning_are_judged_by_what_comes_after(
    trained: Trained, others: Labelled
) -> None:
    (block,) = others.dataset.blocks
    beginning = label(replace(others.dataset, blocks=(block.cut(0, 240),)), Target())
    fitted = recalibrated(trained, beginning)
    report, before = evaluate(fitted, others), evaluate(trained, others)
    (span,) = fitted.model.tuned
    assert sum(report.data["events"].values()) == sum(event.start >= span.last for event in others.events)
    assert 1 < report.data["hours"] <= before.data["hours"] - 2
    assert any(f"{report.data['hours']:.1f} h are counted" in each for each in report.notes)
    assert "thresholds set on healthy time without labels" in report.split


def test_minutes_of_healthy_time_are_no_verdict_and_promote_nothing(root: Path, others: Labelled) -> None:
    (block,) = others.dataset.blocks
    beginning = replace(others.dataset, blocks=(block.cut(0, block.length - 45),))
    found = learning.calibrate(beginning, models=root, model="shop-1", false_alarms_per_day=100)
    (listed,) = [each for each in listing.names(root) if each.name == found.name]
    report = learning.judged(others.dataset, models=root, model=found.name)
    assert 0 < report.data["hours"] < 1
    assert not report.decides
    assert [each.standing for each in listing.names(root) if each.name == found.name] == [listed.standing]


def test_less_than_an_hour_of_healthy_time_decides_nothing(trained: Trained) -> None:
    for hours, words in {0.0: "0", 0.9: "0.9", 11 / 12: "0.9", 0.96: "nearly 1", 0.9999: "nearly 1"}.items():
        little = replace(trained.report, data={**trained.report.data, "hours": hours})
        assert not little.decides
        assert not little.beats_baselines
        assert little.verdict == f"was judged on {words} h of healthy time: less than 1 decides nothing"
    assert replace(trained.report, data={**trained.report.data, "hours": 1.0}).decides


def test_a_verdict_is_of_all_minutes_though_hours_are_told_to_a_tenth(
    trained: Trained, others: Labelled
) -> None:
    (block,) = others.dataset.blocks
    report = evaluate(trained, label(replace(others.dataset, blocks=(block.cut(0, 400),)), Target()))
    minutes = round(report.hours * 60)
    assert report.hours == pytest.approx(minutes / 60)
    assert minutes % 6, "a tenth of an hour would hide what is rounded"
    told = round(minutes / 60, 1)
    assert card.document(report)["data"]["hours"] == told
    assert f" pods, {told} h, " in page.markdown(report, "A model")


def test_without_healthy_time_nothing_is_ranked_and_nothing_is_false() -> None:
    labelled = failing(5)
    healthy_ = [np.where(each.y == 0, -1, each.y).astype(np.int8) for each in labelled.truths]
    alone = replace(
        labelled, truths=tuple(replace(t, y=y) for t, y in zip(labelled.truths, healthy_, strict=True))
    )
    strange = build(failing(12), tiny(), thorough=False)
    report = evaluate(replace(strange, model=replace(strange.model, seen=())), alone)
    line = report.model
    assert sum(due for _, due in line.caught.values()) == 5
    assert line.recall >= 0
    for figure in (line.f1, line.precision, line.f1_interval.low, line.pr_auc, line.roc_auc):
        assert np.isnan(figure)
    assert (line.brier, line.ece, line.pr_auc_interval, report.reliability) == (None, None, None, ())
    assert "0 h of healthy time" in report.verdict
    assert "| nan" not in page.markdown(report, "A model")


def test_alarms_in_what_is_taken_for_healthy_are_told(trained: Trained, others: Labelled) -> None:
    shown = label(replace(others.dataset, labels=()), Target())
    unlabelled = replace(
        shown, events=(), truths=tuple(replace(each, y=np.zeros_like(each.y)) for each in shown.truths)
    )
    told = page.notes(recalibrated(trained, unlabelled).report)[0]
    assert re.search(r"by those before there were \d+ alarms in it: a failure that no events file", told)
    assert "by those before" not in page.notes(recalibrated(trained, label(healthy(), Target())).report)[0]


def test_what_lingers_after_a_failure_sets_no_threshold(trained: Trained) -> None:
    data = healthy()
    row, at = data.blocks[0].rows[2], data.blocks[0].at(60)
    failure = LabelRecord(
        id="1", at=at, trace_id="", target=row.pod, namespace=row.namespace, meaning="failure",
        issue="other", start=at, end=at + timedelta(minutes=10),
    )  # fmt: skip
    labelled = label(replace(data, labels=(failure,)), Target("detect", timedelta(0)))
    (event,), every_moment = labelled.events, folds.everything(labelled)
    table = tabulate(labelled, trained.model.spec)
    calm = np.full(labelled.truths[0].y.shape, 0.2, dtype=np.float32)
    lingering = calm.copy()
    lingering[event.rows[0], event.last + 1 : event.last + 5] = (0.9, 0.8, 0.7, 0.6)
    fitted = [
        calibrating.fit(trained.model, table, [forest], every_moment, 6) for forest in (calm, lingering)
    ]
    assert fitted[0].join == fitted[1].join
    assert fitted[0].alone == fitted[1].alone
    late = calm.copy()
    late[event.rows[0], event.last + 6] = 0.9
    beyond = calibrating.fit(trained.model, table, [late], every_moment, 6)
    assert beyond.alone.thresholds["random forest"] > 0.9 > fitted[0].alone.thresholds["random forest"]


def test_the_plain_rules_get_their_thresholds_from_the_same_healthy_time(
    trained: Trained, others: Labelled
) -> None:
    fitted = recalibrated(trained, others)
    limits = {each.name: each.threshold for each in fitted.baselines}
    assert limits != {each.name: each.threshold for each in trained.baselines}
    lines = evaluate(fitted, label(later(others.dataset, 5), Target())).lines
    assert {line.name: line.threshold for line in lines} == limits


def telling_faults(trained: Trained) -> Model:
    """Its model with faults of the names of their classes."""
    issues = trained.model.issues
    return replace(trained.model, faults=Faults(issues, {}, {name: name for name in issues.classes_}))


def test_a_fault_that_the_model_never_saw_is_named(trained: Trained, others: Labelled) -> None:
    model = telling_faults(trained)
    strange = replace(others, events=tuple(replace(each, fault="ballooning") for each in others.events))
    for calibrated in (False, True):
        report = evaluate(replace(trained, model=model), strange, calibrated=calibrated)
        assert any(each.startswith("faults that the model never saw") for each in report.notes)
        assert any(each.endswith(": ballooning") for each in report.notes)
        assert report.faults is not None
        assert report.faults.macro_f1 == 0


def test_a_class_that_the_model_never_saw_is_named(trained: Trained, others: Labelled) -> None:
    changed = (replace(each, issue="disk") for each in others.events[::2])
    strange = replace(others, events=(*changed, *others.events[1::2]))
    known = replace(trained, witnesses=None)
    for report in (
        evaluate(known, strange),
        evaluate(known, strange, calibrated=True),
        evaluate_foreign(trained.model, strange),
    ):
        assert any(each.startswith("classes that the model never saw") for each in report.notes)
        assert any(each.endswith("counts them as told wrong: disk") for each in report.notes)
        assert report.classes is not None
        assert report.classes.names == ("disk", "memory-leak")
        assert report.classes.macro_f1 < 0.5
    assert not any("never saw" in each for each in evaluate(known, others).notes)


def test_of_how_many_failures_no_fault_is_named_is_told(trained: Trained, others: Labelled) -> None:
    model = telling_faults(trained)
    first, *rest = others.events
    some = replace(others, events=(first, *(replace(each, fault="memory-leak") for each in rest)))
    report = evaluate(replace(trained, model=model, witnesses=None), some)
    assert report.faults is not None
    assert report.faults.confusion == ((len(rest),),)
    words = f"of 1 of {len(others.events)} failures no fault is named: no figure of faults counts them"
    assert words in report.notes
    report = evaluate(replace(trained, model=model, witnesses=None), others)
    assert report.faults is None
    assert not any("no fault is named" in each for each in report.notes)


def test_a_fault_that_judges_nothing_is_not_named_as_one_that_was_told_wrong(
    trained: Trained, others: Labelled
) -> None:
    model = telling_faults(trained)
    blind, *seen_ = (replace(each, fault="memory-leak") for each in others.events)
    strange = replace(
        others,
        events=(replace(blind, issue="network", fault="network_delay"), *seen_),
        dataset=replace(others.dataset, blind={"network": "nothing shows it"}),
    )
    for calibrated in (False, True):
        report = evaluate(replace(trained, model=model), strange, calibrated=calibrated)
        assert report.faults is not None
        assert report.faults.names == ("memory-leak",)
        assert not any("never saw" in each for each in report.notes)


def test_a_model_is_judged_as_what_it_says(trained: Trained, root: Path, others: Labelled) -> None:
    with pytest.raises(errors.InvalidInput, match="is failing"):
        learning.judged(others.dataset, models=root, model="shop-1", target=Target("detect", timedelta(0)))


# -- few failures ------------------------------------------------------------------------------------------


def failing(events: int, hidden: int = 0) -> Labelled:
    """So many spikes of CPU, the last of them of a class that the signals cannot show."""
    length = 70 * (events + 1)
    random = np.random.default_rng(1)
    cpu = 0.3 + 0.02 * random.standard_normal((4, length))
    start = made({"cpu_usage": cpu}).blocks[0].start
    records = []
    for n, at in enumerate(range(70, length, 70)):
        if n < events - hidden:
            cpu[n % 4, at + 1 : at + 6] += 0.6
        records.append(
            LabelRecord(
                id=str(at), at=start, trace_id="", target=f"app-{n % 4}", namespace="", meaning="failure",
                issue="cpu-saturation" if n < events - hidden else "network",
                start=start + timedelta(minutes=at), end=start + timedelta(minutes=at + 4),
            )
        )  # fmt: skip
    data = replace(made({"cpu_usage": cpu}), blind={"network": "no signal shows it"} if hidden else {})
    return label(data, Target("detect", timedelta(0)), extra=records)


def test_failures_that_cannot_be_seen_are_not_counted_as_enough_to_judge_by() -> None:
    labelled = failing(12, hidden=4)  # the held-out end has four failures, all of them invisible
    report = build(labelled, tiny(), holdout=0.35, thorough=False).report
    assert "in turn" in report.split


def test_the_end_that_is_judged_has_enough_failures_whatever_recipe_was_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labelled = failing(16)
    narrow, wide = (folds.by_time(labelled, 0.35, gap) for gap in (132, 262))
    assert len(Judge(labelled, narrow[1]).due) >= 4 > len(Judge(labelled, wide[1]).due)
    best = search.best
    monkeypatch.setattr(  # validation may choose either: here it chooses the one with the wider gap
        search, "best", lambda *a, **k: best(a[0], a[1], replace(a[2], recipe="evidence"), **k)
    )
    report = build(labelled, tiny(recipe="auto"), holdout=0.35, thorough=False).report
    assert sum(report.data["events"].values()) >= 4
    assert "in turn" in report.split
    assert any("kind to the model" in note for note in report.notes) == any(s for _, s in report.trials)


# -- data of another step than the model's ------------------------------------------------------------------


def test_finer_data_judges_as_that_of_the_models_step(root: Path) -> None:
    data = later(leaking(seed=15, hours=4), 10)
    reports = [learning.judged(each, models=root, model="shop-1") for each in (data, every(data, 15))]
    assert card.document(reports[0]) == card.document(reports[1])


def test_data_that_is_too_coarse_for_the_model_neither_judges_nor_calibrates_it(root: Path) -> None:
    for use in (learning.judged, learning.calibrate):
        with pytest.raises(errors.InvalidInput, match="60 s cannot be made from one of 120 s"):
            use(every(healthy(), 120), models=root, model="shop-1")


def test_what_is_labelled_on_another_grid_is_refused_with_what_to_do(trained: Trained) -> None:
    labelled = label(every(healthy(), 15), trained.model.target)
    for use in (evaluate, recalibrated):
        with pytest.raises(
            errors.InvalidInput, match="every 15 s, the model goes by one every 60 s"
        ) as caught:
            use(trained, labelled)
        assert "thin(60)" in caught.value.hint


def test_two_failures_are_too_few_for_a_verdict(trained: Trained) -> None:
    line = replace(trained.report.model, caught={"memory-leak": (2, 2), "network": (0, 9)})
    few = replace(trained.report, model=line, blind={"network": "no signal shows it"})
    assert not few.beats_baselines
    assert few.verdict == "was judged on 2 failures that can be seen: fewer than 4 decide nothing"


# -- what is kept and what was judged ----------------------------------------------------------------------


def test_the_card_says_when_another_forest_was_judged_than_the_one_that_is_kept(refitted: Trained) -> None:
    report = refitted.report
    assert report.kept is not None
    assert report.kept.thresholds == refitted.model.join.told
    assert report.beats_baselines  # the verdict on what was made the same way of less
    text = page.markdown(report, "A model")
    assert "grown anew on all the time" in text
    assert "| member | threshold | of the kept model |" in text


# -- promotions under many hands ----------------------------------------------------------------------------


def test_many_at_once_lose_no_digest(tmp_path: Path) -> None:
    path, ready = tmp_path / "models.json", threading.Barrier(8)

    def remember(number: int) -> None:
        ready.wait()
        for each in range(10):
            with objects.changed(path) as known:
                known[f"{number}-{each}"] = {}

    threads = [threading.Thread(target=remember, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(objects.read(path)) == 80
    assert {each.name for each in tmp_path.iterdir()} <= {"models.json", "models.json.lock"}
