"""A model without pickle answers as the one that it was made of, and what is no model is refused."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from tests.prediction.conftest import leaking, small
from tests.prediction.test_verdicts import healthy, later

from chaoskit import errors
from chaoskit.flows import learning
from chaoskit.prediction import features, objects
from chaoskit.prediction.answers.predictor import predict
from chaoskit.prediction.artifacts import artifact, parcel, portable, promotion, trees
from chaoskit.prediction.artifacts.portable import TREES
from chaoskit.prediction.artifacts.soundness import unsound
from chaoskit.prediction.judging.evaluation import Trained, build, evaluate_foreign
from chaoskit.prediction.labelling.labels import Labelled, Target, label
from chaoskit.prediction.learning import folds, seen
from chaoskit.prediction.learning.alarms import Judge
from chaoskit.prediction.learning.evidence import Evidence
from chaoskit.prediction.learning.forest import Lesson, fit
from chaoskit.prediction.learning.joined import EVIDENCE, FOREST, Join
from chaoskit.prediction.learning.options import Options
from chaoskit.prediction.learning.training import Model
from chaoskit.records import LabelRecord

pytest.importorskip("skl2onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def written(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("portable")
    kept = artifact.save(trained, folder / "models" / "shop-1", state=folder)
    return portable.write(trained.model, folder / "out", beside=kept)


def rows_of(model: Model, count: int = 400) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 3, (count, len(model.spec.names))).astype(np.float32)


def test_onnx_and_arrays_agree_with_scikit_learn_to_a_millionth(written: Path, trained: Trained) -> None:
    rows, model, again = rows_of(trained.model), trained.model, portable.load(written)
    assert isinstance(again.failure, trees.Forest)
    assert again.failure._session is not None
    np.testing.assert_allclose(again.scores(rows), model.scores(rows), atol=1e-6)
    without = trees.Forest(again.failure.classes_, again.failure.estimators_)
    assert without._session is None
    np.testing.assert_allclose(replace(again, failure=without).scores(rows), model.scores(rows), atol=1e-6)
    np.testing.assert_array_equal(again.failure.apply(rows), model.failure.apply(rows))
    scores = model.scores(rows)
    np.testing.assert_array_equal(again.probabilities(scores), model.probabilities(scores))


def test_a_model_that_is_to_carry_travels_too(leaks: Labelled, tmp_path: Path) -> None:
    made = build(leaks, small(recipe="evidence"), thorough=False)
    kept = artifact.save(made, tmp_path / "models" / "shop-1", state=tmp_path)
    model = portable.load(portable.write(made.model, tmp_path / "out", beside=kept))
    rows = np.random.default_rng(0).random((50, features.told_by_width(made.model.spec))).astype(np.float32)
    np.testing.assert_allclose(model.classes(rows)[1], made.model.classes(rows)[1], atol=1e-6)
    assert isinstance(made.model.issues, RandomForestClassifier)
    assert made.model.issues.n_features_in_ == features.told_by_width(made.model.spec)


def test_the_whole_answer_is_the_same(written: Path, trained: Trained, leaks: Labelled) -> None:
    block = leaks.dataset.blocks[0]
    last = leaks.events[-1].first - 10
    window = replace(leaks.dataset, blocks=(block.cut(last - 150, last + 1),))
    answers = [
        predict(model, window, now=window.blocks[0].end) for model in (trained.model, portable.load(written))
    ]
    assert portable.load(written).home == trained.model.home is not None
    for one, other in zip(*answers, strict=True):
        assert (one.target, one.issue, one.alarmed, one.reasons) == (
            other.target, other.issue, other.alarmed, other.reasons,
        )  # fmt: skip
        assert one.probability == pytest.approx(other.probability, abs=1e-6)
        assert one.trend == pytest.approx(other.trend, abs=1e-4)
        assert one.similar == other.similar


def test_it_is_installed_from_anywhere_and_answers_but_is_not_judged(written: Path, tmp_path: Path) -> None:
    folder = portable.install(written, tmp_path / "models" / "theirs")
    assert artifact.load_model(folder, state=tmp_path).threshold == 1
    assert json.loads((folder / "card.json").read_text())["name"] == "shop-1"
    with pytest.raises(errors.InvalidInput, match="what judges it stayed where it was trained"):
        artifact.load(folder, state=tmp_path)
    with pytest.raises(errors.InvalidInput, match="already"):
        portable.install(written, folder)


def test_it_brings_its_own_files_and_no_others(written: Path, tmp_path: Path) -> None:
    parcel_, secret = tmp_path / "parcel", tmp_path / "secret"
    shutil.copytree(written, parcel_)
    secret.write_text("x")
    for name in ("card.key", "other.svg", "notes"):
        (parcel_ / name).symlink_to(secret)
    names = {path.name for path in portable.install(parcel_, tmp_path / "models" / "theirs").iterdir()}
    assert names == {path.name for path in written.iterdir()}
    assert names == {path.name for path in portable.copy(parcel_, tmp_path / "again").iterdir()}


@pytest.mark.parametrize("there", [False, True])
def test_of_an_export_that_breaks_off_nothing_is_there(
    written: Path, trained: Trained, tmp_path: Path, there: bool
) -> None:
    """A card as large as no model's is found out once the forest is written."""
    shutil.copytree(written, tmp_path / "kept")
    with (tmp_path / "kept" / "card.md").open("wb") as card:
        card.truncate(parcel.LARGEST + 1)
    out = tmp_path / "out"
    if there:
        out.mkdir()
    with pytest.raises(errors.InvalidInput, match="too large"):
        portable.write(trained.model, out, beside=tmp_path / "kept")
    assert not there or not list(out.iterdir())
    portable.write(trained.model, out, beside=written)
    assert {path.name for path in out.iterdir()} == {path.name for path in written.iterdir()}
    with pytest.raises(errors.InvalidInput, match="is not empty"):
        portable.copy(written, out)


