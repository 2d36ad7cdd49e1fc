"""Values in words and tables: units, no false certainty, nothing cut."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml
from rich.console import Console
from tests.commandline import CommandLine

from chaoskit.cli import plan, run, secrecy
from chaoskit.cli.fitting import laid_out
from chaoskit.cli.render import (
    ago,
    clock_time,
    columns,
    console,
    next_step,
    outcome_line,
    percent,
    span,
    sparkline,
    told,
    write,
)
from chaoskit.outcome import Outcome
from chaoskit.records import RunRecord, Undo

if TYPE_CHECKING:
    from chaoskit.cli.session import Session

NAN = float("nan")


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0 %"), (0.001, "under 1 %"), (0.914, "91 %"), (0.999, "over 99 %"), (1, "100 %")],
)
def test_a_percentage_is_never_surer_than_it_is(share: float, words: str) -> None:
    assert percent(share) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(-3, "0s"), (59, "59s"), (61, "1m"), (7200, "2h"), (200_000, "2d")]
)
def test_a_span_is_told_in_its_largest_unit(seconds: float, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert ago(now - timedelta(seconds=seconds), now) == f"{words} ago"


def test_what_a_faster_clock_has_written_is_ahead() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert ago(now + timedelta(hours=2), now) == "2h ahead"


def test_a_clock_time_has_minutes_and_seconds() -> None:
    assert clock_time(64.9) == "1:04"


@pytest.mark.parametrize(
    ("values", "bars"),
    [((), ""), ((NAN,), ""), ((1, 1), "▁▁"), ((0, 1), "▁█"), ((0, NAN, 1), "▁ █"), (range(16), "▁▂▃▄▅▆▇█")],
)
def test_a_course_is_drawn_with_its_gaps(values: tuple[float, ...], bars: str) -> None:
    assert sparkline(values) == bars


def _table(width: int, *, terminal: bool) -> list[str]:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=terminal, no_color=True, color_system=None, soft_wrap=True
    )
    columns(console, ("name", "meaning", "unit"), [("a" * 20, "words " * 6, "s"), ("b", "x", "ms")], wrap=1)
    return out.getvalue().splitlines()


def test_in_a_pipe_a_row_is_a_line() -> None:
    assert _table(20, terminal=False) == [
        "NAME                   MEANING                                UNIT",
        f"{'a' * 20}   {'words ' * 6}   s",
        "b                      x                                      ms",
    ]


def test_on_a_terminal_only_the_column_that_may_wrap_does() -> None:
    lines = _table(60, terminal=True)
    assert len(lines) == 4
    assert max(map(len, lines)) <= 60
    assert "a" * 20 in lines[1]


def test_on_a_narrow_terminal_the_column_that_may_wrap_stands_beneath_its_row() -> None:
    assert _table(30, terminal=True) == [
        "NAME                  UNIT",
        "    MEANING",
        f"{'a' * 20}  s",
        "    words words words words",
        "    words words",
        f"b{' ' * 21}ms",
        "    x",
    ]


ROWS = (
    ("at", "kind", "id", "what", "outcome", "reason"),
    ("57m ahead", "prediction", "1m8h7mb2w3kp", "memory-leak deployment/recommendations", "rules", "full"),
    ("2m ago", "run", "1m8h4ngg", "database-connection-loss cart-database", "weakness found", "why " * 30),
)


@pytest.mark.parametrize("width", [60, 64, 80, 100, 140])
def test_a_table_fits_and_every_word_of_it_is_there(width: int) -> None:
    lines = [line for row in laid_out(ROWS, width, -1) for line in row]
    assert max(map(len, lines)) <= width
    letters = sorted("".join(lines).replace(" ", ""))
    assert letters == sorted("".join(cell for row in ROWS for cell in row).replace(" ", ""))
    assert any("57m ahead" in line for line in lines)


def test_an_id_is_not_broken_where_a_name_can_be() -> None:
    rows = (ROWS[0], ("57m ahead", "prediction", "1m8h7mb2w3kp", "leak productcatalogservice", "rules", ""))
    lines = [line for row in laid_out((*rows, ROWS[2]), 60, -1) for line in row]
    assert max(map(len, lines)) <= 60
    assert any(" 1m8h7mb2w3kp " in line for line in lines)


def test_names_break_where_they_have_a_hyphen_or_a_slash() -> None:
    rows = [("what", "of"), ("deployment/recommendations", "x" * 18)]
    assert laid_out(rows, 40, -1)[1] == [f"deployment/{' ' * 11}{'x' * 18}", "recommendations"]


def test_what_is_too_wide_for_any_row_is_a_block_with_its_heads() -> None:
    heads = tuple(f"column{each}" for each in range(9))
    assert laid_out([heads, ("one", "", *("7" * 9,) * 7)], 60, -1) == [
        [],
        ["one", *(f"  column{each}  {'7' * 9}" for each in range(2, 9))],
    ]


@pytest.mark.parametrize(
    ("terminal", "lines"),
    [
        (True, ["  undo   put it back as it was", "         before"]),
        (False, ["  undo   put it back as it was before"]),
    ],
)
def test_on_a_terminal_words_go_on_beneath_themselves(terminal: bool, lines: list[str]) -> None:
    out = io.StringIO()
    console = Console(file=out, width=30, force_terminal=terminal, color_system=None, soft_wrap=True)
    told(console, "  undo   ", "put it back as it was before")
    assert out.getvalue().splitlines() == lines


@pytest.mark.parametrize(("pasted", "lines"), [(True, 1), (False, 3)])
def test_of_a_plan_only_what_is_to_be_pasted_is_not_broken(pasted: bool, lines: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=40, force_terminal=True, color_system=None, soft_wrap=True)
    plan._say(console, "  mend   ", "word " * 15, pasted=pasted)
    assert len(out.getvalue().splitlines()) == lines


@pytest.fixture
def secret() -> Iterator[str]:
    """What this call was given with ``--var password=``."""
    secrecy.learn_variables({"password": "hunter2secret"})
    yield "hunter2secret"
    secrecy.forget()


def test_what_is_secret_is_hidden_before_a_line_is_broken_or_a_cell_is_laid_out(secret: str) -> None:
    out = io.StringIO()
    console = Console(file=out, width=24, force_terminal=True, color_system=None, soft_wrap=True)
    told(console, "  undo   ", f"it was {secret} before")
    columns(console, ("name", "why"), [(secret, f"it was {secret} before")])
    assert "hunt" not in out.getvalue()
    assert out.getvalue().count("(hidden)") == 3


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_programs_read_the_same_keys_and_numbers_whatever_is_secret(
    secret: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    secrecy.learn_variables({"token": "123456", "api_key": "schema"})
    write(form, "x", {"at": 0.123456, "says": [f"x {secret} " * 9, {"of": "123456"}]})
    whole = yaml.safe_load(capsys.readouterr().out)
    assert whole == {
        "schema": "chaoskit.io/x/v1",
        "at": 0.123456,
        "says": ["x (hidden) " * 9, {"of": "(hidden)"}],
    }


def test_all_that_goes_to_a_console_is_without_what_is_secret(
    secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = console(cast("Session", SimpleNamespace(no_color=True)))
    out.print(f"it was {secret}")
    outcome_line(out, "passed", 0, secret)
    next_step(out, f"chaoskit show {secret}")
    assert capsys.readouterr().out.splitlines() == [
        "it was (hidden)",
        "passed  (hidden)  exit 0",
        "next  chaoskit show (hidden)",
    ]


def test_what_one_call_was_given_is_nothing_to_the_next(stranger: CommandLine, secret: str) -> None:
    assert secret in stranger("explain", secret).err


def _runs(outcome: Outcome, undo: Undo, **more: Any) -> list[str]:
    at, out = datetime(2026, 7, 1, tzinfo=UTC), io.StringIO()
    record = RunRecord(
        id="abc", at=at, ended_at=at, trace_id="abc", name="web", namespace="shop", cluster="c",
        fault="pod-delete", outcome=outcome, reason="why", experiment={}, undo=undo,
        evidence={"hint": "what to do"}, **more,
    )  # fmt: skip
    run.table(Console(file=out, no_color=True, color_system=None, soft_wrap=True), [record])
    return out.getvalue().splitlines()


def test_a_run_that_could_not_start_says_how_to_mend_it() -> None:
    assert _runs(Outcome.CANNOT_START, Undo("none needed")) == [
        "cannot start  pod-delete on web  exit 4",
        "  why",
        "  mend what to do",
        "  undo none needed",
        "next  chaoskit show abc --trace",
    ]


def test_a_run_whose_undo_is_not_confirmed_ends_with_the_rescue() -> None:
    lines = _runs(Outcome.UNDO_UNCONFIRMED, Undo("not confirmed", ("pod x still runs",)))
    assert lines[-1] == "next  chaoskit rescue"
    assert "  undo not confirmed: pod x still runs" in lines


@pytest.mark.parametrize(
    ("outcome", "told"), [(Outcome.PASSED, True), (Outcome.INTERRUPTED, False), (Outcome.ERRORED, False)]
)
def test_only_what_was_judged_is_scored(outcome: Outcome, told: bool) -> None:
    lines = [line for line in _runs(outcome, Undo("confirmed"), score=0.0) if "resilience score" in line]
    assert lines == ["  resilience score 0 of 100 (nothing was looked at)"] * told
