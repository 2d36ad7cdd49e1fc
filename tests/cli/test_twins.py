"""Workloads of one name in two namespaces are told apart where several are shown; one alone stays short."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console
from tests.commandline import CommandLine
from tests.reports.made import recovery, run, weak

from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.cli import generate, outlooks, train
from chaoskit.cli import run as runs
from chaoskit.experiments.generation import Proposal
from chaoskit.flows.outlook import Manner, Outlook
from chaoskit.prediction import Health
from chaoskit.records import PredictionRecord, RunRecord
from chaoskit.reports import github
from chaoskit.reports.formats import render
from chaoskit.reports.reading import Reported

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


TWINS = ("shop", "bank")


def keep(chaoskit: CommandLine, *records: dict[str, Any]) -> None:
    store = SqliteStore(chaoskit.home / "state/store.db")
    store.load(records)
    store.close()


def printed(show: Callable[[Console], None]) -> list[str]:
    out = io.StringIO()
    show(Console(file=out, soft_wrap=True, markup=False, highlight=False))
    return out.getvalue().splitlines()


@pytest.mark.parametrize(
    ("kind", "short", "long"),
    [
        ("recovery", "pod-crash deployment/cart", "pod-crash {}/deployment/cart"),
        ("run", "pod-delete cart", "pod-delete {}/cart"),
    ],
)
def test_records_of_several_namespaces_say_whose_they_are(
    stranger: CommandLine, kind: str, short: str, long: str
) -> None:
    made = {"run": run, "recovery": recovery}[kind]
    keep(stranger, *(made(id=f"r{number}", namespace=each) for number, each in enumerate(TWINS)))
    shown = stranger("history").out
    assert all(f"   {long.format(place)}   " in shown for place in TWINS)
    assert f"   {short}   " in stranger("history", "-n", "shop").out


def test_weaknesses_of_several_namespaces_say_whose_they_are(stranger: CommandLine) -> None:
    keep(stranger, *(weak(id=f"r{number}", namespace=each) for number, each in enumerate(TWINS)))
    shown = stranger("history", "--weaknesses").out
    assert all(f"   {place}/cart   " in shown for place in TWINS)
    assert "   cart   " in stranger("history", "--weaknesses", "-n", "shop").out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("junit", '<testsuite name="{}cart"'),
        ("junit", '<testcase name="pod-delete" classname="{}cart"'),
        ("junit", '<testcase name="condition error_ratio of deployment/cart" classname="{}cart.pod-delete"'),
        ("markdown", "| ❌ | {}cart | weakness found |"),
        ("sarif", '"text": "{}cart: it was weakness-found"'),
        ("github", "title=weakness found%3A {}cart::"),
    ],
)
def test_reports_of_several_namespaces_say_whose_each_run_is(name: str, words: str) -> None:
    def told(*namespaces: str) -> str:
        found = Reported(
            tuple(weak(id=f"r{number}", namespace=each) for number, each in enumerate(namespaces))
        )
        return "\n".join(github.commands(found)) if name == "github" else render(name, found)

    both, alone = told(*TWINS), told("shop", "shop")
    assert all(words.format(f"{place}/") in both for place in TWINS)
    assert words.format("") in alone
    assert words.format("") not in both


def test_the_ends_of_runs_in_several_namespaces_say_whose_they_are() -> None:
    def told(*namespaces: str) -> str:
        found = [RunRecord.of(weak(id=f"r{n}", namespace=each)) for n, each in enumerate(namespaces)]
        return "\n".join(printed(lambda out: runs.table(out, found)))

    assert all(f"pod-delete on {place}/deployment/cart" in told(*TWINS) for place in TWINS)
    assert "pod-delete on deployment/cart" in told("shop")


def alarm(namespace: str) -> PredictionRecord:
    like = {"target": "deployment/cart", "namespace": "bank", "issue": "memory-leak", "likeness": 0.8}
    return PredictionRecord(
        id="1", at=T0, trace_id="1", target="deployment/cart", namespace=namespace, cluster="kind",
        model="shop-1", horizon_minutes=30, probability=0.9, low=0.8, high=0.95, score=1.2, alarmed=True,
        issue="memory-leak", reasons=(), similar=({**like, "at": T0.isoformat()},),
    )  # fmt: skip


@pytest.mark.parametrize(("everywhere", "place", "past"), [(True, "shop/", "bank/"), (False, "", "")])
def test_what_an_alarm_is_like_is_told_with_both_places(*, everywhere: bool, place: str, past: str) -> None:
    manner = Manner("shop-1", "forecast", 30)
    outlook = Outlook(T0, (alarm("shop"),), manner, Health(), everywhere=everywhere)
    (line,) = (each for each in printed(lambda out: outlooks.show(out, outlook)) if " is like " in each)
    assert line.startswith(f"{place}deployment/cart is like the memory leak of {past}deployment/cart on ")


def proposed(rank: int, namespace: str) -> Proposal:
    body = {"kind": "Experiment", "metadata": {"name": "cart-pod-delete", "namespace": namespace}}
    return Proposal(rank, 0.5, "deployment/cart with pod-delete: no prediction", body, "deployment/cart")


def test_proposals_for_several_namespaces_have_a_column_for_them() -> None:
    def shown(*namespaces: str) -> list[list[str]]:
        found = [proposed(rank, each) for rank, each in enumerate(namespaces, 1)]
        return [line.split() for line in printed(lambda out: generate.table(out, found))]

    heads, *rows = shown("shop", "bank")
    assert heads == ["RANK", "SCORE", "COST", "NAMESPACE", "EXPERIMENT"]
    assert [row[3:5] for row in rows] == [["shop", "deployment/cart"], ["bank", "deployment/cart"]]
    heads, *rows = shown("shop", "shop")
    assert heads == ["RANK", "SCORE", "COST", "EXPERIMENT"]
    assert [row[3] for row in rows] == ["deployment/cart"] * 2


@pytest.mark.parametrize(
    ("promoted", "place", "asked"),
    [
        (True, "", "chaoskit predict"),
        (True, " -A", "chaoskit predict -A"),
        (False, "", "chaoskit predict --model all-1"),
        (False, " -A", "chaoskit predict -A --model all-1"),
    ],
)
def test_a_model_of_all_namespaces_is_asked_of_all(*, promoted: bool, place: str, asked: str) -> None:
    assert train.asking("all-1", promoted=promoted, place=place) == asked
