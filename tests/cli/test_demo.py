"""The demo: the whole story, everything it made in one folder, nothing left anywhere else."""

from __future__ import annotations

import io
import json
import signal
from pathlib import Path

import pytest
from rich.console import Console
from tests.commandline import CommandLine, simulators
from tests.servers import until

from chaoskit.cli.demo import _connect, _narrate, _unused
from chaoskit.cli.session import Format, ProgressFormat, Session
from chaoskit.clock import Stop
from chaoskit.errors import Interrupted
from chaoskit.experiments import load
from chaoskit.flows.demo import Chapter, tell
from chaoskit.outcome import Outcome
from chaoskit.settings import load as load_settings

NOISY = Session(load_settings({}, environment={}), Format.TABLE, ProgressFormat.PLAIN, False, False, True)


def test_the_story_is_told_to_its_end(stranger: CommandLine) -> None:
    with stranger.start("demo", "-o", "json") as process:
        out, err = process.communicate(timeout=280)
    assert process.returncode == 0, err
    told = json.loads(out)
    folder = stranger.home / "chaoskit-demo"
    first = told["predictions"][0]
    assert "memory-leak" in {each["issue"] for each in told["predictions"][:3]}
    assert first["model"] == told["model"]
    assert first["probability"] > max(each["probability"] for each in told["predictions"][1:])
    assert (told["outcome"], told["exit"]) == ("done", 0)
    assert told["run"]["outcome"] in {"passed", "weakness-found"}, told["run"]["reason"]
    assert told["run"]["undo"]["state"] == "confirmed"
    assert told["run"]["trace_id"] == first["trace_id"]
    assert told["run"]["injected_at"]
    recovered = {each["target"]: each["outcome"] for each in told["recoveries"]}
    assert recovered["deployment/orders"] == "recovered"
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert told["run"]["id"] in report
    assert told["recoveries"][0]["id"] in report
    assert len(load([str(folder / "experiments")])) == len(told["experiments"])
    trace = stranger("show", told["run"]["id"], "--trace", "--store", folder / "store.db", "-o", "json").json
    assert {each["kind"] for each in trace["records"]} >= {"prediction", "run"}
    assert simulators(stranger.home) == []
    again = stranger("demo", "--out", "chaoskit-demo")
    assert again.code == 4
    assert "not empty" in again.err


def test_a_second_story_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "chaoskit-demo"
    assert _unused(folder) == folder
    (folder / "experiments").mkdir(parents=True)
    (tmp_path / "chaoskit-demo-2").touch()
    assert _unused(folder) == tmp_path / "chaoskit-demo-3"


def test_a_folder_that_cannot_be_is_2_before_anything_begins(stranger: CommandLine) -> None:
    (stranger.home / "file").touch()
    for out in ("file", "file/below", "/proc/below"):
        ended = stranger("demo", "--out", out)
        assert (ended.code, ended.out) == (2, ""), ended.err
        assert f"{out} cannot be the folder of the story" in ended.err


@pytest.mark.parametrize(
    ("outcome", "mark"), [(Outcome.DONE, "✔"), (Outcome.ERRORED, "✖"), (Outcome.NOT_RECOVERED, "✖")]
)
def test_a_chapter_that_failed_has_no_tick(outcome: Outcome, mark: str) -> None:
    out = io.StringIO()
    _narrate(NOISY, Console(file=out), Chapter(5, "run", "so it came", outcome))
    assert out.getvalue() == f"  5  {mark} run        so it came\n"


def test_a_story_that_is_interrupted_while_it_learns_leaves_nothing_either(tmp_path: Path) -> None:
    stop, chapters = Stop(), []

    def interrupt(chapter: Chapter) -> None:
        chapters.append(chapter.title)
        if chapter.title == "train":
            stop.set()

    with pytest.raises(Interrupted):
        tell(tmp_path / "story", connect=_connect, history=0.2, narrate=interrupt, stop=stop)
    assert chapters == ["a cluster", "a cluster", "train"]
    assert list(tmp_path.iterdir()) == []


def test_a_story_that_is_interrupted_at_once_leaves_nothing(stranger: CommandLine) -> None:
    before = set(stranger.home.iterdir())
    with stranger.start("demo") as process:
        until(lambda: simulators(stranger.home), 60, "no cluster was begun")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143
    assert set(stranger.home.iterdir()) == before
    assert simulators(stranger.home) == []
