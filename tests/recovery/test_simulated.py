"""Recoveries end to end: a simulated cluster that fails, through the adapters that reach real ones."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.recovery.simulated import Scene, ref, scene

from chaoskit import kube, recovery
from chaoskit.acts import halt
from chaoskit.acts.heart import Heart
from chaoskit.acts.ledger import Ledger
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object
from chaoskit.ports.notifier import Notice
from chaoskit.recovery import Plan, Refusal, attempts, runbook
from chaoskit.recovery.replay import what_if
from chaoskit.recovery.symptoms import Symptom
from chaoskit.simulator.effects import Effect
from chaoskit.simulator.traffic.view import Pod

POD_TARGET = 30.0
"""Seconds of cluster time within which recoveries of pods end verified."""


def _leak(pod: Pod) -> Effect:
    assert pod.main is not None
    return Effect("leak", "shop", pod.name, (pod.main.memory_limit or 0) * 0.7 / (15 * 60))


def _hold(pod: Pod) -> Effect:
    assert pod.role is not None
    return Effect("hold-connections", "shop", pod.name, float(pod.role.pool))


def _lose_packets(pod: Pod) -> Effect:
    return Effect("network-loss", "shop", pod.name, 60.0)


def _template(scene_: Scene, name: str) -> Object:
    found: Object = scene_.deployment(name)["spec"]["template"]
    return found


def _settled(scene_: Scene) -> list[str]:
    """The states of the ledgers that recoveries left."""
    ours = [lease for lease in scene_.leases() if "chaoskit.io/act" in kube.labels_of(lease)]
    return [kube.labels_of(lease)["chaoskit.io/state"] for lease in ours]


class _Pager:
    heard = True

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def send(self, notice: Notice) -> None:
        self.notices.append(notice)


def test_a_healthy_shop_gives_nothing_to_do(tmp_path: Path) -> None:
    with scene(tmp_path, history=40) as shop:
        assert shop.issues() == ()


def test_a_crash_loop_from_a_bad_rollout_is_rolled_back_and_verified(tmp_path: Path) -> None:
    with scene(tmp_path, rate=8.0) as shop:
        healthy = _template(shop, "cart")
        shop.roll_out("cart", FAULT="exit=3")
        issue = shop.wait_for("pod-crash", sure=0.95)
        record = shop.recover(shop.decide(issue))

        assert record.outcome is Outcome.RECOVERED, record.reason
        assert record.steps[0]["action"] == "roll-back"
        assert record.seconds_to_recover is not None
        assert record.seconds_to_recover < POD_TARGET
        assert _template(shop, "cart") == healthy
        assert record.undo.state == "none needed"
        assert _settled(shop) == ["done"]
        assert shop.heard[-1] == "recovered: done"
        issues = shop.issues()
        assert not [each for each in issues if each.kind == "pod-crash"]
        echoes = recovery.plan_for(issues, shop.reach)
        assert {each.outcome for each in echoes if isinstance(each, Refusal)} <= {Outcome.NOTHING_TO_DO}
        assert not [each for each in echoes if isinstance(each, Plan)]

        kept = json.loads(json.dumps(record.document()))
        assert "exit=3" not in json.dumps(kept["snapshot"])
        (known,) = attempts([kept])
        assert (known.helped, known.issue) == ("roll-back", "pod-crash")

        again = recovery.replan(kept, shop.reach)
        assert isinstance(again, Refusal)
        assert again.outcome is Outcome.NOTHING_TO_DO

        same = what_if(kept, runbook.defaults())
        assert not same.changed
        assert same.then[0] == "roll-back deployment/cart"
        careful = [book for book in runbook.defaults() if book.spec.matches.issue != "pod-crash"]
        assert what_if(kept, careful).now == ("refused: runbook",)


def test_the_cluster_itself_remembers_that_a_target_rests(tmp_path: Path) -> None:
    with scene(tmp_path) as shop:
        shop.roll_out("cart", FAULT="exit=3")
        issue = shop.wait_for("pod-crash", sure=0.95)
        assert shop.recover(shop.decide(issue)).outcome is Outcome.RECOVERED
        shop.roll_out("cart", FAULT="exit=4")
        decision = shop.decide(shop.wait_for("pod-crash", sure=0.95))
        assert isinstance(decision, Refusal)
        assert decision.guard == "cool-down"
        record = shop.recover(decision)
        assert record.outcome is Outcome.REFUSED
        assert record.reason.startswith("cool-down until ")


def test_what_does_not_help_is_undone_and_a_person_is_told(tmp_path: Path) -> None:
    pager = _Pager()
    with scene(tmp_path) as shop:
        shop.roll_out("cart", FAULT="exit=3")
        shop.wait_for("pod-crash", sure=0.95)
        shop.roll_out("cart", FAULT="exit=4")
        broken = _template(shop, "cart")
        issue = shop.wait_for("pod-crash", sure=0.95)
        decision = shop.decide(issue)
        assert isinstance(decision, Plan)
        assert [rung.action for rung in decision.rungs] == ["roll-back", "restart-pod", "notify"]
        record = shop.recover(decision, notifier=pager)

        assert record.outcome is Outcome.NOT_RECOVERED, record.reason
        assert [step["helped"] for step in record.steps] == [False, False, False]
        assert [step["undone"] for step in record.steps] == [True, False, False]
        assert record.undo.state == "confirmed"
        assert _template(shop, "cart") == broken
        assert _settled(shop) == ["done"]
        assert pager.notices[0].title == "pod-crash of deployment/cart in shop"


def test_a_leak_is_ended_by_a_rolling_restart_and_confirmed_by_memory(tmp_path: Path) -> None:
    with scene(tmp_path, history=40, workload="cart", hurt=_leak, before=9) as shop:
        issue = shop.wait_for("memory-leak", sure=0.5)
        assert "full in" in issue.evidence[0]
        record = shop.recover(shop.decide(issue))
        assert record.outcome is Outcome.RECOVERED, record.reason
        assert record.steps[0]["action"] == "rolling-restart"
        assert "signals are back to normal" in record.steps[0]["detail"]


def test_used_up_connections_are_recycled_and_the_callers_errors_follow_from_them(tmp_path: Path) -> None:
    with scene(tmp_path, history=40, workload="orders", hurt=_hold) as shop:
        issue = shop.wait_for("database-connection")
        assert str(issue.target) == "deployment/orders"
        followers = [each for each in shop.issues() if each.id != issue.id]
        assert {each.root for each in followers} == {issue.id}
        record = shop.recover(shop.decide(issue))
        assert record.outcome is Outcome.RECOVERED, record.reason
        assert record.steps[0]["action"] == "recycle-connections"


def test_a_lossy_network_is_told_from_a_full_pool_and_resolved(tmp_path: Path) -> None:
    with scene(tmp_path, history=40, workload="payments", hurt=_lose_packets) as shop:
        record = shop.recover(shop.decide(shop.wait_for("network")))
        assert record.outcome is Outcome.RECOVERED, record.reason
        assert [(step["action"], step["helped"]) for step in record.steps] == [
            ("remove-network-policy", False),
            ("rolling-restart", True),
        ]


def test_what_healed_by_itself_is_not_touched(tmp_path: Path) -> None:
    with scene(tmp_path) as shop:
        healthy = _template(shop, "cart")
        shop.roll_out("cart", FAULT="exit=3")
        decision = shop.decide(shop.wait_for("pod-crash", sure=0.95))
        shop.cluster.patch(
            ref("cart"), [{"op": "replace", "path": "/spec/template", "value": healthy}], type="json"
        )
        while any(each.kind == "pod-crash" for each in shop.issues()):
            shop.clock.sleep(1)
        record = shop.recover(decision)
        assert record.outcome is Outcome.HEALED, record.reason
        assert record.steps == ()
        assert _settled(shop) == []


def test_a_halt_refuses_a_recovery_before_anything_is_done(tmp_path: Path) -> None:
    with scene(tmp_path) as shop:
        shop.roll_out("cart", FAULT="exit=3")
        decision = shop.decide(shop.wait_for("pod-crash", sure=0.95))
        halt.halt(shop.cluster, shop.clock, ("recovery",), "release night")
        broken = _template(shop, "cart")
        record = shop.recover(decision)
        assert record.outcome is Outcome.REFUSED
        assert "release night" in record.reason
        assert _template(shop, "cart") == broken


def test_no_recovery_repairs_what_chaos_is_testing_unless_it_is_a_drill(tmp_path: Path) -> None:
    with scene(tmp_path) as shop:
        shop.roll_out("cart", FAULT="exit=3")
        decision = shop.decide(shop.wait_for("pod-crash", sure=0.95))
        chaos = Ledger.open(
            shop.cluster,
            shop.clock,
            id="r1",
            act="chaos",
            namespace="shop",
            targets=(ref("cart"),),
            trace_id="t",
        )
        with Heart(shop.cluster, shop.clock) as heart, heart.attending(chaos):
            refused = shop.recover(decision)
            assert refused.outcome is Outcome.REFUSED
            assert refused.reason.startswith("interlock")
            assert shop.recover(decision, drill=True).outcome is Outcome.RECOVERED
        chaos.close(Outcome.PASSED)


def test_a_stop_in_the_middle_undoes_what_was_done(tmp_path: Path) -> None:
    stop = threading.Event()
    with scene(tmp_path) as shop:
        shop.roll_out("cart", FAULT="exit=3")
        decision = shop.decide(shop.wait_for("pod-crash", sure=0.95))
        broken = _template(shop, "cart")

        def press(event: object) -> None:
            if getattr(event, "mark", "") == "done":
                stop.set()

        record = shop.recover(decision, stop=stop, listen=press)
        assert record.outcome is Outcome.INTERRUPTED
        assert record.undo.state == "confirmed"
        assert _template(shop, "cart") == broken
        assert _settled(shop) == ["done"]


@pytest.mark.parametrize("metrics", [True, False])
def test_a_pod_is_recovered_even_where_no_metrics_answer(tmp_path: Path, metrics: bool) -> None:
    with scene(tmp_path) as shop:
        if metrics:
            shop.sim.prometheus.stop()
        shop.roll_out("cart", FAULT="exit=3")
        seen = recovery.observe(shop.cluster, shop.metrics if metrics else None, shop.clock, "shop")
        assert seen.blind
        issue = shop.wait_for("pod-crash", sure=0.95)
        assert shop.recover(shop.decide(issue)).outcome is Outcome.RECOVERED


def _burn(pod: Pod) -> Effect:
    return Effect("cpu", "shop", pod.name, 2.0)


def test_one_more_replica_that_does_not_help_is_taken_back_before_wild_processes_go(tmp_path: Path) -> None:
    with scene(tmp_path, history=40, workload="catalog", hurt=_burn) as shop:
        before = shop.deployment("catalog")["spec"]["replicas"]
        record = shop.recover(shop.decide(shop.wait_for("cpu-saturation")))
        assert record.outcome is Outcome.RECOVERED, record.reason
        assert [(step["action"], step["helped"], step["undone"]) for step in record.steps] == [
            ("scale", False, True),
            ("rolling-restart", True, False),
        ]
        assert record.undo.state == "confirmed"
        assert shop.deployment("catalog")["spec"]["replicas"] == before


def test_signals_that_are_missing_are_no_proof_that_it_did_not_help(tmp_path: Path) -> None:
    with scene(tmp_path, history=40, workload="catalog", hurt=_burn) as shop:
        before = shop.deployment("catalog")["spec"]["replicas"]
        decision = shop.decide(shop.wait_for("cpu-saturation"))

        def goes_away(event: object) -> None:
            if (getattr(event, "name", ""), getattr(event, "mark", "")) == ("scale", "done"):
                shop.sim.prometheus.stop()
                shop.metrics.close()

        pager = _Pager()
        record = shop.recover(decision, confirm=timedelta(seconds=20), listen=goes_away, notifier=pager)
        assert record.outcome is Outcome.ERRORED, record.reason
        assert record.reason.startswith("scale was done and stays: ")
        assert "signals could not be read" in record.reason
        assert [(s["action"], s["helped"], s["undone"]) for s in record.steps] == [("scale", False, False)]
        assert record.undo.state == "none needed"
        assert shop.deployment("catalog")["spec"]["replicas"] == before + 1
        assert len(pager.notices) == 1
        assert set(_settled(shop)) == {"done"}


def test_a_database_that_crashes_is_the_root_of_all_errors_and_recovered_first(tmp_path: Path) -> None:
    with scene(tmp_path, history=40) as shop:
        shop.roll_out("db", FAULT="exit=3")
        issue = shop.wait_for("pod-crash", sure=0.95)
        while "database-down" not in issue.kinds:  # between two crashes it looks up
            issue = shop.wait_for("pod-crash", sure=0.95)
        assert str(issue.target) == "deployment/db"
        assert {each.root for each in shop.issues() if each.id != issue.id} <= {issue.id}
        assert shop.recover(shop.decide(issue)).outcome is Outcome.RECOVERED


def test_a_stop_before_anything_was_done_leaves_nothing(tmp_path: Path) -> None:
    stop = threading.Event()
    with scene(tmp_path) as shop:
        shop.roll_out("cart", FAULT="exit=3")
        decision = shop.decide(shop.wait_for("pod-crash", sure=0.95))
        broken = _template(shop, "cart")
        stop.set()
        record = shop.recover(decision, stop=stop)
        assert (record.outcome, record.steps) == (Outcome.INTERRUPTED, ())
        assert _template(shop, "cart") == broken
        assert set(_settled(shop)) <= {"done"}


def test_a_workload_that_is_gone_by_then_cannot_be_recovered(tmp_path: Path) -> None:
    with scene(tmp_path) as shop:
        shop.roll_out("cart", FAULT="exit=3")
        decision = shop.decide(shop.wait_for("pod-crash", sure=0.95))
        shop.cluster.delete(ref("cart"), propagation="Foreground")
        record = shop.recover(decision)
        assert record.outcome in {Outcome.CANNOT_START, Outcome.NOT_RECOVERED}
        assert record.steps == () or not any(step["helped"] for step in record.steps)


def test_a_halt_in_the_middle_stops_the_ladder_and_undoes(tmp_path: Path) -> None:
    with scene(tmp_path) as shop:
        shop.roll_out("cart", FAULT="exit=3")
        shop.wait_for("pod-crash", sure=0.95)
        shop.roll_out("cart", FAULT="exit=4")
        broken = _template(shop, "cart")
        decision = shop.decide(shop.wait_for("pod-crash", sure=0.95))

        def pull_the_brake(event: object) -> None:
            if getattr(event, "mark", "") == "done" and getattr(event, "name", "") == "roll-back":
                halt.halt(shop.cluster, shop.clock, ("recovery",), "enough")

        record = shop.recover(decision, listen=pull_the_brake)
        assert record.outcome is Outcome.NOT_RECOVERED
        assert "enough" in record.reason
        assert [step["action"] for step in record.steps] == ["roll-back"]
        assert record.undo.state == "confirmed"
        assert _template(shop, "cart") == broken


def test_ready_pods_are_recovered_though_no_signal_can_confirm_it(tmp_path: Path) -> None:
    with scene(tmp_path) as shop:
        shop.roll_out("cart", FAULT="exit=3")
        issue = shop.wait_for("pod-crash", sure=0.95)
        errors = Symptom(
            "errors", issue.target, issue.since, issue.severity, "9% of requests answered with 5xx"
        )
        decision = shop.decide(replace(issue, symptoms=(*issue.symptoms, errors)))
        shop.sim.prometheus.stop()
        shop.metrics.close()  # a kept connection would still be answered
        record = shop.recover(decision, confirm=timedelta(seconds=10))
        assert record.outcome is Outcome.RECOVERED, record.reason
        assert "signals cannot confirm it" in record.reason