@pytest.mark.parametrize("name", ["card.md", "card.json", "timeline.svg", "failure.onnx"])
def test_a_link_in_it_brings_no_file_of_whoever_imports(written: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "parcel"
    shutil.copytree(written, folder)
    (folder / name).rename(tmp_path / "secret")
    (folder / name).symlink_to(tmp_path / "secret")
    for hand_on in (portable.install, portable.copy):
        with pytest.raises(errors.InvalidInput, match="is a link to another file"):
            hand_on(folder, tmp_path / "models" / "theirs")
        assert not (tmp_path / "models" / "theirs").exists()


def changed(written: Path, folder: Path, name: str, content: bytes) -> Path:
    portable.install(written, folder / "copy")
    (folder / "copy" / name).write_bytes(content)
    return folder / "copy"


@pytest.mark.parametrize("name", [TREES, "failure.onnx", "model.json"])
def test_a_file_that_was_changed_is_refused(written: Path, tmp_path: Path, name: str) -> None:
    content = b"{}" if name == "model.json" else (written / name).read_bytes() + b"0"
    with pytest.raises(errors.InvalidInput):
        portable.load(changed(written, tmp_path, name, content))


def told(written: Path, tmp_path: Path, **changes: object) -> Path:
    document = json.loads((written / "model.json").read_text()) | changes
    return changed(written, tmp_path, "model.json", json.dumps(document).encode())


def test_a_folder_that_is_not_there_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidInput, match=r"there is no .*nowhere/model\.json"):
        portable.load(tmp_path / "nowhere")


def test_what_is_wrong_with_a_file_is_told_on_one_line(written: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidInput, match=r"cannot be read as a model: \w") as caught:
        portable.load(told(written, tmp_path, calibration="x"))
    assert "\n" not in caught.value.message
    assert "http" not in caught.value.message


def test_features_that_are_made_differently_are_an_error(written: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidInput, match="features that this version makes differently"):
        portable.load(told(written, tmp_path, fingerprint="0" * 16))


def test_facts_that_make_no_sense_are_an_error(written: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidInput, match="cannot be read as a model"):
        portable.load(told(written, tmp_path, join={"random forest": "often"}))


FIELDS = (
    "sha256", "spec", "target", "calibration", "evidence", "join", "alone", "falseAlarmsPerDay", "seed",
    "trainedAt", "ranges", "incidents", "seen", "tuned", "facts",
)  # fmt: skip


@pytest.mark.parametrize("wrong", [None, "x", [1]], ids=str)
@pytest.mark.parametrize("field", FIELDS)
def test_whatever_is_damaged_is_said_and_no_bug(
    written: Path, tmp_path: Path, field: str, wrong: object
) -> None:
    with pytest.raises(errors.InvalidInput):
        portable.load(told(written, tmp_path, **{field: wrong}))


