"""Which issues are meant by a name, and how plans are shown when several namespaces have the same trouble."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
import typer
from rich.console import Console
from tests.recovery import made
from tests.recovery.made import NOW

from chaoskit import kube
from chaoskit.acts.accounts import Account
from chaoskit.acts.rescue import Rescued
from chaoskit.cli import decisions as deciding
from chaoskit.cli.decisions import Shown
from chaoskit.cli.recoveries import finish
from chaoskit.cli.session import Format, ProgressFormat, Session
from chaoskit.errors import ALARM, Interrupted, InvalidInput, Unavailable
from chaoskit.flows.secondlook import Went
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef
from chaoskit.records import RecoveryRecord, Undo
from chaoskit.recovery import Plan, classify, planner, runbook
from chaoskit.settings import load as load_settings


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


@pytest.mark.parametrize(
    ("signal", "code", "outcome"),
    [(2, 130, "interrupted"), (15, 143, "terminated"), (ALARM, 6, "timed-out")],
)
@pytest.mark.parametrize("form", [Format.TABLE, Format.JSON])
def test_recoveries_whose_turn_did_not_come_are_named_and_never_end_green(
    capsys: pytest.CaptureFixture[str], form: Format, signal: int, code: int, outcome: str
) -> None:
    went = Went(left=(_here("shop"), _here("other")), why=Interrupted(signal=signal))
    assert _finished(went, form) == code
    out = capsys.readouterr().out
    if form is Format.TABLE:
        assert out.count("not begun  pod crash of deployment/cart: ") == 2
        return
    told = json.loads(out)
    assert (told["outcome"], told["exit"]) == (outcome, code)
    assert [each["issue"] for each in told["not_begun"]] == ["shop/cart-pod-crash", "other/cart-pod-crash"]


def test_nobody_is_led_to_a_recovery_that_could_not_be_kept(capsys: pytest.CaptureFixture[str]) -> None:
    first, last = (replace(_record(), id=each, outcome=Outcome.RECOVERED) for each in ("r1", "r2"))
    _finished(Went((first, last)), Format.TABLE, "r2")
    assert "next  chaoskit show r1 --trace" in capsys.readouterr().out
    _finished(Went((last,)), Format.TABLE, "r2")
    assert "next" not in capsys.readouterr().out


def _finished(went: Went, form: Format, *unkept: str) -> int:
    settings = load_settings({}, environment={})
    session = Session(settings, form, ProgressFormat.PLAIN, False, False, True, set(unkept))
    with pytest.raises(typer.Exit) as ended:
        finish(session, went)
    return ended.value.exit_code


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (Unavailable("no answer", service="kubernetes"), "error    no answer"),
        (ValueError("a slip"), "this is a bug in chaoskit: ValueError: a slip"),
    ],
)
def test_what_was_done_before_something_went_wrong_is_told_with_its_code(
    capsys: pytest.CaptureFixture[str], why: Exception, words: str
) -> None:
    went = Went((replace(_record(), outcome=Outcome.UNDO_UNCONFIRMED),), (_here("shop"),), why)
    assert [_finished(went, form) for form in (Format.TABLE, Format.JSON)] == [5, 5]
    told = capsys.readouterr()
    table, _, rest = told.out.partition("{")
    assert table.startswith("undo not confirmed  pod crash of deployment/orders")
    assert f"not begun  pod crash of deployment/cart: {why}" in table
    document = json.loads("{" + rest)
    assert [each["outcome"] for each in document["recoveries"]] == ["undo-not-confirmed"]
    assert document["problem"]["message"] == str(why)
    assert words in told.err


def test_what_a_dead_recovery_left_is_told_with_what_finishes_it(capsys: pytest.CaptureFixture[str]) -> None:
    dead = Rescued(_account(), Undo("not confirmed", ("deployment/cart: not allowed",)))
    went = Went((_record(),), owed=(dead,))
    assert [_finished(went, form) for form in (Format.TABLE, Format.JSON)] == [5, 5]
    table, _, rest = capsys.readouterr().out.partition("{")
    assert table.endswith(
        "undo not confirmed  recovery r1 died, and its undo is not confirmed "
        "(deployment/cart: not allowed): chaoskit rescue  exit 5\nnext  chaoskit rescue\n"
    )
    (owed,) = json.loads("{" + rest)["not_undone"]
    assert (owed["id"], owed["left"]) == ("r1", ["deployment/cart: not allowed"])


def _record() -> RecoveryRecord:
    return RecoveryRecord(
        id="r2", at=NOW, trace_id="t", issue="pod-crash", target="deployment/orders", namespace="shop",
        cluster="c", outcome=Outcome.RECOVERED, reason="it helped", ended_at=NOW,
    )  # fmt: skip


def _account() -> Account:
    lease = ObjectRef(kube.LEASE, "shop", "chaoskit-r1")
    return Account(lease, "r1", "recovery", "active", (made.ref("cart"),), (), "me", "", 30, "t", "1")
