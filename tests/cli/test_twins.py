"""Workloads of one name in two namespaces are told apart where several are shown; one alone stays short."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from chaoskit.cli import generate, history, outlooks, train
from chaoskit.experiments.generation import Proposal
from chaoskit.flows.foreseeing import Manner, Outlook
from chaoskit.flows.learning import Fitted
from chaoskit.prediction import Health
from chaoskit.records import PredictionRecord

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


def printed(show: Callable[[Console], None]) -> list[str]:
    out = io.StringIO()
    show(Console(file=out, soft_wrap=True, markup=False, highlight=False))
    return out.getvalue().splitlines()


def kept(number: int, kind: str, namespace: str) -> dict[str, Any]:
    about = {"fault": "pod-delete", "name": "cart"} if kind == "run" else {"issue": "pod-crash"}
    return {
        "kind": kind, "id": f"{kind}{number}", "at": T0.isoformat(), "namespace": namespace,
        "target": "deployment/cart", "outcome": "passed", "reason": "", **about,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "short", "long"),
    [
        ("recovery", "pod-crash deployment/cart", "pod-crash {}/deployment/cart"),
        ("run", "pod-delete cart", "pod-delete {}/cart"),
    ],
)
def test_records_of_several_namespaces_say_whose_they_are(kind: str, short: str, long: str) -> None:
    def shown(*namespaces: str) -> list[str]:
        records = [kept(number, kind, each) for number, each in enumerate(namespaces)]
        return printed(lambda out: history._table(out, records))[1 : 1 + len(records)]

    assert all(f"   {short}   " in line for line in shown("shop", "shop"))
    for line, place in zip(shown("shop", "bank"), ("shop", "bank"), strict=True):
        assert f"   {long.format(place)}   " in line


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
        return [line.split() for line in printed(lambda out: generate._table(out, found))]

    heads, *rows = shown("shop", "bank")
    assert heads == ["RANK", "SCORE", "COST", "NAMESPACE", "EXPERIMENT"]
    assert [row[3:5] for row in rows] == [["shop", "deployment/cart"], ["bank", "deployment/cart"]]
    heads, *rows = shown("shop", "shop")
    assert heads == ["RANK", "SCORE", "COST", "EXPERIMENT"]
    assert [row[3] for row in rows] == ["deployment/cart"] * 2


@pytest.mark.parametrize(
    ("promoted", "everywhere", "asked"),
    [
        (True, False, "chaoskit predict"),
        (True, True, "chaoskit predict -A"),
        (False, False, "chaoskit predict --model all-1"),
        (False, True, "chaoskit predict -A --model all-1"),
    ],
)
def test_a_model_of_all_namespaces_is_asked_of_all(*, promoted: bool, everywhere: bool, asked: str) -> None:
    fitted = cast("Fitted", SimpleNamespace(name="all-1", promoted=promoted))
    assert train._asking(fitted, everywhere=everywhere) == asked