@pytest.mark.parametrize("join", [{}, {"random forest": 0}, {"random forest": float("nan")}, {"x": 1}])
def test_thresholds_that_can_make_no_alarm_are_said(written: Path, tmp_path: Path, join: object) -> None:
    with pytest.raises(errors.InvalidInput, match="thresholds"):
        portable.load(told(written, tmp_path, join=join))


NAN = float("nan")


@pytest.mark.parametrize(
    ("field", "wrong", "said"),
    [
        ("target", {"confirm": 0}, "one sample at least"),
        ("target", {"horizon": -300}, "no negative time"),
        ("falseAlarmsPerDay", -1, "budget of false alarms"),
        ("calibration", {"bias": NAN, "weight": 1}, "no probabilities"),
        ("calibration", {"scores": [0, 1], "probabilities": [0, 50]}, "no probabilities"),
        ("evidence", {"nope": 1}, "signs that the features have"),
        ("evidence", {"memory_usage.saturation": 0}, "spreads above 0"),
        ("trainedAt", "2026-01-01T00:00:00", "no time zone"),
        ("ranges", {"memory_usage": [NAN, 1]}, "range of a signal"),
        ("facts", {"from": "\x1b[2K"}, "control characters"),
        ("seen", [], "what it learned from"),
        (
            "seen",
            [{"pods": [["a", "b"]], "first": "2026-01-02T00:00:00Z", "last": "2026-01-01T00:00:00Z"}],
            "begins before it ends",
        ),
        ("tuned", [{"pods": [], "first": "2026-01-01T00:00:00", "last": "2026-01-01T00:00:00"}], "time zone"),
    ],
)
def test_what_no_model_says_is_refused(
    written: Path, tmp_path: Path, field: str, wrong: object, said: str
) -> None:
    before = json.loads((written / "model.json").read_text())[field]
    whole = field == "calibration" or not isinstance(wrong, dict)
    forged = wrong if whole or field == "evidence" else {**before, **wrong}  # type: ignore[dict-item]
    with pytest.raises(errors.InvalidInput, match=said):
        portable.load(told(written, tmp_path, **{field: forged}))


@pytest.mark.parametrize(
    ("part", "wrong", "said"),
    [
        ("calibration", {"scores": [0, 1], "probabilities": [0, 50]}, "no probabilities at home"),
        ("calibration", {"bias": 0, "weight": NAN}, "no probabilities at home"),
        ("calibration", "x", "cannot be read as a model"),
        ("usual", {"spread": -1}, "lie nowhere"),
        ("usual", {"level": NAN}, "lie nowhere"),
        ("usual", {"level_error": -1}, "lie nowhere"),
        ("usual", {"cut": 2}, "lie nowhere"),
    ],
)
def test_a_home_that_no_training_makes_is_refused(
    written: Path, tmp_path: Path, part: str, wrong: object, said: str
) -> None:
    home = json.loads((written / "model.json").read_text())["home"]
    forged = {**home[part], **wrong} if part == "usual" and isinstance(wrong, dict) else wrong
    with pytest.raises(errors.InvalidInput, match=said):
        portable.load(told(written, tmp_path, home={**home, part: forged}))


def test_two_classes_of_one_name_are_refused(written: Path) -> None:
    model = portable.load(written)
    assert model.faults is None
    assert isinstance(model.issues, trees.Forest)
    same = replace(model.issues, classes_=np.array(["pod-crash", "pod-crash"]))
    assert unsound(replace(model, issues=same)) == "two classes have one name"
    assert unsound(replace(model, faults=same)) == "two classes have one name"


def test_evidence_that_has_no_sign_is_refused(trained: Trained) -> None:
    silent = replace(trained.model, evidence=Evidence({}), join=Join({FOREST: 0.5, EVIDENCE: 1.0}))
    assert unsound(trained.model) == ""
    assert unsound(silent) == "evidence without a sign alarms of nothing"


@pytest.mark.parametrize("field", FIELDS)
def test_whatever_is_missing_is_said_and_no_bug(written: Path, tmp_path: Path, field: str) -> None:
    document = json.loads((written / "model.json").read_text())
    del document[field]
    with pytest.raises(errors.InvalidInput):
        portable.load(changed(written, tmp_path, "model.json", json.dumps(document).encode()))


def test_arrays_that_are_no_archive_are_said(written: Path, tmp_path: Path) -> None:
    folder = with_archive(written, tmp_path, b"PK\x03\x04 and then nothing")
    with pytest.raises(errors.InvalidInput, match="cannot be read as a model"):
        portable.load(folder)


