"""`train`, `predict` and `models` on metrics files and on a Prometheus: one model folder, honest answers."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.commandline import PROJECT, CommandLine, Ended

from chaoskit.cli import evaluate, measured
from chaoskit.prediction import objects

MAPPING = PROJECT / "examples/data/sockshop-k8s.yaml"
DATA = PROJECT / "tests/prediction/data/sockshop-slice"
FILES = ("--data", DATA, "--mapping", MAPPING)

pytestmark = pytest.mark.xdist_group("models")


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandLine, Ended]:
    """A user without any cluster trained a model on real metrics files; and what that printed."""
    chaoskit = CommandLine(tmp_path_factory.mktemp("home"))
    ended = chaoskit(
        "train", *FILES, "--recipe", "window", "--no-thorough", "--no-promote", "--out", "report.md"
    )
    assert ended.code == 0, ended.err
    return chaoskit, ended


@pytest.fixture
def trained(training: tuple[CommandLine, Ended]) -> CommandLine:
    return training[0]


def test_a_training_tells_how_the_model_was_judged(training: tuple[CommandLine, Ended]) -> None:
    chaoskit, ended = training
    first, judged, *rest = ended.out.splitlines()
    assert first.startswith("model sockshop-k8s-1  says whether a workload is failing; ")
    assert judged.startswith("judged    by time")
    assert any(line.startswith("random forest  ") for line in rest)
    assert any(line.startswith("· blind to network: ") for line in rest)
    assert re.search(r"^failures  \d+ \S+ \(events\.csv\), \d+ ", ended.out, re.MULTILINE)
    assert re.search(r"^thresholds, for \S+ false alarms per day: random forest \S+", ended.out, re.MULTILINE)
    assert re.search(r"^With the events drawn anew \(95 %\): PR-AUC 0\.\d+ \(", ended.out, re.MULTILINE)
    assert re.search(r"^PR-AUC of \S+: \S+, of the forest alone \S+$", ended.out, re.MULTILINE)
    assert rest[-2:] == [
        "held back  promotion was not asked for",
        f"next  chaoskit predict --data {DATA} --mapping {MAPPING} --model sockshop-k8s-1",
    ]
    assert re.search(r"^ 0:\d\d  ● training +6 of 6 forests$", ended.err, re.MULTILINE)
    card = chaoskit("models", "show", "sockshop-k8s-1", "-o", "json").json
    assert first.endswith(f"; {card['verdict']}")


def test_a_name_that_leads_out_of_the_store_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    ended = CommandLine(tmp_path)(
        "train", "--data", "nowhere", "--mapping", "nowhere.yaml", "--name", "../../../esc"
    )
    assert (ended.code, "'../../../esc' is no name of a model" in ended.err) == (2, True)


def test_a_dask_scheduler_that_is_mistyped_is_2_before_anything_is_read(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    files = ("--data", "nowhere", "--mapping", "nowhere.yaml")
    ended = CommandLine(tmp_path)("train", *files, "--backend", "dask", "--scheduler", "tcp://host:8786/")
    assert (ended.code, "'tcp://host:8786/' is no address of a Dask scheduler" in ended.err) == (2, True)


@pytest.mark.parametrize("place", [("-n", "shop"), ("-A",), ("--hours", "2")], ids=" ".join)
def test_files_are_learned_without_a_place_beside_them(tmp_path: Path, place: tuple[str, ...]) -> None:
    ended = CommandLine(tmp_path)("train", "--data", "nowhere", "--mapping", "nowhere.yaml", *place)
    assert (ended.code, "and --data do not go together" in ended.err) == (2, True)


@pytest.mark.parametrize("command", [("predict",), ("patterns", "--failures")])
def test_what_is_strange_about_files_is_told(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "m.yaml").write_text(
        "apiVersion: chaoskit.io/v1\nkind: DataMapping\nmetadata: {name: m}\nfiles: [m.csv]\nstep: 60\n"
        "timestamp: at\nidentity: {pod: pod}\nsignals: {error_ratio: {column: x}}\n"
    )
    lines = "".join(f"2026-01-01T00:{m:02}:00Z,a,20\n" for m in range(30))
    (tmp_path / "m.csv").write_text(f"at,pod,x\n{lines}")
    ended = CommandLine(tmp_path)(*command, "--data", tmp_path, "--mapping", tmp_path / "m.yaml")
    assert (ended.code, "! error_ratio reaches 20: a ratio is 0 to 1" in ended.err) == (0, True)


def test_a_model_is_listed_and_its_card_read(trained: CommandLine) -> None:
    assert "sockshop-k8s-1" in trained("models", "list").out
    assert trained("models", "show", "sockshop-k8s-1").out.startswith("# Model sockshop-k8s-1\n")


def test_cards_of_odd_kinds_are_compared_as_ones_that_say_nothing(stranger: CommandLine) -> None:
    for name, odd in (("odd-1", 5), ("odd-2", [])):
        folder = stranger.home / "state/models" / name
        folder.mkdir(parents=True)
        objects.write(folder / "card.json", {"data": odd, "model": odd, "alarm": odd})
    ended = stranger("models", "compare", "odd-1", "odd-2", "-o", "json")
    assert (ended.code, ended.json["figures"]["event F1"]) == (0, {"odd-1": None, "odd-2": None})
    for name in ("odd-1", "odd-2"):
        shutil.rmtree(stranger.home / "state/models" / name)


def test_a_card_that_is_broken_hides_no_other_model(stranger: CommandLine) -> None:
    for name, card in (("shop-1", "{"), ("shop-2", '{"verdict": "beats every baseline"}'), ("shop-3", "[]")):
        (stranger.home / "state/models" / name).mkdir(parents=True)
        (stranger.home / "state/models" / name / "card.json").write_text(card)
    ended = stranger("models", "list", "-o", "json")
    judged = {each["name"]: each["judgement"] for each in ended.json["models"]}
    assert ended.code == 0
    assert judged["shop-1"].startswith("its card cannot be read: ")
    assert judged["shop-2"] == "not judged here; its card says: beats every baseline"
    assert judged["shop-3"] == "its card is not a JSON object"
    shown = stranger("models", "show", "shop-1")
    assert (shown.code, "shop-1: its card cannot be read" in shown.err) == (2, True), shown.err


def test_a_model_whose_card_is_gone_is_2(stranger: CommandLine) -> None:
    folder = stranger.home / "state/models/shop-1"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text("{}")
    ended = stranger("models", "show", "shop-1")
    assert (ended.code, "has no card that can be read" in ended.err) == (2, True), ended.err


def test_a_model_answers_once_it_is_promoted(trained: CommandLine) -> None:
    def answering() -> list[str]:
        models = trained("models", "list", "-o", "json").json["models"]
        return [each["name"] for each in models if each["promoted"]]

    assert answering() == []
    beats = trained("models", "show", "sockshop-k8s-1", "-o", "json").json["beats_baselines"]
    assert trained("models", "promote", "sockshop-k8s-1").code == (0 if beats else 3)
    assert answering() == (["sockshop-k8s-1"] if beats else [])
    before = answering()
    assert trained("models", "promote", "sockshop-k8s-9").code == 2
    assert answering() == before


def test_a_report_lies_where_it_was_asked_for(trained: CommandLine) -> None:
    page = (trained.home / "report.md").read_text(encoding="utf-8")
    assert page.startswith("# Model sockshop-k8s-1\n\nWritten by `chaoskit train --data sockshop-slice ")
    assert json.loads((trained.home / "report.json").read_text())["facts"]["seed"] == 7


@pytest.fixture(scope="module")
def other_week(tmp_path_factory: pytest.TempPathFactory) -> tuple[str | Path, ...]:
    """The same measurements, a week later: not what was learned from, as far as anybody can tell."""
    folder = tmp_path_factory.mktemp("later")
    for path in DATA.glob("*.csv*"):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as source, opened(folder / path.name, "wt") as out:
            out.write(DAY.sub(lambda found: str(date.fromisoformat(found[0]) + timedelta(7)), source.read()))
    return ("--data", folder, "--mapping", MAPPING)


@pytest.fixture(scope="module")
def quiet_week(
    tmp_path_factory: pytest.TempPathFactory, other_week: tuple[str | Path, ...]
) -> tuple[str | Path, ...]:
    """The same later measurements, but nobody says what failed in them."""
    folder = tmp_path_factory.mktemp("quiet")
    shutil.copytree(other_week[1], folder, dirs_exist_ok=True)
    events = (folder / "events.csv").read_text(encoding="utf-8").splitlines()
    (folder / "events.csv").write_text(events[0] + "\n", encoding="utf-8")
    return ("--data", folder, "--mapping", MAPPING)


DAY = re.compile(r"\b20\d\d-\d\d-\d\d(?=T)")


@pytest.fixture
def answering(trained: CommandLine) -> Iterator[CommandLine]:
    """It answers: it was promoted once, whatever is found out about it later."""
    path = trained.home / "state/models/promoted.json"
    before = objects.read(path)
    objects.write(path, {"history": [{"name": "sockshop-k8s-1", "at": ""}]})
    yield trained
    objects.write(path, before)


def test_what_is_strange_about_the_data_is_told_once(
    trained: CommandLine, other_week: tuple[str | Path, ...], tmp_path: Path
) -> None:
    later, twice = Path(other_week[1]), tmp_path / "twice"
    twice.mkdir()
    with gzip.open(later / "pods.csv.gz", "rt") as rows, gzip.open(twice / "pods.csv.gz", "wt") as some:
        some.writelines(islice(rows, 1600))
    header, *events = (later / "events.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (twice / "events.csv").write_text("".join((header, *events[:4], events[0])), encoding="utf-8")
    files = ("--data", twice, *other_week[2:])
    for ended, counts in (
        (trained("evaluate", *files, "--model", "sockshop-k8s-1"), (1, 0)),
        (trained("evaluate", *files, "--model", "sockshop-k8s-1", "-q"), (0, 1)),
        (
            CommandLine(tmp_path)("train", *files, "--recipe", "window", "--no-thorough", "--no-promote"),
            (1, 0),
        ),
    ):
        assert ended.code == 0, ended.err
        assert tuple(told.count("written more than once") for told in (ended.err, ended.out)) == counts


def test_the_model_that_answers_is_judged_on_other_data_by_its_own_thresholds(
    answering: CommandLine, other_week: tuple[str | Path, ...]
) -> None:
    trained = answering
    ended = trained("evaluate", *other_week, "--out", "judged.md", "-o", "json")
    assert ended.code == 0, ended.err
    assert (ended.json["model"], ended.json["answers"]) == ("sockshop-k8s-1", True)
    report = ended.json["report"]
    card = trained("models", "show", "sockshop-k8s-1", "-o", "json").json
    assert report["model"]["threshold"] == 1
    assert [line["name"] for line in report["lines"]] == [line["name"] for line in card["lines"]]
    page = (trained.home / "judged.md").read_text(encoding="utf-8")
    assert page.startswith("# Model sockshop-k8s-1 on other data\n")
    assert "thresholds as they were trained" in page
    assert report["verdict"] == "does not beat static limit per pod"
    assert "! sockshop-k8s-1 goes on answering; no model that answered before it may" in ended.err
    assert "rollback" not in ended.err
    assert "to let rules answer: chaoskit models retire" in " ".join(ended.err.split())
    table = trained("evaluate", *other_week, "--calibrate").out
    assert "each run's thresholds and probabilities from the healthy time of the others" in table.replace(
        "\n", " "
    )
    files = " ".join(map(str, other_week))
    assert table.splitlines()[-1] == f"next  chaoskit calibrate {files} --model sockshop-k8s-1"


@pytest.mark.parametrize(
    ("beats", "answers", "fits", "follows"),
    [
        (True, True, True, "predict --data 'a b' --mapping m.yaml"),
        (True, False, True, "models promote shop-1"),
        (False, True, True, "calibrate --data 'a b' --mapping m.yaml --model shop-1"),
        (False, False, False, "models show shop-1"),
    ],
)
def test_what_follows_from_a_judgement(*, beats: bool, answers: bool, fits: bool, follows: str) -> None:
    files = measured.pasted([Path("a b")], Path("m.yaml"))
    found = evaluate._following("shop-1", files, beats=beats, answers=answers, fits=fits)
    assert found == f"chaoskit {follows}"


@pytest.mark.parametrize(
    ("f1", "decides", "portable", "gains"),
    [
        (0.9, True, False, True),
        (0.9, False, False, False),
        (0.9, True, True, False),
        (1.0, True, False, False),
    ],
)
def test_new_thresholds_are_advised_where_they_may_do_better(
    *, f1: float, decides: bool, portable: bool, gains: bool
) -> None:
    report: Any = SimpleNamespace(decides=decides, model=SimpleNamespace(f1=f1))
    assert evaluate._gains(report, portable=portable) is gains


def test_files_that_are_not_named_are_asked_for_with_their_options(tmp_path: Path) -> None:
    ended = CommandLine(tmp_path)("evaluate", "--model", "shop-1")
    assert (ended.code, "add --data FOLDER --mapping FILE" in ended.err) == (2, True), ended.err


def events_of(folder: Path, lines: str, *, meaning: str = "failure") -> tuple[object, ...]:
    """The options that name an hour of pods a to c, and these events of it."""
    (folder / "m.yaml").write_text(
        "apiVersion: chaoskit.io/v1\nkind: DataMapping\nmetadata: {name: m}\nfiles: [m.csv]\nstep: 60\n"
        "timestamp: at\nidentity: {pod: pod}\nsignals: {cpu_usage: {column: x}}\n"
        f"events: {{file: e.csv, issues: {{mem: memory-leak}}, meaning: {meaning}}}\n"
    )
    samples = (f"2026-01-01T00:{m:02}:00Z,{pod},{m % 7}\n" for m in range(60) for pod in "abc")
    (folder / "m.csv").write_text("at,pod,x\n" + "".join(samples))
    (folder / "e.csv").write_text("start,end,target,issue\n" + lines)
    return "--data", folder, "--mapping", folder / "m.yaml"


def test_words_that_are_no_class_are_told_with_what_is_done_with_them(tmp_path: Path) -> None:
    events = (("a", "mem"), ("a b c", "CPU stress"), ("a", "CPU stress"), ("a", ""), ("a", "network"))
    lines = (
        f"2026-01-01T00:{m}0:00Z,2026-01-01T00:{m}5:00Z,{targets},{word}\n"
        for m, (targets, word) in enumerate(events, 1)
    )
    ended = CommandLine(tmp_path)("evaluate", *events_of(tmp_path, "".join(lines)), "--model", "shop-1")
    assert "! no class of chaoskit's: CPU stress (2 events); learned and told as written, but" in ended.err
    assert "! without a class: 1 event; learned and told as other, but" in ended.err


@pytest.mark.parametrize(("chaos", "learned"), [("mask", False), ("label", True)])
def test_words_of_experiments_are_told_where_these_are_learned(
    tmp_path: Path, *, chaos: str, learned: bool
) -> None:
    line = "2026-01-01T00:20:00Z,2026-01-01T00:25:00Z,a,CPU stress\n"
    files = events_of(tmp_path, line, meaning="chaos")
    ended = CommandLine(tmp_path)("train", *files, "--chaos", chaos)
    assert ("no class of chaoskit's: CPU stress (1 event)" in ended.err) is learned


def test_figures_are_not_compared_as_those_of_a_newer_verdict(stranger: CommandLine) -> None:
    models = stranger.home / "state/models"
    for name, verdict in (("shop-1", "beats every baseline"), ("shop-2", "ties static rule")):
        (models / name).mkdir(parents=True)
        objects.write(models / name / "card.json", {"verdict": verdict, "model": {"f1": 0.5}})
        (models / name / "model.joblib").write_text(name)
    digest = sha256(b"shop-2").hexdigest()
    newer = {"promotable": True, "words": "beats every baseline", "split": "new data", "at": ""}
    objects.write(models / "models.json", {digest: {"verdict": newer}})
    ended = stranger("models", "compare", "shop-1", "shop-2")
    rows = {line.split("   ")[0]: line for line in ended.out.splitlines()}
    assert rows["verdict on its card"].endswith("ties static rule")
    assert rows["judgement"].endswith("beats every baseline")
    assert "! the figures of shop-2 are those of its card; it was judged anew since" in ended.out
    assert "figures of shop-1" not in ended.out


def test_a_model_that_is_gone_is_said_and_rules_answer_once_it_is_retired(answering: CommandLine) -> None:
    path = answering.home / "state/models/promoted.json"
    objects.write(path, {"history": [{"name": "gone-1", "at": ""}]})
    ended = answering("predict", *FILES)
    assert (ended.code, "gone-1 is promoted, but its folder is gone" in ended.err) == (4, True)
    assert "chaoskit models retire" in ended.err
    assert answering("models", "rollback").code == 4
    assert answering("models", "retire").err.endswith("retired gone-1: rules answer\n")
    by_rules = answering("predict", *FILES).out
    assert by_rules.startswith("rules: no model is promoted\n")
    assert by_rules.splitlines()[-1] == f"next  chaoskit train --data {DATA} --mapping {MAPPING}"
    assert "nothing to do" in answering("models", "retire").err


def test_of_files_without_its_signals_rules_answer_unless_the_model_is_named(
    answering: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "m.yaml").write_text(
        "apiVersion: chaoskit.io/v1\nkind: DataMapping\nmetadata: {name: m}\nfiles: [m.csv]\nstep: 60\n"
        "timestamp: at\nidentity: {pod: pod}\nsignals: {fs_usage: {column: x}}\n"
    )
    lines = "".join(f"2026-01-01T{m // 60:02}:{m % 60:02}:00Z,a,0.5\n" for m in range(90))
    (tmp_path / "m.csv").write_text(f"at,pod,x\n{lines}")
    files = ("--data", tmp_path, "--mapping", tmp_path / "m.yaml")
    by_rules = answering("predict", *files)
    assert (by_rules.code, "sockshop-k8s-1 does not answer here: " in by_rules.err) == (0, True)
    assert "rules: the promoted model does not answer here" in by_rules.out
    assert answering("predict", *files, "-o", "json").json["model"]["mode"] == "rules"
    named = answering("predict", *files, "--model", "sockshop-k8s-1")
    assert (named.code, "no pod has a sample of the model's signals" in named.err) == (4, True)


def test_another_file_in_the_place_of_the_promoted_one_is_3(
    answering: CommandLine, other_week: tuple[str | Path, ...]
) -> None:
    path, known = (answering.home / "state/models" / name for name in ("promoted.json", "models.json"))
    before = known.read_bytes()
    objects.write(path, {"history": [{"name": "sockshop-k8s-1", "digest": "0" * 64, "at": ""}]})
    ended = answering("predict", *FILES)
    assert (ended.code, "its file is not the one that was promoted" in ended.err) == (3, True)
    assert [m["promoted"] for m in answering("models", "list", "-o", "json").json["models"]] == [False]
    shown = answering("models", "show", "sockshop-k8s-1").err
    assert "sockshop-k8s-1 does not answer: its file is not the one that was promoted" in shown
    judged = answering("evaluate", *other_week, "-o", "json")
    assert (judged.json["model"], judged.json["answers"]) == ("sockshop-k8s-1", False)
    known.write_bytes(before)


def test_a_card_that_was_changed_is_shown_as_one(trained: CommandLine) -> None:
    path, words = (
        trained.home / "state/models/sockshop-k8s-1/card.json",
        "is not the one that was written with its file",
    )
    before = path.read_bytes()
    assert words not in trained("models", "show", "sockshop-k8s-1").err
    card = objects.read(path)
    objects.write(path, {**card, "model": {**card["model"], "f1": 0.999}})
    compared = trained("models", "compare", "sockshop-k8s-1", "sockshop-k8s-1")
    assert f"the card of sockshop-k8s-1 {words}" in compared.out
    found = trained("models", "compare", "sockshop-k8s-1", "sockshop-k8s-1", "-o", "json").json
    assert set(found["altered"]) == {"sockshop-k8s-1"}
    for form in ("table", "json"):
        assert words in trained("models", "show", "sockshop-k8s-1", "-o", form).err
    assert words in trained("models", "list", "-o", "json").json["models"][0]["judgement"]
    path.write_bytes(before)


@pytest.mark.parametrize("verb", ["evaluate", "calibrate"])
def test_what_a_model_learned_from_neither_judges_it_nor_sets_its_thresholds(
    trained: CommandLine, verb: str
) -> None:
    ended = trained(verb, *FILES, "--model", "sockshop-k8s-1")
    assert (ended.code, ended.out) == (8, "")
    assert "the model learned from all of this data" in ended.err


def test_a_model_that_detects_is_not_judged_as_one_that_foresees(
    trained: CommandLine, other_week: tuple[str | Path, ...]
) -> None:
    text = MAPPING.read_text(encoding="utf-8").replace("mode: detect", "mode: forecast, horizonMinutes: 30")
    (trained.home / "forecast.yaml").write_text(text)
    ended = trained("evaluate", *other_week[:2], "--mapping", "forecast.yaml", "--model", "sockshop-k8s-1")
    assert ended.code == 2
    assert "fails within 30 min" in ended.err
    assert "is failing" in ended.err


def test_a_model_is_fitted_to_another_cluster_and_compared_with_the_first(
    trained: CommandLine, quiet_week: tuple[str | Path, ...]
) -> None:
    budget = ("--false-alarms-per-day", 500)
    ended = trained("calibrate", *quiet_week, "--model", "sockshop-k8s-1", *budget, "-o", "json")
    assert ended.code == 0, ended.err
    name = ended.json["name"]
    assert name == "sockshop-k8s-1-calibrated-1"
    assert set(ended.json["after"]) == set(ended.json["before"])
    compared = trained("models", "compare", "sockshop-k8s-1", name, "-o", "json").json
    assert compared["models"] == ["sockshop-k8s-1", name]
    assert compared["same_data"]
    assert "event F1" in trained("models", "compare", "sockshop-k8s-1", name).out


def test_thresholds_that_nobody_judged_are_not_promoted(
    trained: CommandLine, quiet_week: tuple[str | Path, ...]
) -> None:
    name = trained("calibrate", *quiet_week, "--model", "sockshop-k8s-1", "-o", "json").json["name"]
    refused = trained("models", "promote", name)
    assert refused.code == 3
    assert "has not been judged with its thresholds" in refused.err
    models = trained("models", "list", "-o", "json").json["models"]
    assert {each["name"]: each["judgement"] for each in models}[name] == (
        "has not been judged with its thresholds"
    )


def test_a_model_travels_without_pickle_and_answers_elsewhere(trained: CommandLine, tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    out = tmp_path / "portable"
    assert trained("models", "export", "sockshop-k8s-1", "--out", out).code == 0
    assert not list(out.glob("*.joblib"))
    elsewhere = CommandLine(tmp_path / "elsewhere")
    elsewhere.home.mkdir()
    ended = elsewhere("models", "import", out, "--name", "theirs", "-o", "json")
    assert (ended.code, ended.json["name"]) == (0, "theirs")
    theirs = elsewhere("predict", *FILES, "--model", "theirs", "-o", "json").json["predictions"]
    ours = trained("predict", *FILES, "--model", "sockshop-k8s-1", "-o", "json").json["predictions"]
    assert [each["target"] for each in theirs] == [each["target"] for each in ours]
    assert [each["probability"] for each in theirs] == pytest.approx([each["probability"] for each in ours])
    assert elsewhere("models", "import", tmp_path).code == 2
    refused = elsewhere("models", "promote", "theirs")
    assert (refused.code, "nobody has judged theirs here" in refused.err) == (3, True)


def test_a_card_from_elsewhere_cannot_write_over_what_is_said_of_it(tmp_path: Path) -> None:
    elsewhere = CommandLine(tmp_path)
    folder = tmp_path / "state/models/theirs"
    objects.write(folder / "card.json", {"verdict": "good\x1b[2K\rbeats every baseline", "recipe": "\x1b[2J"})
    (folder / "card.md").write_text("# Model\n\x1b]0;owned\x07\u202ebetter\n", encoding="utf-8")
    listed = elsewhere("models", "list").out
    assert "not judged here; its card says: good\\x1b[2K\\rbeats every baseline" in listed
    assert elsewhere("models", "show", "theirs").out == "# Model\n\\x1b]0;owned\\x07\\u202ebetter\n"
    assert "\x1b" not in elsewhere("models", "compare", "theirs", "theirs").out


@pytest.mark.parametrize("verb", ["evaluate", "calibrate"])
def test_a_model_that_is_not_there_cannot_be_judged_or_fitted(chaoskit: CommandLine, verb: str) -> None:
    ended = chaoskit(verb, *FILES)
    assert (ended.code, ended.out) == (4, "")
    assert "chaoskit models list" in ended.err


def test_predictions_from_files_have_percentages_and_reasons(trained: CommandLine) -> None:
    ended = trained("predict", *FILES, "--model", "sockshop-k8s-1", "-o", "json")
    assert ended.code == 0
    predictions = ended.json["predictions"]
    assert {each["model"] for each in predictions} == {"sockshop-k8s-1"}
    risks = [each["probability"] for each in predictions]
    assert risks == sorted(risks, reverse=True)
    assert all(0 <= each["low"] <= each["probability"] <= each["high"] <= 1 for each in predictions)
    table = trained("predict", *FILES, "--model", "sockshop-k8s-1").out
    assert table.startswith("model sockshop-k8s-1\nWORKLOAD")
    assert table.splitlines()[-1] == f"next  chaoskit patterns --failures --data {DATA} --mapping {MAPPING}"


@pytest.mark.parametrize(
    ("threshold", "code", "outcome"), [(0, 1, "at-or-over-threshold"), (1, 0, "below-threshold")]
)
def test_a_threshold_decides_the_exit_code(
    trained: CommandLine, threshold: int, code: int, outcome: str
) -> None:
    ended = trained("predict", *FILES, "--model", "sockshop-k8s-1", "--fail-above", threshold, "-o", "json")
    assert (ended.code, ended.json["outcome"], ended.json["exit"]) == (code, outcome, code)


def test_what_files_lack_is_looked_for_in_files(trained: CommandLine) -> None:
    ended = trained("predict", *FILES, "--model", "sockshop-k8s-1", "--at", "2030-01-01")
    assert (ended.code, "look at --at, and at the columns" in ended.err) == (4, True), ended.err


def test_the_moment_of_an_answer_can_be_chosen(trained: CommandLine) -> None:
    ended = trained("predict", *FILES, "--model", "sockshop-k8s-1", "--at", "2020-01-01T00:00:00")
    assert ended.code in {2, 4}
    assert ended.out == ""
    assert trained("predict", *FILES, "--at", "yesterday").code == 2


def test_without_a_model_rules_answer_and_give_no_percentages(chaoskit: CommandLine) -> None:
    ended = chaoskit("predict", "-n", "shop", "-o", "json")
    assert ended.code == 0
    assert {each["model"] for each in ended.json["predictions"]} == {"rules"}
    assert {each["probability"] for each in ended.json["predictions"]} == {None}
    table = chaoskit("predict", "-n", "shop").out
    assert table.startswith("rules: no model is promoted\n")
    assert "%" not in re.sub(r"CPU at \d+ %", "", table)
    kinds = {each["target"].partition("/")[0] for each in ended.json["predictions"]}
    assert kinds <= {"deployment", "statefulset", "daemonset"}


def test_what_was_predicted_is_kept(chaoskit: CommandLine) -> None:
    predictions = chaoskit("predict", "-n", "shop", "-o", "json").json["predictions"]
    kept = chaoskit("history", "--kind", "prediction", "--limit", 100, "-o", "json").json["records"]
    assert {each["id"] for each in kept} == {each["id"] for each in predictions}
    among_all = chaoskit("history", "--limit", 100, "-o", "json").json["records"]
    assert {each["id"] for each in among_all} == {each["id"] for each in predictions if each["alarmed"]}


def test_experiments_from_predictions_carry_their_lineage(chaoskit: CommandLine) -> None:
    proposals = chaoskit("generate", "-n", "shop", "--top", 3, "-o", "json").json["experiments"]
    kept = chaoskit("history", "--kind", "prediction", "--limit", 100, "-o", "json").json["records"]
    traces = {each["trace_id"] for each in kept}
    assert [each["rank"] for each in proposals] == [1, 2, 3]
    assert all(each["reason"] and each["trace"] in traces for each in proposals)


def test_generated_files_are_valid_and_can_be_planned(chaoskit: CommandLine) -> None:
    ended = chaoskit("generate", "-n", "shop", "--from", "topology", "--top", 3, "--out", "made")
    assert ended.code == 0
    assert len(list((chaoskit.home / "made").glob("*.yaml"))) == 3
    assert chaoskit("validate", "made", "--strict").code == 0
    assert chaoskit("plan", "made").code == 0
    assert ended.out.splitlines()[-1].startswith("next  chaoskit run made/")


def test_generated_yaml_on_stdout_can_be_piped_into_a_plan(chaoskit: CommandLine) -> None:
    text = chaoskit("generate", "-n", "shop", "--from", "topology", "--top", 2).out
    plans = chaoskit("plan", "-", "-o", "json", stdin=text).json["plans"]
    assert len(plans) == 2


def test_a_history_in_which_nothing_failed_cannot_be_learned_from(chaoskit: CommandLine) -> None:
    ended = chaoskit("train", "-n", "shop", "--hours", 1, "--no-thorough")
    assert ended.code == 8
    assert ended.out == ""
    assert not (chaoskit.home / "state/models/shop-1").exists()


@pytest.mark.parametrize("verb", ["train", "evaluate"])
def test_an_events_file_that_is_not_there_is_an_error(
    chaoskit: CommandLine, tmp_path: Path, verb: str
) -> None:
    shutil.copyfile(DATA / "pods.csv.gz", tmp_path / "pods.csv.gz")
    ended = chaoskit(verb, "--data", tmp_path, "--mapping", MAPPING)
    assert (ended.code, f"no events.csv in {tmp_path}" in ended.err) == (2, True)
    told = chaoskit("calibrate", "--data", tmp_path, "--mapping", MAPPING).err
    assert f"! no events.csv in {tmp_path}: what the history itself does not tell counts as healthy" in told


def test_a_split_of_random_rows_is_refused(chaoskit: CommandLine) -> None:
    ended = chaoskit("train", *FILES, "--split", "random")
    assert (ended.code, ended.out) == (3, "")
    assert "puts minutes of one event on both sides" in ended.err


def test_training_without_a_prometheus_says_how_to_name_it(chaoskit: CommandLine) -> None:
    ended = chaoskit("train", "-n", "shop", "--prometheus", "http://127.0.0.1:1")
    assert ended.code == 4
    assert "http://127.0.0.1:1" in ended.err
    assert "--prometheus" in ended.err
