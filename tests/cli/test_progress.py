"""Events become lines: each once in a pipe, redrawn in place on a terminal, whole as JSON."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console
from rich.live import Live
from rich.text import Text
from tests.commandline import Terminal

from chaoskit import events
from chaoskit.cli.progress import _Json, _Live, _live, _Plain, line_of
from chaoskit.cli.session import Format, ProgressFormat, Session
from chaoskit.settings import load as load_settings

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def measured(seconds: float, held: bool | None) -> events.Measured:
    return events.Measured(at(seconds), "error_ratio", held, "0.01", "below 0.05")


def progress(seconds: float, done: float) -> events.Progress:
    return events.Progress(at(seconds), "memory hog", done, 60, "s")


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (events.Step(START, "undo", "done", "confirmed"), "✔ undo             confirmed"),
        (events.Step(START, "undo", "failed"), "✖ undo"),
        (measured(0, True), "  error_ratio      0.01 (below 0.05) holds"),
        (measured(0, False), "  error_ratio      0.01 (below 0.05) BROKEN"),
        (measured(0, None), "  error_ratio      0.01 (below 0.05) cannot be measured"),
        (events.ClusterEvent(START, "pod/cart", "Killing", "gone"), "  pod/cart         Killing: gone"),
        (events.Warned(START, "no Prometheus"), "! warning          no Prometheus"),
        (progress(0, 2.95279), "● memory hog       3 of 60 s"),
        (events.Progress(START, "unknown", 1, 0), None),
    ],
)
def test_an_event_is_one_line_with_a_word_beside_each_symbol(event: events.Event, line: str | None) -> None:
    assert line_of(event) == line


HEARD = (
    measured(0, True),
    progress(2, 2),
    measured(5, True),
    progress(7, 7),
    measured(64, False),
    progress(66, 60),
)


def test_in_a_pipe_what_is_no_news_is_left_out() -> None:
    out = io.StringIO()
    plain = _Plain(out, details=False)
    for event in HEARD:
        plain.hear(event)
    assert [line.split("  ")[0].strip() for line in out.getvalue().splitlines()] == [
        "0:00",
        "0:02",
        "1:04",
        "1:06",
    ]


def test_with_details_everything_is_told() -> None:
    out = io.StringIO()
    plain = _Plain(out, details=True)
    for event in HEARD:
        plain.hear(event)
    assert len(out.getvalue().splitlines()) == len(HEARD)


def test_on_a_terminal_what_is_under_way_is_redrawn_until_it_is_settled() -> None:
    printed: list[str] = []
    drawn: list[str] = []
    live = _Live(lambda text: printed.append(text.plain), lambda text: drawn.append(text.plain))
    live.hear(events.Step(START, "memory hog", "begun"))
    for event in HEARD:
        live.hear(event)
    assert [text.count("\n") + bool(text) for text in drawn] == [1, 2, 2, 2, 2, 1, 0]
    assert [text.split()[0] for text in printed] == ["1:04", "1:06"]
    assert "BROKEN" in printed[0]


def test_on_a_terminal_the_last_line_of_a_fault_is_told_once_each_time_it_comes_to_it() -> None:
    printed: list[str] = []
    live = _Live(lambda text: printed.append(text.plain), lambda _text: None)
    for second, done in ((58, 58), (60, 60), (61, 60), (62, 61), (90, 2), (150, 60)):
        live.hear(progress(second, done))
    assert printed == [" 0:02  ● memory hog       60 of 60 s", " 1:32  ● memory hog       60 of 60 s"]


def step(seconds: float, name: str, run: str = "") -> events.Step:
    return events.Step(at(seconds), name, "done", run=run)


@pytest.mark.parametrize("turn", ["undo written", "undo", "verdict"])
def test_what_a_condition_was_before_a_turn_of_the_run_is_not_on_the_screen_after_it(turn: str) -> None:
    drawn: list[str] = []
    live = _Live(lambda _text: None, lambda text: drawn.append(text.plain))
    live.hear(progress(0, 2))
    live.hear(measured(1, True))
    live.hear(step(2, "steady before"))
    assert "holds" in drawn[-1]
    live.hear(step(3, turn, run="another"))
    assert "holds" in drawn[-1]
    live.hear(step(3, turn))
    assert drawn[-1] == "       ● memory hog       2 of 60 s"
    live.hear(measured(5, True))
    assert "holds" in drawn[-1]


def test_a_line_that_is_cut_ends_with_an_ellipsis() -> None:
    out, drawn = io.StringIO(), list[Text]()
    live = _Live(lambda _text: None, drawn.append)
    live.hear(measured(1, True))
    console = Console(file=out, width=30, force_terminal=True, color_system=None, soft_wrap=True)
    with Live(console=console, auto_refresh=False) as screen:
        screen.update(drawn[-1], refresh=True)
    assert "         error_ratio      0.0…" in out.getvalue()


def _clocks(*heard: events.Event) -> list[str]:
    out, printed = io.StringIO(), list[str]()
    plain, live = (
        _Plain(out, details=True),
        _Live(lambda text: printed.append(text.plain), lambda _text: None),
    )
    for event in heard:
        plain.hear(event)
        live.hear(event)
    assert [line[:5].strip() for line in printed] == [
        line[:5].strip() for line in out.getvalue().splitlines()
    ]
    return [line[:5].strip() for line in printed]


def test_the_clock_is_that_of_the_run_from_its_beginning() -> None:
    begun = events.Begun(at(100), "web", run="a")
    assert _clocks(step(90, "rescue"), begun, step(127, "undo", run="a")) == ["0:00", "0:27"]


def test_what_belongs_to_no_run_is_told_by_the_clock_of_the_one_heard_last() -> None:
    begun, other = events.Begun(at(100), "web", run="a"), step(110, "undo written", "b")
    stopping = events.Step(at(122), "stopping", "note")
    assert _clocks(begun, stopping, step(121, "undo", "a")) == ["0:22", "0:22"]
    assert _clocks(begun, other, stopping, step(125, "undo", "a")) == ["0:00", "0:12", "0:25"]


def test_lines_come_in_order_however_late_a_look_is_back() -> None:
    assert _clocks(step(0, "x"), step(12, "y"), measured(11, False)) == ["0:00", "0:12", "0:12"]


def test_as_json_nothing_of_an_event_is_lost() -> None:
    out = io.StringIO()
    _Json(out).hear(events.Step(START, "undo", "done", "confirmed", run="1m84"))
    assert json.loads(out.getvalue()) == {
        "event": "Step",
        "at": "2026-01-01T00:00:00+00:00",
        "name": "undo",
        "mark": "done",
        "detail": "confirmed",
        "run": "1m84",
    }


def _on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> tuple[Terminal, Session]:
    mine = Terminal()
    monkeypatch.setattr(sys, "stderr", mine)
    monkeypatch.setenv("TERM", "xterm")
    settings = load_settings({}, environment={})
    return mine, Session(settings, Format.TABLE, ProgressFormat.AUTO, False, False, False)


def test_what_a_turn_makes_the_screen_forget_does_not_stand_beneath_its_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen, session = _on_a_terminal(monkeypatch)
    with _live(session) as (hear, _aside):
        hear(progress(0, 2))
        hear(measured(1, True))
        hear(step(5, "undo"))
        before, after = screen.getvalue().split("✔ undo")
    assert "holds" in before
    assert "2 of 60 s" in after
    assert "holds" not in after


def test_whoever_asks_amid_a_live_display_has_the_terminal_for_himself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine, session = _on_a_terminal(monkeypatch)
    with _live(session) as (hear, aside):
        hear(events.Step(START, "undo", "done", "confirmed"))
        assert sys.stderr is not mine
        with aside():
            assert sys.stderr is mine
        assert sys.stderr is not mine
    assert sys.stderr is mine