@pytest.mark.parametrize(
    ("wide", "said"),
    [(0, "are not the same forest"), (-1, "cannot be run as ONNX")],
    ids=["other", "narrower"],
)
def test_a_graph_of_another_forest_is_refused(
    written: Path, trained: Trained, tmp_path: Path, wide: int, said: str
) -> None:
    rows = rows_of(trained.model, 60)[:, : wide or None]
    other = fit(Lesson(rows, (rows[:, 0] > 0).astype(int), np.ones(60), rows[:0]), Options(trees=3))
    graph = trees.graph(other, rows.shape[1])
    document = json.loads((written / "model.json").read_text())
    document["sha256"]["failure.onnx"] = hashlib.sha256(graph).hexdigest()
    folder = told(written, tmp_path, sha256=document["sha256"])
    (folder / "failure.onnx").write_bytes(graph)
    with pytest.raises(errors.InvalidInput, match=said) as caught:
        portable.load(folder)
    assert "\n" not in caught.value.message


def with_arrays(written: Path, tmp_path: Path, **changes: object) -> Path:
    """A copy of the model with other arrays, by their names with ``_`` for the dot."""
    with np.load(written / TREES) as packed:
        arrays = {name: packed[name] for name in packed.files}
    for name, value in changes.items():
        place = name.replace("_", ".", 1)
        assert place in arrays
        arrays[place] = value(arrays[place]) if callable(value) else np.array(value)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return with_archive(written, tmp_path, buffer.getvalue())


def with_archive(written: Path, tmp_path: Path, archive: bytes) -> Path:
    """A copy of the model with this for its arrays, vouched for by itself."""
    document = json.loads((written / "model.json").read_text())
    sha256 = document["sha256"] | {TREES: hashlib.sha256(archive).hexdigest()}
    folder = told(written, tmp_path, sha256=sha256)
    (folder / TREES).write_bytes(archive)
    return folder


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("failure_classes", ["0", "2"], "says what fails"),
        ("issues_classes", ["\x1b[2Jpod-crash"], "a class has control characters"),
        ("incident_0", [[1, 2], [3, 4]], "in a leaf of each tree"),
        ("incident_0", [["a"] * 24], "in a leaf of each tree"),
        ("incident_0", lambda leaves: leaves[:0], "in a leaf of each tree"),
        ("issues_value", lambda value: value * 0, "nodes that say nothing"),
        ("issues_value", lambda value: value * np.nan, "without shares of the classes"),
        ("failure_feature", lambda feature: feature - 3, "asks for no feature"),
    ],
)
def test_arrays_that_no_model_has_are_refused(
    written: Path, tmp_path: Path, name: str, wrong: object, said: str
) -> None:
    with pytest.raises(errors.InvalidInput, match=said):
        portable.load(with_arrays(written, tmp_path, **{name: wrong}))


