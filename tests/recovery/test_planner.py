"""Plans: which rungs in which order on which targets, and every guard that says no."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recovery import made
from tests.recovery.made import NOW, symptom

from chaoskit.governor import Hit
from chaoskit.outcome import Outcome
from chaoskit.recovery import (
    Attempt,
    Past,
    Plan,
    Refusal,
    Vote,
    classify,
    nodesymptoms,
    planner,
    podsymptoms,
    runbook,
    storms,
)
from chaoskit.recovery.kills import IGNORED
from chaoskit.recovery.planner import Decision
from chaoskit.recovery.remedies import Radius
from chaoskit.recovery.symptoms import Symptom
from chaoskit.topology import Topology

BOOKS = runbook.defaults()


def _bad_rollout(**deployment: Any) -> Topology:
    return made.topology(
        made.crashing("new", of="cart-h8", age=100),
        made.pod("old", of="cart-h7"),
        deployments=(made.deployment("cart", revision=8, **deployment),),
        replica_sets=(made.replica_set("cart", 7, ready=1, age=9e4), made.replica_set("cart", 8, age=100)),
    )


def _plan(seen: Topology, *symptoms: Symptom, history: tuple[Attempt, ...] = ()) -> Decision:
    found = symptoms or podsymptoms.detect(seen, IGNORED, now=NOW)
    issue = classify(found, topology=seen, now=NOW)[0]
    return planner.plan(issue, BOOKS, seen, Past(history, history), now=NOW)


def _rungs(decision: Decision) -> list[tuple[str, list[str]]]:
    assert isinstance(decision, Plan), decision
    return [(rung.action, [str(target) for target in rung.targets]) for rung in decision.rungs]


def _refused(decision: Decision) -> Refusal:
    assert isinstance(decision, Refusal), decision
    return decision


def _attempt(minutes_ago: float) -> Attempt:
    """A pod crash of the cart that a roll back recovered in 21 seconds."""
    at = NOW - timedelta(minutes=minutes_ago)
    done = ("roll-back",)
    return Attempt(
        "shop",
        "deployment/cart",
        "pod-crash",
        Outcome.RECOVERED,
        at,
        at,
        done,
        "roll-back",
        helped_in=21.0,
        tried=done,
    )


def test_a_bad_rollout_is_rolled_back_before_anything_else() -> None:
    decision = _plan(_bad_rollout())
    assert [action for action, _ in _rungs(decision)] == ["roll-back", "restart-pod", "notify"]
    assert isinstance(decision, Plan)
    assert decision.rungs[0].why == "back to revision 7, 1 of its pods still serve"
    assert decision.rungs[1].pods == ("new",)


def test_a_lone_crash_is_replaced_and_not_rolled_back() -> None:
    decision = _plan(made.topology(made.crashing("a"), made.pod("b")))
    assert [action for action, _ in _rungs(decision)] == ["restart-pod", "notify"]
    assert isinstance(decision, Plan)
    assert decision.left_out[0] == "roll-back: only for bad-rollout"


@pytest.mark.parametrize(
    ("mark", "keeper"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/cart"}}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, "Flux"),
    ],
)
def test_a_template_that_git_keeps_is_not_rolled_back(mark: dict[str, Any], keeper: str) -> None:
    seen = _bad_rollout()
    body = seen.workload_bodies[0][1]
    for key, value in mark.items():
        body["metadata"][key] = {**body["metadata"].get(key, {}), **value}
    decision = _plan(seen)
    assert isinstance(decision, Plan)
    assert decision.rungs[0].action == "restart-pod"
    assert decision.left_out[0].startswith(f"roll-back: {keeper} keeps spec.template")


def test_only_serving_pods_count_as_hit() -> None:
    decision = _plan(made.topology(made.crashing("a"), made.pod("b"), made.pod("c")))
    assert isinstance(decision, Plan)
    assert decision.radius == Radius(0, (Hit("pods of deployment/cart in shop", 0, 3),))


def test_connections_are_recycled_at_the_client_whose_pool_is_empty() -> None:
    seen = made.chain("orders", "db")
    assert _rungs(_plan(seen, symptom("pool-exhausted", "orders")))[0] == (
        "recycle-connections",
        ["deployment/orders"],
    )


def test_a_full_database_gets_its_connections_back_from_all_its_clients() -> None:
    bodies = [made.deployment(name, env={"DB": "postgres://db:5432/x"}) for name in ("cart", "orders")]
    seen = made.topology(made.pod("db-h1-a", of="db-h1"), deployments=(*bodies, made.deployment("db")))
    found = _rungs(_plan(seen, symptom("database-full", "db")))
    assert found[0] == ("recycle-connections", ["deployment/cart", "deployment/orders"])


def test_a_database_that_is_down_gets_its_own_pods_replaced() -> None:
    seen = made.topology(made.crashing("db-h1-a", of="db-h1"), deployments=(made.deployment("db"),))
    found = _rungs(_plan(seen, symptom("database-down", "db")))
    assert found[0] == ("restart-pod", ["deployment/db"])


@pytest.mark.parametrize(
    ("by", "actions"),
    [("kubectl", ["notify"]), ("chaoskit", ["scale", "notify"]), ("experiments", ["scale", "notify"])],
)
def test_a_database_that_a_person_scaled_to_nothing_is_left_to_them(by: str, actions: list[str]) -> None:
    caller = made.deployment("cart", env={"DB": "postgres://db:5432/x"})
    nothing = made.deployment("db", replicas=0, managedFields=made.set_by(by, "replicas"))
    seen = made.topology(made.pod("a"), deployments=(caller, nothing))
    decision = _plan(seen, symptom("database-down", "db"))
    assert [action for action, _ in _rungs(decision)] == actions
    assert isinstance(decision, Plan)
    left = "scale: kubectl scaled it to 0: what people did stays"
    assert (left in decision.left_out) is (by == "kubectl")


def test_a_node_that_somebody_cordoned_by_hand_is_left_to_them() -> None:
    stuck = made.pod("a", ready=False, phase="Pending", node="")
    stuck["status"]["conditions"] = [
        {
            "type": "PodScheduled",
            "status": "False",
            "lastTransitionTime": made.ago(60),
            "message": "none fits",
        }
    ]
    for labels, actions in (({}, ["notify"]), ({"chaoskit.io/run": "r1"}, ["uncordon", "notify"])):
        seen = made.topology(stuck, nodes=(made.node("node-1", cordoned=True, labels=labels),))
        found = (*podsymptoms.detect(seen, IGNORED, now=NOW), *nodesymptoms.detect(seen, now=NOW))
        issues = classify(found, topology=seen, now=NOW)
        (issue,) = (each for each in issues if each.kind == "node")
        assert [action for action, _ in _rungs(planner.plan(issue, BOOKS, seen, now=NOW))] == actions


def test_an_effect_is_not_acted_on_and_is_no_refusal_either() -> None:
    seen = made.chain("frontend", "cart")
    issues = classify((symptom("errors", "frontend"), symptom("crash-loop", "cart")), topology=seen, now=NOW)
    refused = _refused(planner.plan(issues[1], BOOKS, seen, now=NOW))
    assert refused.why == "follows from cart-pod-crash, not acted on"
    assert refused.outcome is Outcome.NOTHING_TO_DO


@pytest.mark.parametrize("kind", ["errors", "cut-off", "edge-gap", "pool-errors"])
def test_what_is_read_from_rates_is_an_echo_just_after_the_recovery(kind: str) -> None:
    seen = made.chain("frontend", "cart")
    refused = _refused(_plan(seen, symptom(kind, "frontend"), history=(_attempt(2),)))
    assert refused.why == "deployment/cart was recovered 2 min ago: this may be its echo"


def test_errors_of_callers_are_an_echo_just_after_the_recovery_of_what_they_call() -> None:
    seen = made.chain("frontend", "cart")
    refused = _refused(_plan(seen, symptom("errors", "frontend"), history=(_attempt(2),)))
    assert refused.why == "deployment/cart was recovered 2 min ago: this may be its echo"
    assert refused.outcome is Outcome.NOTHING_TO_DO
    assert isinstance(_plan(seen, symptom("errors", "frontend"), history=(_attempt(4),)), Plan)
    assert isinstance(_plan(seen, symptom("crash-loop", "frontend"), history=(_attempt(2),)), Plan)


@pytest.mark.parametrize(
    ("recovered", "kind", "acted"),
    [
        pytest.param("cart", "pool-errors", False, id="what it needs"),
        pytest.param("search", "pool-errors", True, id="somebody else"),
        pytest.param("cart", "crash-loop", True, id="a trouble of its own"),
    ],
)
def test_who_needs_what_is_being_recovered_shows_its_echo_meanwhile(
    recovered: str, kind: str, acted: bool
) -> None:
    seen = made.chain("frontend", "cart")
    (issue,) = classify([symptom(kind, "frontend")], topology=seen, now=NOW)
    past = Past(under_way=(made.ref(recovered),))
    decision = planner.plan(issue, BOOKS, seen, past, now=NOW)
    assert isinstance(decision, Plan) is acted
    if not acted:
        refused = _refused(decision)
        assert (refused.guard, refused.outcome) == ("root cause", Outcome.NOTHING_TO_DO)
        assert refused.why == f"deployment/{recovered} is being recovered: this may be its echo"


def test_errors_wait_for_a_minute_for_what_explains_them() -> None:
    seen = made.chain("frontend", "cart")
    early = _refused(_plan(seen, symptom("errors", "frontend", since=59)))
    assert (early.guard, early.limit, early.outcome) == ("evidence", "1m", Outcome.NOTHING_TO_DO)
    assert early.until == NOW + timedelta(seconds=1)
    assert _rungs(_plan(seen, symptom("errors", "frontend", since=60))) == [
        ("notify", ["deployment/frontend"])
    ]
    told = replace(symptom("errors", "frontend", since=30), heard=NOW)
    assert isinstance(_plan(seen, told), Plan)


def test_what_is_not_certain_is_watched_until_the_model_agrees() -> None:
    seen = made.topology(made.pod("a"), made.pod("b"))
    alone = _refused(_plan(seen, symptom("memory-rising")))
    assert (alone.guard, alone.limit, alone.outcome) == ("confidence", "50% certain", Outcome.NOTHING_TO_DO)
    vote = Vote("shop", "deployment/cart", "memory-leak", 0.9)
    (issue,) = classify([symptom("memory-rising")], [vote], topology=seen, now=NOW)
    assert isinstance(planner.plan(issue, BOOKS, seen, now=NOW), Plan)


def test_evidence_expires() -> None:
    seen = _bad_rollout()
    issue = classify(podsymptoms.detect(seen, IGNORED, now=NOW), topology=seen, now=NOW)[0]
    later = NOW + timedelta(seconds=301)
    assert _refused(planner.plan(issue, BOOKS, seen, now=later)).guard == "evidence"


def test_a_target_rests_after_a_recovery_and_the_refusal_says_until_when() -> None:
    refused = _refused(_plan(_bad_rollout(), history=(_attempt(1),)))
    assert (refused.guard, refused.limit) == ("cool-down", "2m")
    assert refused.until == NOW + timedelta(minutes=1)


def test_what_the_cluster_remembers_counts_even_without_its_class() -> None:
    lease = replace(_attempt(1), issue="", actions=(), helped="")
    assert _refused(_plan(_bad_rollout(), history=(lease,))).guard == "cool-down"


def test_a_recovery_of_another_target_does_not_count() -> None:
    other = replace(_attempt(1), target="deployment/orders")
    assert isinstance(_plan(_bad_rollout(), history=(other,)), Plan)


def test_a_recovery_that_did_nothing_does_not_count() -> None:
    healed = replace(_attempt(1), actions=("notify",), helped="")
    assert isinstance(_plan(_bad_rollout(), history=(healed,)), Plan)


def test_attempts_per_hour_are_limited() -> None:
    history = tuple(_attempt(minutes) for minutes in (50, 40, 30, 20))
    refused = _refused(_plan(_bad_rollout(), history=history))
    assert (refused.guard, refused.limit) == ("attempts", "4 per hour")
    assert refused.until == NOW + timedelta(minutes=10)


@pytest.mark.parametrize("kinds", [["cut-off"], ["cut-off", "network-cut"]])
def test_pods_that_a_policy_cuts_off_are_not_replaced_for_it(kinds: list[str]) -> None:
    decision = _plan(made.topology(made.pod("a"), made.pod("b")), *map(symptom, kinds))
    assert isinstance(decision, Plan)
    restarts = "rolling-restart" in [rung.action for rung in decision.rungs]
    assert restarts is ("network-cut" not in kinds)
    assert (
        any(left.startswith("rolling-restart: a network policy") for left in decision.left_out)
        is not restarts
    )


def test_a_policy_keeps_nobody_from_the_restart_that_something_else_needs() -> None:
    decision = _plan(
        made.topology(made.pod("a"), made.pod("b")), *map(symptom, ["oom-killed", "network-cut"])
    )
    assert _rungs(decision)[0][0] == "rolling-restart"


def test_the_same_fix_again_and_again_is_left_out() -> None:
    history = tuple(_attempt(minutes) for minutes in (300, 200, 100))
    decision = _plan(_bad_rollout(), history=history)
    assert isinstance(decision, Plan)
    assert [rung.action for rung in decision.rungs] == ["restart-pod", "notify"]
    assert decision.left_out[0] == "roll-back: was done 3 times here in 6 h: it does not last"


def test_a_rung_tells_how_it_has_done_before() -> None:
    elsewhere = replace(_attempt(90), target="deployment/x")
    decision = _plan(_bad_rollout(), history=(elsewhere, replace(elsewhere, helped="", helped_in=None)))
    assert isinstance(decision, Plan)
    assert decision.rungs[0].why.endswith("; 1 of 2 such recoveries worked, median 21 s")


def test_a_mass_failure_is_refused_as_a_whole() -> None:
    names = [f"w{i}" for i in range(8)]
    seen = made.topology(deployments=[made.deployment(name) for name in names])
    few = classify([symptom("crash-loop", name) for name in names[:3]], now=NOW)
    many = classify([symptom("crash-loop", name) for name in names[:4]], now=NOW)
    assert all(isinstance(d, Plan) for d in planner.plan_all(few, BOOKS, seen, now=NOW))
    assert {_refused(d).guard for d in planner.plan_all(many, BOOKS, seen, now=NOW)} == {"storm"}


@pytest.mark.parametrize(
    ("minutes", "namespace", "places"),
    [(5, "shop", {"shop"}), (5, "", {""}), (43200, "shop", set()), (43200, "", set())],
)
def test_ten_that_began_to_fail_of_late_are_a_storm_where_was_looked_and_old_ones_are_none(
    minutes: float, namespace: str, places: set[str]
) -> None:
    seen = made.topology(deployments=[made.deployment(f"w{i}") for i in range(25)])
    since = NOW - timedelta(minutes=minutes)
    found = classify([replace(symptom("image-pull", f"w{i}"), since=since) for i in range(10)], now=NOW)
    decided = planner.plan_all(found, BOOKS, seen, now=NOW, namespace=namespace)
    assert {each.storm for each in decided if isinstance(each, Refusal)} == places
    assert all(isinstance(each, Plan) for each in decided) == (not places)


@pytest.mark.parametrize(("old", "new", "rests"), [(5, 1, False), (5, 3, True), (3, 3, False), (0, 5, True)])
def test_what_failed_long_ago_neither_makes_a_share_of_a_namespace_nor_hides_one(
    old: int, new: int, rests: bool
) -> None:
    names = [f"w{i}" for i in range(10)]
    seen = made.topology(deployments=[made.deployment(name) for name in names])
    hours = timedelta(hours=2)
    ill = [replace(symptom("image-pull", name), since=NOW - hours) for name in names[:old]]
    ill += [symptom("image-pull", name) for name in names[old : old + new]]
    decided = planner.plan_all(classify(ill, now=NOW), BOOKS, seen, now=NOW, namespace="shop")
    assert all(isinstance(each, Refusal) and each.guard == "storm" for each in decided) == rests
    assert all(isinstance(each, Plan) for each in decided) == (not rests)


@pytest.mark.parametrize(("ill", "rests"), [(10, True), (5, True), (4, False)])
def test_a_mass_failure_lasts_until_its_members_are_well_however_old_they_grow(ill: int, rests: bool) -> None:
    names = [f"w{i}" for i in range(10)]
    seen = made.topology(deployments=[made.deployment(name) for name in names])
    began = NOW - timedelta(hours=5)
    found = classify([replace(symptom("image-pull", name), since=began) for name in names[:ill]], now=NOW)
    for raging in ({"shop": began + timedelta(minutes=1)}, {}):
        decided = planner.plan_all(found, BOOKS, seen, now=NOW, namespace="shop", raging=raging)
        stormy = all(isinstance(each, Refusal) and each.guard == "storm" for each in decided)
        assert stormy == (rests and bool(raging))


def test_what_had_failed_for_weeks_when_a_mass_failure_began_is_no_part_of_it() -> None:
    names = [f"w{i}" for i in range(10)]
    seen = made.topology(deployments=[made.deployment(name) for name in names])
    weeks = NOW - timedelta(weeks=2)
    found = classify([replace(symptom("image-pull", name), since=weeks) for name in names], now=NOW)
    raging = {"shop": NOW - timedelta(hours=5)}
    decided = planner.plan_all(found, BOOKS, seen, now=NOW, namespace="shop", raging=raging)
    assert all(isinstance(each, Plan) for each in decided)


@pytest.mark.parametrize(("ill", "rests"), [(10, True), (5, True), (4, False)])
def test_so_many_that_fail_by_number_are_one_until_half_of_them_are_well(ill: int, rests: bool) -> None:
    seen = made.topology(deployments=[made.deployment(f"w{i}") for i in range(50)])
    began = NOW - timedelta(hours=1)
    found = classify([replace(symptom("image-pull", f"w{i}"), since=began) for i in range(ill)], now=NOW)
    raging = {"shop": began + timedelta(minutes=5)}
    decided = planner.plan_all(found, BOOKS, seen, now=NOW, namespace="shop", raging=raging)
    assert all(isinstance(each, Refusal) for each in decided) == rests


def test_pods_that_have_been_unready_for_long_gather_no_storm() -> None:
    names = [f"w{i}" for i in range(6)]
    pods = [made.pod(f"{n}-h1-a", of=f"{n}-h1", ready=False, age=9000, unready_for=9000) for n in names[:4]]
    seen = made.topology(*pods, deployments=[made.deployment(name) for name in names])
    mine = seen.workloads["shop", f"deployment/{names[5]}"].ref
    found = classify([replace(symptom("crash-loop"), target=mine)], now=NOW)
    assert storms.gathering(found, seen, now=NOW, namespace="shop") == ""
    fresh = [made.pod(f"{n}-h1-b", of=f"{n}-h1", ready=False, unready_for=30) for n in names[:4]]
    seen = made.topology(*fresh, deployments=[made.deployment(name) for name in names])
    assert "5 of 6 workloads have pods in trouble" in storms.gathering(found, seen, now=NOW, namespace="shop")


@given(st.lists(st.floats(min_value=0, max_value=180), max_size=12))
def test_no_history_lets_a_target_be_acted_on_within_its_cool_down_or_too_often(ages: list[float]) -> None:
    history = tuple(_attempt(age) for age in ages)
    guards = next(b for b in BOOKS if b.name == "pod-crash-recovery").spec.guards
    resting = any(age * 60 < guards.cooldown for age in ages)
    often = sum(age < 60 for age in ages) >= guards.max_attempts_per_hour
    assert isinstance(_plan(_bad_rollout(), history=history), Refusal) == (resting or often)


@pytest.mark.parametrize(
    ("kind", "first", "why"),
    [
        ("cpu-saturated", "scale", "2 to 3 replicas"),
        ("memory-growth", "rolling-restart", "replaces its pods a few at a time"),
        ("edge-gap", "remove-network-policy", "removes what an ended experiment left behind, if anything"),
        ("unschedulable", "notify", "a person decides"),
    ],
)
def test_each_class_begins_with_its_first_remediation(kind: str, first: str, why: str) -> None:
    decision = _plan(made.topology(made.pod("a"), made.pod("b")), symptom(kind))
    assert isinstance(decision, Plan)
    assert (decision.rungs[0].action, decision.rungs[0].why) == (first, why)


def _own(issue: str, **step: Any) -> tuple[runbook.Runbook, ...]:
    return (
        runbook.Runbook.model_validate(
            {
                "apiVersion": "chaoskit.io/v1",
                "kind": "Runbook",
                "metadata": {"name": "own"},
                "spec": {"matches": {"issue": issue, "minConfidence": 0.1}, "remediations": [step]},
            }
        ),
    )


def _own_plan(seen: Topology, found: Symptom, **step: Any) -> Decision:
    (issue,) = classify([found], topology=seen, now=NOW)
    return planner.plan(issue, _own(issue.kind, **step), seen, now=NOW)


def test_a_dependency_is_the_database_that_the_workload_calls() -> None:
    bodies = [made.deployment("orders", env={"DB": "postgres://db:5432/x"}), made.deployment("db")]
    decision = _own_plan(
        made.topology(deployments=bodies), symptom("pool-errors", "orders"), action="restart-dependency"
    )
    assert _rungs(decision) == [("restart-dependency", ["deployment/db"])]


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({"action": "restart-dependency"}, "no database is known that it calls"),
        ({"action": "scale", "max": 2}, "2 replicas is the limit already"),
        ({"action": "raise-memory-limit"}, "it has no memory limit"),
        ({"action": "roll-back"}, "no earlier revision is left"),
        ({"action": "uncordon"}, "it is no node"),
        ({"action": "restart-pod"}, "no pod has the symptom"),
        ({"action": "notify", "when": ["disk-full"]}, "only for disk-full"),
    ],
)
def test_a_ladder_without_a_rung_that_applies_is_refused_with_the_reason(
    step: dict[str, Any], why: str
) -> None:
    decision = _own_plan(made.topology(made.pod("a"), made.pod("b")), symptom("crash-loop"), **step)
    assert why in _refused(decision).why


def test_a_memory_limit_is_raised_up_to_the_cap() -> None:
    body = made.deployment("cart")
    body["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"memory": "256Mi"}}
    seen = made.topology(made.pod("a"), deployments=(body,))
    step = {"action": "raise-memory-limit", "factor": 2, "cap": "1Gi"}
    decision = _own_plan(seen, symptom("oom-killed"), **step)
    assert isinstance(decision, Plan)
    assert decision.rungs[0].why == "memory limit cart 256Mi to 512Mi"
    assert "at the cap" in _refused(_own_plan(seen, symptom("oom-killed"), **{**step, "cap": "256Mi"})).why


def test_nobody_is_restarted_for_a_database_that_nobody_is_known_to_call() -> None:
    seen = made.topology(deployments=(made.deployment("db"),))
    decision = _plan(seen, symptom("database-full", "db"))
    assert isinstance(decision, Plan)
    assert "recycle-connections: nobody is known to call this database" in decision.left_out


@pytest.mark.parametrize(
    ("ready", "words"), [(2, "2 of its pods still serve"), (0, "nothing shows any more")]
)
def test_a_roll_back_says_of_its_revision_no_more_than_is_known(ready: int, words: str) -> None:
    (issue,) = classify([symptom("bad-rollout")], now=NOW)
    sets = [made.replica_set("cart", 1, ready=ready), made.replica_set("cart", 2)]
    seen = made.topology(
        made.crashing("cart-0", of="cart-h2"),
        deployments=[made.deployment("cart", revision=2)],
        replica_sets=sets,
    )
    found = planner.plan(issue, runbook.defaults(), seen, now=NOW)
    assert isinstance(found, Plan)
    rung = next(each for each in found.rungs if each.action == "roll-back")
    assert rung.why.startswith("back to revision 1, ")
    assert words in rung.why
