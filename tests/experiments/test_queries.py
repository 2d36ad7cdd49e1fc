"""A promProbe's query is told where the shell that runs it makes something else of it, and only there."""

from __future__ import annotations

import json
import subprocess

import pytest
from tests.experiments.test_lint import QUERY, found_in, probed, rules

KEPT = [
    "sum(up)",
    "sum(rate(requests{status=~'5..', job!='a b|c'}[1m])) or vector(0)",
    r"sum(up{job=\"a\"})",
    r"sum(up{job=~\`a.*\`})",
    "sum(up{job=~'a.*$'})",
    r"sum(up{price='\$1'})",
    "sum(up)\n  / sum(down{a='b'})\n",
]
BROKEN = [
    ('sum(up{job="a"})', "job='a'"),
    ('sum(rate(requests{code=~"5..",job="a"}[1m]))', "code=~'5..'"),
    ('sum(up{job !~ "a b"})', "job !~ 'a b'"),
    ("sum(up{a='x', job=\"a\"})", "job='a'"),
    ('sum(up{job=~"a|b"})', "job=~'a|b'"),
    ('sum(up{job=~"(a)"})', "job=~'(a)'"),
    ('sum(up{job=""})', "job=''"),
    ('sum(up{job=~"5..})', ""),
    ("sum(up{job=~`a.*`})", "job=~'a.*'"),
]
CHANGED = [
    "sum(up{job='$HOME'})",
    "sum(up{job='$(date)'})",
    "sum(label_replace(up, 'a', '$1', 'b', 'c'))",
    r"sum(up{job=~'a\\.b'})",
    r"sum(up{job=~'a\.b'})",
    "sum(up{job='a\"b'})",
]


def asked(query: str) -> str:
    """The engine with a promProbe of this query."""
    return probed("promProbe").replace(f'"{QUERY}"', json.dumps(query))


def handed_on(query: str) -> str | None:
    """What the shell makes of the query, as Litmus writes it; None when it cannot."""
    done = subprocess.run(
        ["/bin/sh", "-c", f'printf %s "{query}"'], capture_output=True, text=True, check=False, env={}
    )
    return done.stdout if done.returncode == 0 and not done.stderr else None


@pytest.mark.parametrize("query", KEPT)
def test_of_what_the_shell_hands_on_as_it_is_meant_nothing_is_said(query: str) -> None:
    assert rules(asked(query)) == []
    assert handed_on(query) == query.replace(r"\"", '"').replace(r"\`", "`").replace(r"\$", "$")


@pytest.mark.parametrize(("query", "written"), BROKEN)
def test_quotes_that_the_shell_takes_away_are_told(query: str, written: str) -> None:
    (found,) = found_in(asked(query))
    assert (found.level, found.problem.rule) == ("warning", "probe-quotes")
    assert found.problem.expected == "quotes written as '" + (f": {written}" if written else "")
    left = handed_on(query)
    assert left is None or not {'"', "`"}.intersection(left)


@pytest.mark.parametrize("query", CHANGED)
def test_what_the_shell_changes_otherwise_or_promql_does_not_know_is_a_warning(query: str) -> None:
    assert rules(asked(query)) == ["probe-query"]