def header(length: int, kind: str = "|u1") -> bytes:
    """The beginning of an array of that many."""
    buffer = io.BytesIO()
    fields = {"descr": kind, "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(buffer, fields)
    return buffer.getvalue()


def forged(
    written: Path, tmp_path: Path, name: str, parts: Iterable[bytes], method: int = zipfile.ZIP_DEFLATED
) -> Path:
    """A copy of the model that has these bytes, packed so, for an array."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method, compresslevel=1) as archive, np.load(written / TREES) as packed:
        for each in set(packed.zip.namelist()) - {f"{name}.npy"}:
            archive.writestr(each, packed.zip.read(each))
        with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
            file.writelines(parts)
    return with_archive(written, tmp_path, buffer.getvalue())


def test_an_array_that_swells_is_refused_before_it_is_unpacked(written: Path, tmp_path: Path) -> None:
    zeros = (bytes(2**20) for _ in range(parcel.LARGEST // 2**20))
    folder = forged(written, tmp_path, "failure.ends", (header(parcel.LARGEST), *zeros))
    assert (folder / TREES).stat().st_size < parcel.LARGEST / 100
    tracemalloc.start()
    with pytest.raises(errors.InvalidInput, match="too large for a model"):
        portable.load(folder)
    assert tracemalloc.get_traced_memory()[1] < parcel.LARGEST / 10
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "content", "method"),
    [
        ("more", header(1) + b"0", zipfile.ZIP_DEFLATED),
        ("failure.ends", header(10**13, "<f8"), zipfile.ZIP_DEFLATED),
        ("failure.ends", header(10**13, "|V0"), zipfile.ZIP_DEFLATED),
        ("failure.ends", header(10**6) + bytes(10**6), zipfile.ZIP_DEFLATED),
        ("failure.ends", header(1) + b"9", zipfile.ZIP_BZIP2),
    ],
    ids=["of no model", "larger than it is", "of nothing", "too many trees", "packed otherwise"],
)
def test_an_array_that_may_swell_is_refused(
    written: Path, tmp_path: Path, name: str, content: bytes, method: int
) -> None:
    with pytest.raises(errors.InvalidInput, match=r"cannot be read as a model|more than \d+ trees"):
        portable.load(forged(written, tmp_path, name, [content], method))


@pytest.mark.parametrize("name", ["model.json", "card.json"])
def test_words_that_swell_are_refused(written: Path, tmp_path: Path, name: str) -> None:
    folder = changed(written, tmp_path, name, b"{}" + b" " * objects.LARGEST)
    with pytest.raises(errors.InvalidInput, match="more than"):
        portable.install(folder, tmp_path / "models" / "theirs")


def test_a_walk_that_would_not_end_is_no_forest(trained: Trained) -> None:
    found = trees.arrays(trained.model.failure, "f")
    found["f.children_left"] = np.zeros_like(found["f.children_left"])
    with pytest.raises(errors.InvalidInput, match="a child before its parent"):
        trees.forest(found, "f", whole=True)


def test_a_model_from_elsewhere_is_promoted_once_it_was_judged_here(written: Path, tmp_path: Path) -> None:
    portable.install(written, tmp_path / "theirs")
    with pytest.raises(errors.Refused, match="claim of whoever made it") as refused:
        promotion.promote(tmp_path, "theirs")
    assert "chaoskit evaluate --data FOLDER --mapping FILE --model theirs" in refused.value.hint
    report = learning.judged(later(leaking(seed=15), 10), models=tmp_path, model="theirs")
    assert "fitted on the other half" in report.notes[0]
    assert len(report.lines) > 3
    assert report.beats_baselines
    assert promotion.promote(tmp_path, "theirs")


def test_what_set_the_thresholds_of_a_model_from_elsewhere_is_told(trained: Trained) -> None:
    whole = label(later(leaking(seed=13), 10), Target())
    (every,) = folds.everything(whole)
    first = np.arange(len(every)) < len(every) // 2
    report = evaluate_foreign(replace(trained.model, tuned=seen.spans(whole, (first,))), whole)
    lost = len(whole.events) - len(Judge(whole, (~first,)).due)
    assert lost > 1
    assert f" and {lost} failures in it are left out, {report.data['hours']:.1f} h are" in report.notes[1]
    assert "half of the rest (of the data, " in report.split
    assert "h of healthy time that set its thresholds are left out)" in report.split
    most = np.arange(len(every)) < len(every) - 130
    little = replace(trained.model, tuned=seen.spans(whole, (most,)))
    with pytest.raises(
        errors.NoBaseline, match=r"baselines has 0\.\d h .* that set its thresholds are left out"
    ):
        evaluate_foreign(little, whole)


@pytest.mark.parametrize("before", [0, 130])
def test_a_model_from_elsewhere_is_judged_where_health_comes_first(trained: Trained, before: int) -> None:
    """Also when a failure came before it: the half with that one alone is not the one that judges."""
    (block,) = later(leaking(seed=13), 10).blocks
    (calm,) = healthy(hours=20).blocks
    values = np.concatenate([block.values[:, :, :before], calm.values, block.values], axis=2)
    start = block.start - timedelta(minutes=before + calm.length)
    labelled = label(replace(leaking(), blocks=(replace(block, start=start, values=values),)), Target())
    early = [event for event in labelled.events if event.first < before]
    assert len(early) == (1 if before else 0)
    report = evaluate_foreign(trained.model, labelled)
    assert report.failures == len(labelled.events) - len(early)
    assert report.decides


def unseen(labelled: Labelled, hidden: Callable[[int, bool], bool]) -> Labelled:
    """Without signals that show these failures, each by its number and whether it is of the first half."""
    half = labelled.dataset.blocks[0].length // 2
    events = tuple(
        replace(event, issue="network") if hidden(number, event.first < half) else event
        for number, event in enumerate(labelled.events)
    )
    dataset = replace(labelled.dataset, blind={"network": "no signal tells of it"})
    return replace(labelled, dataset=dataset, events=events)


def can_be_seen(labelled: Labelled) -> tuple[int, int]:
    """How many failures of either half can be."""
    half = labelled.dataset.blocks[0].length // 2
    early = [event.first < half for event in labelled.events if event.issue != "network"]
    return sum(early), len(early) - sum(early)


@pytest.mark.parametrize("first", [True, False])
def test_a_model_from_elsewhere_is_judged_by_the_half_whose_failures_can_be_seen(
    trained: Trained, *, first: bool
) -> None:
    whole = label(later(leaking(seed=13, hours=24), 10), Target())
    labelled = unseen(whole, lambda _, early: early is first)
    report = evaluate_foreign(trained.model, labelled)
    assert report.failures == max(can_be_seen(labelled))
    assert report.decides


def test_a_half_that_can_fit_no_baselines_judges_though_it_has_fewer_failures(trained: Trained) -> None:
    """All but its beginning is unknown, the most of which is too near to the half before to teach."""
    data = later(leaking(seed=13, hours=24), 10)
    (block,) = data.blocks
    unknown = LabelRecord(
        id="1", at=block.start, trace_id="", target="*", namespace="", meaning="unknown", issue="",
        start=block.at(block.length // 2 + 80), end=block.end,
    )  # fmt: skip
    whole = label(replace(data, labels=(unknown,)), Target())
    labelled = unseen(whole, lambda number, early: not early and number % 2 > 0)
    many, few = can_be_seen(labelled)
    assert many > few
    report = evaluate_foreign(trained.model, labelled)
    assert report.failures == few
    assert report.decides


def test_a_model_from_elsewhere_is_not_judged_by_what_it_learned_from(
    written: Path, trained: Trained, leaks: Labelled, tmp_path: Path
) -> None:
    portable.install(written, tmp_path / "theirs")
    model = portable.load(written)
    assert (model.seen, model.tuned) == (trained.model.seen, trained.model.tuned)
    (span,), (block,) = model.seen, leaks.dataset.blocks
    learned = replace(leaks.dataset, blocks=(block.cut(0, 480),))
    assert learned.blocks[0].end < span.last
    with pytest.raises(errors.NoBaseline, match="learned from all of this data"):
        learning.judged(learned, models=tmp_path, model="theirs")
    report = learning.judged(leaks.dataset, models=tmp_path, model="theirs")  # 45 % of it is later
    assert report.occurrences
    assert all(each.start > span.last for each in report.occurrences)
    assert "that the model learned from or that lie beside that are left out" in report.split


def test_a_model_from_elsewhere_is_not_judged_by_what_set_its_thresholds(
    trained: Trained, tmp_path: Path
) -> None:
    data = later(leaking(seed=15), 10)
    whole = label(data, Target())
    model = replace(trained.model, tuned=seen.spans(whole, folds.everything(whole)))
    kept = artifact.save(trained, tmp_path / "shop-1", state=tmp_path)
    portable.write(model, tmp_path / "theirs", beside=kept)
    with pytest.raises(errors.NoBaseline, match="lies in the time that set the model's thresholds"):
        learning.judged(data, models=tmp_path, model="theirs")


def test_two_hours_are_too_few_to_fit_the_baselines_of_a_model_from_elsewhere(
    written: Path, tmp_path: Path
) -> None:
    portable.install(written, tmp_path / "theirs")
    data = later(leaking(seed=15, hours=3), 10)
    with pytest.raises(errors.NoBaseline, match=r"that fits the baselines has 0\.. h of healthy time"):
        learning.judged(data, models=tmp_path, model="theirs")


def test_a_model_from_elsewhere_that_is_no_better_here_stays_back(written: Path, tmp_path: Path) -> None:
    portable.install(written, tmp_path / "theirs")
    report = learning.judged(later(leaking(seed=12), 10), models=tmp_path, model="theirs")
    assert not report.beats_baselines
    with pytest.raises(errors.Refused, match="does not beat"):
        promotion.promote(tmp_path, "theirs")


def test_a_model_from_elsewhere_is_fitted_to_no_cluster_here(written: Path, tmp_path: Path) -> None:
    portable.install(written, tmp_path / "theirs")
    with pytest.raises(errors.Refused, match="thresholds stay as they came"):
        learning.judged(leaking(), models=tmp_path, model="theirs", calibrated=True)
