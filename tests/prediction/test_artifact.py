from __future__ import annotations

import json
import pickle
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chaoskit import errors
from chaoskit.experiments.checks import Check
from chaoskit.files import whole
from chaoskit.flows import doctor, learning
from chaoskit.prediction import naming, objects
from chaoskit.prediction.artifacts import artifact, folders, ledgers, listing, promotion, verdicts
from chaoskit.prediction.features import layout
from chaoskit.prediction.judging.evaluation import Trained

KEY = b"a key that two installations share"


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


@pytest.fixture(scope="module")
def kept_once(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    artifact.save(trained, folder / "models" / "shop-1", state=folder / "state", key=KEY)
    return folder


@pytest.fixture
def kept(kept_once: Path, tmp_path: Path) -> Path:
    shutil.copytree(kept_once, tmp_path, dirs_exist_ok=True)
    return tmp_path / "models" / "shop-1"


def test_a_model_comes_back_as_it_was(kept: Path, trained: Trained, tmp_path: Path) -> None:
    loaded = artifact.load(kept, state=tmp_path / "state")
    rows = np.random.default_rng(0).random((20, len(trained.model.spec.names))).astype(np.float32)
    np.testing.assert_array_equal(loaded.model.scores(rows), trained.model.scores(rows))
    assert loaded.model.join == trained.model.join
    assert repr(loaded.report) == repr(trained.report)


def test_a_folder_has_data_card_page_and_digest(kept: Path) -> None:
    assert {path.name for path in kept.iterdir()} == {
        "model.joblib", "witnesses.joblib", "card.json", "card.md", "model.sha256",
        "precision-recall.svg", "calibration.svg", "timeline.svg",
    }  # fmt: skip
    card = json.loads((kept / "card.json").read_text())
    assert card["fingerprint"]
    assert card["libraries"]["scikit-learn"]
    assert (kept / "card.md").read_text().startswith("# Model shop-1")


def test_a_model_from_elsewhere_is_refused_and_with_the_key_it_is_not(kept: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "other-state"
    with pytest.raises(errors.Refused) as caught:
        artifact.load(kept, state=elsewhere)
    assert caught.value.guard == "model trust"
    with pytest.raises(errors.Refused):
        artifact.load(kept, state=elsewhere, key=b"another key")
    assert artifact.load(kept, state=elsewhere, key=KEY).model.threshold


def test_a_tampered_file_is_never_unpickled(kept: Path, tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    (kept / "model.joblib").write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(errors.Refused):
        artifact.load(kept, state=tmp_path / "state", key=KEY)
    assert not mark.exists()


def test_a_signed_file_in_the_place_of_another_is_refused(kept: Path, tmp_path: Path) -> None:
    (kept / "model.joblib").write_bytes((kept / "witnesses.joblib").read_bytes())
    with pytest.raises(errors.Refused):
        artifact.load(kept, state=tmp_path / "elsewhere", key=KEY)


def forget_cards(state: Path) -> None:
    """as in a ledger of before, nobody knows which cards were written."""
    with ledgers.known_changed(state) as known:
        for entry in known.values():
            entry.pop("cards", None)


def test_another_library_version_is_an_error_that_says_so(kept: Path, tmp_path: Path) -> None:
    card = json.loads((kept / "card.json").read_text())
    card["libraries"]["scikit-learn"] = "0.24.2"
    (kept / "card.json").write_text(json.dumps(card))
    with pytest.raises(errors.InvalidInput, match="is not the one that was written with its file"):
        artifact.load(kept, state=tmp_path / "state")
    forget_cards(tmp_path / "state")
    with pytest.raises(errors.InvalidInput, match=r"0\.24\.2"):
        artifact.load(kept, state=tmp_path / "state")


def test_features_that_changed_their_meaning_are_an_error(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "VERSION", 99)
    with pytest.raises(errors.InvalidInput, match="features"):
        artifact.load(kept, state=tmp_path / "state")


def test_a_model_whose_alarms_meant_something_else_is_an_error(kept: Path, tmp_path: Path) -> None:
    old = json.loads((kept / "card.json").read_text()) | {"schema": "chaoskit.io/model-card/v1"}
    (kept / "card.json").write_text(json.dumps(old))
    forget_cards(tmp_path / "state")
    with pytest.raises(errors.InvalidInput, match="another version"):
        artifact.load(kept, state=tmp_path / "state")


def test_a_name_is_used_once(kept: Path, trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(errors.Conflict, match="already"):
        artifact.save(trained, kept, state=tmp_path / "state")
    assert listing.next_name(kept.parent, "shop") == "shop-2"
    assert listing.next_name(kept.parent, "bank") == "bank-1"


def test_trainings_of_one_name_that_end_at_once_are_all_kept(trained: Trained, tmp_path: Path) -> None:
    root, together = tmp_path / "models", threading.Barrier(3)

    def keep(_: int) -> str:
        together.wait()
        return learning.kept(trained, root, "shop").name

    with ThreadPoolExecutor(3) as pool:
        names = sorted(pool.map(keep, range(3)))
    assert names == ["shop-1", "shop-2", "shop-3"]
    assert [(each.name, each.card["name"]) for each in listing.names(root)] == [(n, n) for n in names]


def test_what_others_put_there_meanwhile_stays(tmp_path: Path) -> None:
    folder = tmp_path / "shop-1"

    def write() -> None:
        with whole(folder) as draft:
            (draft / "mine").touch()
            folder.mkdir()
            (folder / "theirs").touch()

    with pytest.raises(errors.Conflict, match="is there already"):
        write()
    assert [path.name for path in tmp_path.rglob("*")] == ["shop-1", "theirs"]


def test_a_name_is_no_pattern_of_others(tmp_path: Path) -> None:
    for name in ("[-2", "shop-7", "shop-²"):
        (tmp_path / name).mkdir()
    assert [listing.next_name(tmp_path, base) for base in ("[", "s*", "shop")] == ["[-3", "s*-1", "shop-8"]


def test_nothing_outside_the_store_of_models_is_promoted(kept: Path) -> None:
    (kept.parent / "below").mkdir()
    with pytest.raises(errors.UnknownName):
        promotion.promote(kept.parent / "below", f"../{kept.name}")


def test_a_model_of_the_longest_name_is_promoted_and_calibrated_like_any_other(
    trained: Trained, tmp_path: Path
) -> None:
    good = replace(trained, report=replace(trained.report, beaten_by=()))
    base = "x" * naming.LONGEST
    naming.check_name(base)
    folder = artifact.save(good, tmp_path / listing.next_name(tmp_path, base), state=tmp_path)
    assert promotion.promote(tmp_path, folder.name)
    name = folder.name
    for number in (1, 2, 3):
        name = listing.next_name(tmp_path, naming.calibrated_name(name))
        assert name == f"{base}-1-calibrated-{number}"
        artifact.save(good, tmp_path / name, state=tmp_path)
    assert len(listing.names(tmp_path)) == 4
    with pytest.raises(errors.InvalidInput, match="is no name of a model") as caught:
        naming.calibrated_name("x" * 220)
    assert caught.value.hint == "train or import the model under a shorter name"


def test_a_model_that_could_not_be_saved_whole_is_none(trained: Trained, tmp_path: Path) -> None:
    broken = tmp_path / "state"
    broken.write_text("no folder")
    root = tmp_path / "models"
    with pytest.raises((errors.InvalidInput, OSError)):
        artifact.save(trained, root / "shop-1", state=broken)
    assert list(root.iterdir()) == []
    artifact.save(trained, root / "shop-1", state=root)
    (root / "shop-1" / "card.json").unlink()
    with pytest.raises(errors.UnknownName):
        promotion.promote(root, "shop-1")


def test_no_model_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFound, match="no model"):
        artifact.load(tmp_path / "nothing", state=tmp_path)


def test_the_newest_promoted_model_answers_and_a_rollback_brings_back_the_last(
    trained: Trained, tmp_path: Path
) -> None:
    root = tmp_path / "models"
    good = replace(trained, report=replace(trained.report, beaten_by=()))
    for name in ("shop-1", "shop-2"):
        artifact.save(good, root / name, state=root)
        assert promotion.promote(root, name)
    assert not promotion.promote(root, "shop-2")
    assert (promotion.promoted(root), promotion.fallback(root)) == ("shop-2", "shop-1")
    assert [(each.name, each.promoted) for each in listing.names(root)] == [
        ("shop-1", False),
        ("shop-2", True),
    ]
    assert promotion.rollback(root) == promotion.promoted(root) == "shop-1"
    with pytest.raises(errors.NotFound):
        promotion.rollback(root)
    assert (promotion.promoted(root), promotion.fallback(root)) == ("shop-1", "")


def test_who_is_retired_leaves_rules_behind_until_a_rollback_or_promotion(
    trained: Trained, tmp_path: Path
) -> None:
    artifact.save(trained, tmp_path / "shop-1", state=tmp_path)
    assert promotion.retire(tmp_path) == ""
    promotion.promote(tmp_path, "shop-1")
    assert (promotion.retire(tmp_path), promotion.promoted(tmp_path)) == ("shop-1", "")
    assert promotion.retire(tmp_path) == ""
    assert promotion.rollback(tmp_path) == promotion.promoted(tmp_path) == "shop-1"
    promotion.retire(tmp_path)
    assert promotion.promote(tmp_path, "shop-1")
    assert (promotion.rollback(tmp_path), promotion.promoted(tmp_path)) == ("", "")


def test_a_rollback_never_goes_to_the_model_that_answers(trained: Trained, tmp_path: Path) -> None:
    artifact.save(trained, tmp_path / "shop-1", state=tmp_path)
    twice = {"history": [{"name": name, "at": ""} for name in ("shop-1", "shop-2", "shop-2")]}
    objects.write(tmp_path / ledgers.PROMOTED, twice)
    assert promotion.rollback(tmp_path) == "shop-1"


def test_a_rollback_brings_back_no_model_that_does_not_beat_the_baselines_any_more(
    trained: Trained, tmp_path: Path
) -> None:
    for name in ("shop-1", "shop-2"):
        artifact.save(trained, tmp_path / name, state=tmp_path)
        assert promotion.promote(tmp_path, name)
    verdicts.judge(tmp_path, tmp_path / "shop-1", replace(trained.report, beaten_by=("static rule",)))
    assert promotion.fallback(tmp_path) == ""
    with pytest.raises(errors.Refused, match="shop-1 does not beat static rule"):
        promotion.rollback(tmp_path)
    assert promotion.promoted(tmp_path) == "shop-2"


@pytest.mark.parametrize(
    ("false", "said"),
    [
        (0, "shop-1 does not beat static rule, in event F1 at the same budget of false alarms"),
        (50, "shop-1 does not keep its budget of false alarms"),
    ],
)
def test_figures_are_compared_only_where_a_baseline_beats(
    trained: Trained, tmp_path: Path, false: int, said: str
) -> None:
    report = replace(trained.report, beaten_by=("static rule",))
    report = replace(report, model=replace(report.model, false_alarms=false))
    artifact.save(replace(trained, report=report), tmp_path / "shop-1", state=tmp_path)
    with pytest.raises(errors.Refused) as caught:
        promotion.promote(tmp_path, "shop-1")
    assert caught.value.message == said


def test_a_model_that_a_baseline_beats_is_not_promoted_and_says_which(
    trained: Trained, tmp_path: Path
) -> None:
    root = tmp_path / "models"
    poor = replace(trained, report=replace(trained.report, beaten_by=("static rule",)))
    artifact.save(poor, root / "shop-1", state=root)
    with pytest.raises(errors.Refused, match="static rule") as caught:
        promotion.promote(root, "shop-1")
    assert "--model shop-1" in caught.value.hint
    assert promotion.promoted(root) == ""
    assert artifact.load(root / "shop-1", state=root).report.beaten_by


def test_promoting_what_is_not_there_is_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(errors.UnknownName):
        promotion.promote(tmp_path, "shop-9")


@pytest.mark.parametrize("text", ["[", "[]", '{"history": [', '{"": 5}'])
def test_a_broken_ledger_is_an_error(kept: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "state" / "models.json").write_text(text)
    with pytest.raises(errors.InvalidInput, match=r"models\.json") as caught:
        artifact.load(kept, state=tmp_path / "state")
    assert caught.value.hint == "put a copy of before in its place, or move it away"


@pytest.fixture(scope="module")
def exchanged_once(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("exchanged")
    good = replace(trained, report=replace(trained.report, beaten_by=()))
    poor = replace(trained, report=replace(trained.report, beaten_by=("static rule",)))
    for seed, (name, one) in enumerate((("shop-1", good), ("shop-2", good), ("poor-1", poor))):
        artifact.save(replace(one, model=replace(one.model, seed=seed)), root / name, state=root)
    for name in ("shop-1", "shop-2"):
        assert promotion.promote(root, name)
    assert learning.chosen(root) is not None
    assert (promotion.fallback(root), promotion.against(root)) == ("shop-1", "")
    for name in ("shop-1", "shop-2"):
        shutil.copyfile(root / "poor-1" / folders.DATA, root / name / folders.DATA)
    return root


@pytest.fixture
def exchanged(exchanged_once: Path, tmp_path: Path) -> Path:
    """shop-1 answered, then shop-2; a file made here that does not beat the baselines lies in both now."""
    return Path(shutil.copytree(exchanged_once, tmp_path, dirs_exist_ok=True))


def examined(root: Path) -> list[Check]:
    return list(doctor.examine("model", lambda: doctor.model(root)))


def test_a_card_of_another_model_is_told_by_the_doctor_as_by_a_prediction(root_of_two: Path) -> None:
    promotion.promote(root_of_two, "shop-1")
    assert [each.state for each in examined(root_of_two)] == ["ok"]
    (root_of_two / "shop-1" / folders.CARD).write_text("{}")
    (check,) = examined(root_of_two)
    assert check.state == "blocked"
    assert "is not the one that was written with its file" in check.words


def test_another_file_in_the_place_of_the_promoted_one_does_not_answer(exchanged: Path) -> None:
    with pytest.raises(errors.Refused, match="shop-2 was promoted, but its file is not the one") as caught:
        learning.chosen(exchanged)
    assert "chaoskit models retire" in caught.value.hint
    listed = {each.name: (each.promoted, each.standing) for each in listing.names(exchanged)}
    words = "its file is not the one that was promoted; does not beat static rule"
    assert listed["shop-2"] == (False, f"{words}; its card is not the one that was written with its file")
    assert learning.chosen(exchanged, "shop-2") is not None
    (check,) = examined(exchanged)
    assert check.state == "blocked"
    assert check.mend.endswith(promotion.RULES)
    assert promotion.retire(exchanged) == "shop-2"
    assert learning.chosen(exchanged) is None


def test_another_file_answers_once_it_was_judged_and_promoted_itself(
    exchanged: Path, trained: Trained
) -> None:
    with pytest.raises(errors.Refused, match="shop-2 does not beat static rule"):
        promotion.promote(exchanged, "shop-2")
    verdicts.judge(exchanged, exchanged / "shop-2", replace(trained.report, beaten_by=()))
    with pytest.raises(errors.Refused, match="not the one that was promoted"):
        learning.chosen(exchanged)
    assert promotion.promote(exchanged, "shop-2")
    assert not promotion.promote(exchanged, "shop-2")
    assert learning.chosen(exchanged) is not None


def test_a_rollback_brings_back_no_other_file_than_the_one_that_answered(
    exchanged: Path, trained: Trained
) -> None:
    verdicts.judge(exchanged, exchanged / "shop-1", replace(trained.report, beaten_by=()))
    assert promotion.fallback(exchanged) == ""
    with pytest.raises(errors.Refused, match="shop-1 was promoted, but its file is not the one"):
        promotion.rollback(exchanged)
    assert promotion.promoted(exchanged) == "shop-2"


@pytest.mark.parametrize(
    ("file", "words"), [(folders.DATA, "its file is gone"), (folders.CARD, "its card is gone")]
)
def test_a_promoted_model_that_has_lost_its_file_or_card_does_not_answer(
    root_of_two: Path, file: str, words: str
) -> None:
    promotion.promote(root_of_two, "shop-1")
    path = root_of_two / "shop-1" / file
    path.unlink()
    with pytest.raises(errors.Refused, match=f"shop-1 was promoted, but {words}") as caught:
        learning.chosen(root_of_two)
    assert caught.value.hint == f"put it back; {promotion.RULES}"
    (check,) = examined(root_of_two)
    assert (check.state, check.words) == ("blocked", f"shop-1 was promoted, but {words}")
    (listed,) = (each for each in listing.names(root_of_two) if each.name == "shop-1")
    assert (listed.promoted, listed.standing.partition(";")[0]) == (False, words)
    with pytest.raises(errors.ChaoskitError, match=r"no model in .*shop-1|the card in .*shop-1 is gone"):
        learning.chosen(root_of_two, "shop-1")


def test_a_promoted_model_whose_card_is_broken_is_not_listed_as_one_that_answers(root_of_two: Path) -> None:
    promotion.promote(root_of_two, "shop-1")
    (root_of_two / "shop-1" / folders.CARD).write_text("{")
    (listed,) = (each for each in listing.names(root_of_two) if each.name == "shop-1")
    assert (listed.promoted, listed.standing.partition(":")[0]) == (False, "its card cannot be read")
    with pytest.raises(errors.InvalidInput, match="cannot be read"):
        learning.chosen(root_of_two)


@pytest.mark.parametrize("file", [folders.CARD, folders.PAGE])
def test_a_card_that_was_changed_is_called_so(root_of_two: Path, file: str) -> None:
    assert [each.altered for each in listing.names(root_of_two)] == [False, False]
    path = root_of_two / "shop-1" / file
    path.write_text(path.read_text().replace("0.", "0.9", 1))
    first, second = listing.names(root_of_two)
    assert (
        first.altered,
        first.standing.endswith("; its card is not the one that was written with its file"),
    ) == (True,) * 2
    assert (second.altered, "its card" in second.standing) == (False, False)


def test_the_card_of_another_model_made_here_is_a_changed_one(root_of_two: Path) -> None:
    for name in (folders.CARD, folders.PAGE):
        shutil.copyfile(root_of_two / "shop-2" / name, root_of_two / "shop-1" / name)
    assert [each.altered for each in listing.names(root_of_two) if each.path.name == "shop-1"] == [True]


def test_a_model_beside_the_card_of_other_features_says_that_the_card_is_not_its_own(
    root_of_two: Path,
) -> None:
    path = root_of_two / "shop-1" / folders.CARD
    objects.write(path, objects.read(path) | {"fingerprint": "of others"})
    with pytest.raises(errors.InvalidInput, match="is not the one that was written with its file"):
        artifact.load(root_of_two / "shop-1", state=root_of_two)


def test_of_a_model_of_before_nobody_knows_which_card_was_written(root_of_two: Path) -> None:
    forget_cards(root_of_two)
    (root_of_two / "shop-1" / folders.PAGE).write_text("another")
    assert [each.altered for each in listing.names(root_of_two)] == [False, False]


@pytest.fixture(scope="module")
def two_once(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("two")
    for seed, name in enumerate(("shop-1", "shop-2")):
        artifact.save(replace(trained, model=replace(trained.model, seed=seed)), root / name, state=root)
    return root


@pytest.fixture
def root_of_two(two_once: Path, tmp_path: Path) -> Path:
    """Where shop-1 and shop-2 lie, two models that were made here."""
    return Path(shutil.copytree(two_once, tmp_path, dirs_exist_ok=True))


@pytest.mark.parametrize("signature", ["schlüssel".encode(), b"\xff\xfe", b""])
@pytest.mark.parametrize("key", [KEY, b""], ids=["key", "no key"])
def test_whatever_stands_where_a_signature_should_vouches_for_nothing(
    kept: Path, tmp_path: Path, signature: bytes, key: bytes
) -> None:
    digest = (kept / "model.sha256").read_bytes().split()[0]
    (kept / "model.sha256").write_bytes(digest + b"  model.joblib  " + signature + b"\n\xff\n")
    with pytest.raises(errors.Refused, match="no valid signature vouches for it"):
        artifact.load(kept, state=tmp_path / "elsewhere", key=key)


@pytest.mark.parametrize("libraries", [[], 5, None, {}, {"scikit-learn": []}])
def test_a_card_that_names_no_libraries_is_an_error(kept: Path, tmp_path: Path, libraries: object) -> None:
    card = json.loads((kept / "card.json").read_text()) | {"libraries": libraries}
    (kept / "card.json").write_text(json.dumps(card))
    forget_cards(tmp_path / "state")
    with pytest.raises(errors.InvalidInput, match="was made with scikit-learn "):
        artifact.load(kept, state=tmp_path / "state")


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("models.json", {"digest": 5}),
        ("models.json", {"digest": {"verdict": 5}}),
        ("models.json", {"digest": {"verdict": {"promotable": 1, "words": "", "split": ""}}}),
        ("models.json", {"digest": {"verdict": {"promotable": True}}}),
        ("models.json", {"digest": {"verdict": {"promotable": True, "words": "", "split": "", "kind": 1}}}),
        ("promoted.json", {"history": [5]}),
        ("promoted.json", {"history": {"a": 1}}),
        ("promoted.json", {"history": [{"name": 5}]}),
        ("promoted.json", {"history": [{}]}),
    ],
    ids=str,
)
def test_a_damaged_ledger_is_an_error_for_whoever_reads_or_changes_it(
    trained: Trained, root_of_two: Path, file: str, damage: dict[str, object]
) -> None:
    objects.write(root_of_two / file, damage)
    reads: list[Callable[[Path], object]] = [
        listing.names,
        promotion.rollback,
        lambda root: promotion.promote(root, "shop-1"),
    ]
    if file == "models.json":
        reads.append(lambda root: artifact.load(root / "shop-1", state=root))
        reads.append(lambda root: verdicts.judge(root, root / "shop-1", trained.report))
    else:
        reads += [promotion.promoted, promotion.fallback, promotion.retire]
    for each in reads:
        with pytest.raises(errors.InvalidInput, match=f"{file} is damaged: it holds"):
            each(root_of_two)
    assert objects.read(root_of_two / file) == damage
