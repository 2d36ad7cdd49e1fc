"""Properties of the guards, whatever was done before: they say no when they must, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.acts.fake import CART, FakeCluster, deployment

from chaoskit import kube
from chaoskit.acts import breaker
from chaoskit.acts.accounts import Account
from chaoskit.acts.halt import Act
from chaoskit.clock import ManualClock
from chaoskit.errors import Refused
from chaoskit.governor import MAINTENANCE, Domain, Governor, Hit, Limits, rules
from chaoskit.ports.cluster import Object, ObjectRef

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NAMES = ("cart", "orders", "search", "payments", "catalog", "db")


def ref(name: str) -> ObjectRef:
    return ObjectRef(kube.DEPLOYMENT, "shop", name)


DOMAIN = Domain.of("namespace shop", map(ref, NAMES), least=2)


@st.composite
def account(draw: st.DrawFn) -> Account:
    """An act on one workload: under way, or ended up to two hours ago."""
    ended = draw(st.none() | st.integers(0, 7200))
    act: Act = draw(st.sampled_from(["chaos", "recovery"]))
    return Account(
        ref=ObjectRef(kube.LEASE, "shop", f"l{draw(st.integers(0, 10**6))}"),
        id="r",
        act=act,
        state="active" if ended is None else "done",
        targets=(ref(draw(st.sampled_from(NAMES))),),
        entries=(),
        holder="",
        renewed="",
        duration=30,
        trace_id="t",
        version="1",
        ended=None if ended is None else NOW - timedelta(seconds=ended),
    )


ACCOUNTS = st.lists(account(), max_size=8)
LIMITS = st.builds(
    Limits,
    domain_percent=st.sampled_from([0, 25, 50, 100]),
    domain_most=st.integers(0, 6),
    domain_window=st.sampled_from([60.0, 600.0, 3600.0]),
)


def said(guard: object, *arguments: object) -> Refused | None:
    try:
        guard(*arguments)  # type: ignore[operator]
    except Refused as error:
        return error
    return None


def within(known: list[Account], limits: Limits, now: datetime) -> Refused | None:
    return said(rules.within_domain, DOMAIN, (CART,), known, now, limits)


@given(ACCOUNTS, LIMITS)
def test_never_more_of_a_failure_domain_is_worked_on_than_is_allowed(
    known: list[Account], limits: Limits
) -> None:
    counted = {
        each.targets[0].name
        for each in known
        if each.ended is None
        or (each.act == "recovery" and (NOW - each.ended).total_seconds() < limits.domain_window)
    } - {"cart"}
    refused = within(known, limits, NOW)
    assert (refused is not None) == (len(counted) + 1 > limits.allowed_in(DOMAIN))


@given(ACCOUNTS, LIMITS)
def test_when_a_guard_names_a_time_it_lets_pass_then_and_not_a_moment_before(
    known: list[Account], limits: Limits
) -> None:
    refused = within(known, limits, NOW)
    if refused is None or not refused.until:
        return
    until = datetime.fromisoformat(refused.until)
    assert until > NOW
    assert within(known, limits, until - timedelta(seconds=1)) is not None
    assert within(known, limits, until) is None


@given(ACCOUNTS, st.integers(1, 5))
def test_a_budget_is_never_exceeded_and_says_when_it_has_room(known: list[Account], budget: int) -> None:
    def ask(now: datetime) -> Refused | None:
        return said(rules.within_budget, "recovery", known, now, budget, 3600.0)

    mine = [each for each in known if each.act == "recovery"]
    counted = sum(e.ended is None or NOW - e.ended < timedelta(hours=1) for e in mine)
    refused = ask(NOW)
    assert (refused is not None) == (counted >= budget)
    if refused is not None and refused.until:
        assert ask(datetime.fromisoformat(refused.until)) is None


@given(ACCOUNTS, st.sampled_from([0.0, 120.0, 3600.0]))
def test_a_target_rests_after_every_act_of_its_kind(known: list[Account], seconds: float) -> None:
    refused = said(rules.cooled_down, "recovery", (CART,), known, NOW, seconds)
    rests = any(
        each.act == "recovery"
        and each.targets == (CART,)
        and each.ended is not None
        and (NOW - each.ended).total_seconds() < seconds
        for each in known
    )
    assert (refused is not None) == rests


@given(ACCOUNTS, st.booleans())
def test_two_never_act_on_one_workload_and_only_a_drill_works_beside_chaos(
    known: list[Account], drill: bool
) -> None:
    active = [each for each in known if each.state == "active"]
    mine = [each for each in active if each.targets == (CART,) and not (drill and each.act == "chaos")]

    def ask() -> None:
        rules.interlocked("recovery", (CART,), active, drill=drill)

    refused = said(ask)
    assert (refused is not None) == bool(mine)
    if refused is not None:
        assert refused.guard == ("busy" if mine[0].act == "recovery" else "interlock")


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 10), st.integers(0, 100))
def test_the_radius_is_never_exceeded(hit: int, total: int, pods: int, percent: int) -> None:
    def ask() -> None:
        rules.within_radius(hit, (Hit("pods of cart", hit, total),), max_pods=pods, max_percent=percent)

    too_many = bool(pods) and hit > pods
    too_much = bool(percent) and total > 0 and hit * 100 > percent * total
    assert (said(ask) is not None) == (too_many or too_much)


# ---------------------------------------------------------------- what people and storms say


def admitted(cluster: FakeCluster, clock: ManualClock, act: Act = "recovery") -> Refused | None:
    def ask() -> None:
        Governor(cluster, clock).admit(act, (CART,), "shop", at_once=1, hits=())

    return said(ask)


def test_an_open_storm_breaker_rests_every_recovery_until_its_time_and_no_chaos() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    Governor(cluster, clock).trip("8 of 9 workloads fail at once", "shop")
    refused = admitted(cluster, clock)
    assert refused is not None
    assert (refused.guard, "8 of 9" in refused.message) == ("storm", True)
    assert refused.until == (clock.now() + timedelta(seconds=600)).isoformat(timespec="seconds")
    assert admitted(cluster, clock, "chaos") is None
    clock.turn(600)
    assert admitted(cluster, clock) is None


def test_a_breaker_opened_again_lasts_longer_and_can_be_closed() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    breaker.trip(cluster, clock, "first", timedelta(minutes=10))
    clock.turn(300)
    breaker.trip(cluster, clock, "again", timedelta(minutes=10))
    clock.turn(301)
    assert admitted(cluster, clock) is not None
    assert breaker.close(cluster)
    assert not breaker.close(cluster)
    assert admitted(cluster, clock) is None


def test_a_breaker_knows_since_when_the_storm_goes_on_until_somebody_sees_it_over() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    governor, began = Governor(cluster, clock), clock.now()
    for _ in range(20):
        governor.trip("8 of 9 workloads fail at once", "shop")
        clock.turn(500)
    governor.calm("shop")  # it is open still: whoever sees the storm again may be right
    assert governor.raging({"shop", "other", ""}) == {"shop": began}
    clock.turn(3600)
    assert governor.raging({"shop"}) == {"shop": began}
    governor.calm("shop")
    governor.calm("other")
    assert governor.raging({"shop"}) == {}
    governor.trip("3 of 3 workloads fail at once", "shop")
    assert governor.raging({"shop"}) == {"shop": clock.now()}
    clock.turn(600 + breaker.REMEMBERED.total_seconds())
    assert governor.raging({"shop"}) == {}


def test_a_breaker_that_somebody_spoilt_knows_of_no_storm() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    opened = breaker.trip(cluster, clock, "why", timedelta(minutes=10))
    cluster.patch(opened.ref, {"metadata": {"annotations": {breaker.SINCE: "long ago"}}})
    assert breaker.raging(cluster, clock.now(), opened.ref.namespace) == {}


@pytest.mark.parametrize("text", ["", "soon"])
def test_a_breaker_whose_time_cannot_be_read_is_open_for_good(text: str) -> None:
    cluster, clock = FakeCluster(), ManualClock()
    opened = breaker.trip(cluster, clock, "why", timedelta(minutes=10))
    cluster.patch(opened.ref, {"metadata": {"annotations": {breaker.UNTIL: text}}})
    clock.turn(10**6)
    assert admitted(cluster, clock) is not None


def _annotated(notes: dict[str, str], **spec: object) -> FakeCluster:
    body: Object = deployment()
    body["metadata"]["annotations"] = notes
    body["spec"].update(spec)
    return FakeCluster(body)


@pytest.mark.parametrize("said_so", ["true", "new disks", "2999-01-01T00:00:00Z"])
def test_what_a_person_works_on_is_left_to_them(said_so: str) -> None:
    clock = ManualClock()
    refused = admitted(_annotated({MAINTENANCE: said_so}), clock)
    assert refused is not None
    assert refused.guard == "maintenance"
    assert admitted(_annotated({MAINTENANCE: "2001-01-01T00:00:00Z"}), clock) is None


def test_a_paused_rollout_is_somebodys_work() -> None:
    refused = admitted(_annotated({}, paused=True), ManualClock())
    assert refused is not None
    assert "paused the rollout" in refused.message


@pytest.mark.parametrize("place", ["shop", "default"])
def test_a_recovery_freeze_is_of_its_namespace_or_of_the_whole_cluster(place: str) -> None:
    notes = {rules.FREEZE_RECOVERY_WINDOWS: "daily"}
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place, "annotations": notes}}
    cluster, clock = FakeCluster(space), ManualClock()
    refused = admitted(cluster, clock)
    assert refused is not None
    assert refused.guard == "freeze"
    assert admitted(cluster, clock, "chaos") is None
