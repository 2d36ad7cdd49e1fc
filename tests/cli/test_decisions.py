"""Which issues are meant by a name, and how plans are shown when several namespaces have the same trouble."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console
from tests.recovery import made
from tests.recovery.made import NOW

from chaoskit import kube
from chaoskit.cli import decisions as deciding
from chaoskit.cli.decisions import Shown
from chaoskit.errors import InvalidInput
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery import Plan, classify, planner, runbook


def _here(namespace: str) -> Plan:
    """The plan for a crash of cart in a namespace; in shop it has one step, elsewhere more."""
    target = ObjectRef(kube.DEPLOYMENT, namespace, "cart")
    (issue,) = classify([replace(made.symptom("crash-loop"), target=target)], now=NOW)
    sets = [made.replica_set("cart", 1, ready=2), made.replica_set("cart", 2)]
    body = made.deployment("cart", revision=2)
    seen = made.topology(made.crashing("cart-0"), deployments=[body], replica_sets=sets)
    there = replace(issue, target=replace(target, namespace="shop"))
    found = planner.plan(there, runbook.defaults(), seen, now=NOW)
    assert isinstance(found, Plan), found
    return replace(found, issue=issue, rungs=found.rungs[:1] if namespace == "shop" else found.rungs)


def _shown(*shown: Shown, everywhere: bool = False) -> str:
    out = io.StringIO()
    deciding.table(Console(file=out, width=200, no_color=True), shown, NOW, everywhere=everywhere)
    return out.getvalue()


def test_two_namespaces_with_the_same_trouble_keep_their_own_steps() -> None:
    plans = _here("shop"), _here("other")
    assert plans[0].issue.id == plans[1].issue.id
    assert len(plans[0].rungs) != len(plans[1].rungs)
    shown = [Shown(each, (each.issue.target.namespace,) * len(each.rungs)) for each in plans]
    text = _shown(*shown, everywhere=True)
    assert "deployment/cart  shop/cart-pod-crash  since" in text
    assert "deployment/cart  other/cart-pod-crash  since" in text
    kept = deciding.plain(shown, "", Outcome.DONE)["issues"]
    assert [each["steps"][0]["server"] for each in kept] == ["shop", "other"]


def test_in_one_namespace_its_name_is_left_out() -> None:
    text = _shown(Shown(_here("shop")))
    assert "deployment/cart  since" in text
    assert text.endswith("next  chaoskit recover -n shop --issue cart-pod-crash\n")


def test_what_is_wrong_with_a_node_is_recovered_in_no_namespace() -> None:
    plan = _here("shop")
    node = replace(plan.issue, id="node-1-node", target=ObjectRef(kube.NODE, "", "node-1"))
    assert node.name == "node-1-node"
    assert _shown(Shown(replace(plan, issue=node))).endswith("chaoskit recover -A --issue node-1-node\n")


def test_a_name_that_two_namespaces_share_is_asked_back() -> None:
    plans = [_here("shop"), _here("other")]
    with pytest.raises(InvalidInput, match="2 issues are called cart-pod-crash") as caught:
        deciding.chosen(plans, (), "cart-pod-crash")
    assert caught.value.hint == "issues: shop/cart-pod-crash, other/cart-pod-crash"
    assert deciding.chosen(plans, (), "other/cart-pod-crash") == plans[1:]
    assert deciding.chosen(plans[:1], (), "cart-pod-crash") == plans[:1]
    assert deciding.chosen(plans, ["deployment/cart"], "") == plans


def test_an_issue_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(InvalidInput, match="there is no issue nope") as caught:
        deciding.chosen([_here("shop")], (), "nope")
    assert caught.value.hint == "issues: shop/cart-pod-crash"
