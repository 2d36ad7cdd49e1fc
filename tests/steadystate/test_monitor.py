from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from tests.acts.fake import FakeCluster, deployment

from chaoskit.clock import ManualClock, Stop
from chaoskit.errors import Unavailable
from chaoskit.events import Event, Measured
from chaoskit.ports.http import Response
from chaoskit.ports.metrics import Alert, Sample, Series, Signal
from chaoskit.steadystate.conditions import AlertCondition, Condition, HttpCondition, SignalCondition
from chaoskit.steadystate.monitor import Monitor
from chaoskit.steadystate.readers import Sources, measure

ERRORS = Condition(prometheus=SignalCondition(signal="error_ratio", below=0.05))


class Values:
    """A metrics source that gives one value after the other; None is an outage."""

    def __init__(self, clock: ManualClock, *values: float | None) -> None:
        self.clock = clock
        self.values: Iterator[float | None] = iter(values)
        self.asked: list[Mapping[str, str]] = []

    def instant(
        self, signal: Signal, where: Mapping[str, str] | None = None, *, at: datetime | None = None
    ) -> tuple[Sample, ...]:
        self.asked.append(where or {})
        value = next(self.values)
        if value is None:
            raise Unavailable("Prometheus does not answer", service="Prometheus")
        return (Sample({"pod": "cart-1"}, value, self.clock.now()),)

    def range(self, *_: object, **__: object) -> tuple[Series, ...]:
        return ()

    def alerts(self) -> tuple[Alert, ...]:
        return (Alert("Down", {}, "firing", self.clock.now()),)


class Site:
    def __init__(self, status: int) -> None:
        self.status = status

    def get(self, url: str, *, timeout: float = 5.0, headers: Mapping[str, str] | None = None) -> Response:
        if not self.status:
            raise Unavailable("connection refused", service="http")
        return Response(self.status, "", 0.01)


def monitored(
    *values: float | None, condition: Condition = ERRORS
) -> tuple[Monitor, ManualClock, list[Event]]:
    clock = ManualClock()
    heard: list[Event] = []
    sources = Sources(FakeCluster(), clock, Values(clock, *values))
    return Monitor([condition], "shop", sources, run="r", listen=heard.append), clock, heard


def test_a_continuous_condition_is_looked_at_once_in_its_interval() -> None:
    monitor, clock, _ = monitored(0.01, 0.02, 0.03)
    assert len(monitor.during()) == 1
    assert monitor.during() == ()
    clock.turn(5)
    assert monitor.during()[0].judgement.observed == "0.02 at cart-1"


def test_afterwards_a_condition_has_its_time_to_recover() -> None:
    monitor, clock, _ = monitored(0.9, 0.9, 0.01)
    assert monitor.after()[0].held is True
    assert clock.monotonic() == 10


def test_what_does_not_recover_in_its_time_is_lost() -> None:
    condition = ERRORS.model_copy(update={"recovers_within": 12.0})
    monitor, clock, _ = monitored(*[0.9] * 20, condition=condition)
    assert monitor.after()[0].held is False
    assert 12 <= clock.monotonic() < 18


def test_the_lease_is_kept_while_waiting_for_recovery() -> None:
    monitor, _, _ = monitored(0.9, 0.9, 0.01)
    kept: list[int] = []
    monitor.after(keep=lambda: kept.append(1))
    assert len(kept) == 2


def test_once_stopped_nothing_more_is_waited_for() -> None:
    monitor, clock, _ = monitored(*[0.9] * 20)
    stop = Stop()
    clock.call_at(12, stop.set)
    monitor.after(stop=stop)
    assert clock.monotonic() < 20
    assert monitor.after("after undo", stop=stop) == ()


def test_all_conditions_have_their_time_at_once_and_only_once() -> None:
    clock = ManualClock()
    condition = ERRORS.model_copy(update={"recovers_within": 30.0})
    sources = Sources(FakeCluster(), clock, Values(clock, *[0.9] * 40))
    monitor = Monitor([condition, condition.model_copy(), condition.model_copy()], "shop", sources)
    assert len(monitor.after()) == 3
    assert len(monitor.after("after undo")) == 3
    assert clock.monotonic() == 30


def test_each_look_remembers_whether_an_injection_had_been_seen() -> None:
    monitor, clock, _ = monitored(0.01, 0.9)
    monitor.during(injected=False)
    clock.turn(5)
    monitor.during(injected=True)
    assert [each.injected for each in monitor.seen] == [False, True]


def test_an_outage_of_prometheus_is_no_judgement() -> None:
    monitor, _, heard = monitored(None)
    assert monitor.before()[0].held is None
    assert isinstance(heard[0], Measured)
    assert heard[0].held is None


def test_modes_choose_the_stages() -> None:
    before = ERRORS.model_copy(update={"mode": "before"})
    monitor, _, _ = monitored(0.01, condition=before)
    assert monitor.during() == ()
    assert monitor.after() == ()
    assert len(monitor.before()) == 1


def test_a_signal_is_asked_for_the_workload_that_is_named() -> None:
    clock = ManualClock()
    values = Values(clock, 0.01)
    wanted = SignalCondition(signal="error_ratio", below=1, workload="deployment/cart")
    measure(Condition(prometheus=wanted), "shop", Sources(FakeCluster(), clock, values))
    assert values.asked == [{"namespace": "shop", "workload": "cart", "workload_kind": "deployment"}]


def test_no_answer_at_all_fails_an_http_condition() -> None:
    condition = Condition(http=HttpCondition(url="http://cart"))

    def held(status: int) -> bool | None:
        return measure(condition, "shop", Sources(FakeCluster(), ManualClock(), http=Site(status))).held

    assert (held(200), held(500), held(0)) == (True, False, False)


def test_a_firing_alert_breaks_the_steady_state() -> None:
    clock = ManualClock()
    condition = Condition(alert=AlertCondition(name="Down"))
    assert measure(condition, "shop", Sources(FakeCluster(), clock, Values(clock))).held is False


def test_without_prometheus_a_signal_cannot_be_judged() -> None:
    found = measure(ERRORS, "shop", Sources(FakeCluster(), ManualClock()))
    assert found.held is None
    assert "Prometheus" in found.observed


def test_a_workload_is_found_by_its_bare_name() -> None:
    body = {**deployment(), "status": {"readyReplicas": 3}}
    condition = build_workload("cart")
    assert measure(condition, "shop", Sources(FakeCluster(body), ManualClock())).held is True
    assert measure(build_workload("none"), "shop", Sources(FakeCluster(body), ManualClock())).held is False


def build_workload(name: str) -> Condition:
    return Condition.model_validate({"kubernetes": {"workload": name}})
