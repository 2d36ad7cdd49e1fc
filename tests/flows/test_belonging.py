"""Which look decides on what: an alert and what it is about belong to the same one, everything to one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chaoskit.flows.belonging import Look, home, look_of, stands
from chaoskit.ports.metrics import Alert
from chaoskit.recovery import Told
from chaoskit.recovery.symptoms import Severity
from chaoskit.recovery.told import FORESEEN, STORM, Matter

AT = datetime(2026, 1, 1, tzinfo=UTC)


def alert(name: str, **labels: str) -> Alert:
    return Alert(name, {"alertname": name, **labels}, "firing", AT)


@pytest.mark.parametrize(
    ("labels", "scope", "every", "place"),
    [
        ({"namespace": "shop"}, "", ("a", "shop"), "shop"),
        ({"namespace": "shop"}, "shop", (), "shop"),
        ({}, "shop", ("shop",), "shop"),
        ({"node": "n"}, "", ("a",), ""),
        ({"namespace": "monitoring", "persistentvolume": "v"}, "", ("a",), ""),
        ({"namespace": "a", "persistentvolume": "v", "persistentvolumeclaim": "c"}, "", ("a",), "a"),
        ({"namespace": "b"}, "shop", ("shop",), None),
        ({"namespace": "kube-system"}, "", ("a", "b"), "a"),
        ({"namespace": "kube-system"}, "", (), None),
    ],
)
def test_an_alert_belongs_to_one_look(
    labels: dict[str, str], scope: str, every: tuple[str, ...], place: str | None
) -> None:
    assert home(alert("A", **labels), scope, every) == place


def test_an_alert_about_a_volume_belongs_to_where_its_claim_was_found() -> None:
    one = alert("VolumeFull", namespace="monitoring", persistentvolume="v")
    found = replace(one, found={"namespace": "a", "persistentvolumeclaim": "c"})
    assert (home(one, "", ("a",)), home(found, "", ("a",))) == ("", "a")


@pytest.mark.parametrize("every", [(), ("a",), ("a", "b"), ("a", "kube-system")])
@pytest.mark.parametrize("place", ["a", "b", "kube-system"])
@pytest.mark.parametrize("scope", ["", "a"])
def test_an_alert_goes_where_what_it_is_about_is_decided_on(
    scope: str, place: str, every: tuple[str, ...]
) -> None:
    found = home(alert("Slow", namespace=place), scope, every)
    assert found == look_of(place, scope, every)
    assert found is None or found in {*every, scope}
    assert found == place or place not in every


CART, DNS = ("a", "deployment/cart"), ("kube-system", "deployment/coredns")
SEEN = Look("a", "", frozenset(), (CART,), blind=False, over=frozenset(), rages={"a": True, "": False})


def told(place: str, target: str, *kinds: str) -> Told:
    labels = {"issue": "x", "class": "x", "namespace": place, "target": target}
    matter = Matter("key", "title", place, frozenset(kinds), Severity.HIGH, labels)
    return Told(matter, AT - timedelta(hours=1), True, None, "1")


@pytest.mark.parametrize(
    ("known", "more", "answer"),
    [
        (told(*CART, "crash-loop"), {}, False),
        (told(*CART, "crash-loop"), {"ill": frozenset({CART})}, True),
        (told(*CART, "crash-loop"), {"namespace": "b", "workloads": ()}, None),
        (told(*DNS, "dns-down"), {}, None),
        (told(*DNS, "dns-down"), {"workloads": (DNS,)}, False),
        (told(*CART, "memory-high"), {"blind": True}, None),
        (told(*CART, "memory-high"), {"blind": True, "over": frozenset({CART})}, False),
        (told(*CART, "crash-loop"), {"blind": True}, False),
        (told("", "node/n1", "node-lost"), {}, None),
        (told("", "node/n1", "node-lost"), {"namespace": ""}, False),
        (told(*CART, FORESEEN), {}, None),
        (told("a", STORM, STORM), {}, True),
        (told("", STORM, STORM), {}, False),
        (told("b", STORM, STORM), {}, None),
    ],
)  # fmt: skip
def test_what_people_were_told_of_stands_while_a_look_that_would_show_it_does(
    known: Told, more: dict[str, Any], answer: bool | None
) -> None:
    assert stands(known, replace(SEEN, **more)) is answer
