"""What the steady state is read from may take its time: it holds up neither a wanted end nor a verdict.

The slow source answers before the fault, and then not until it is let go: nothing here depends on how long
anything takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from tests.experiments.conftest import Until, World
from tests.experiments.directly import furnish, trial
from tests.experiments.test_native_runs import native

from chaoskit.acts import halt
from chaoskit.clock import Stop
from chaoskit.errors import Unavailable
from chaoskit.events import Event
from chaoskit.experiments import Trial
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster
from chaoskit.ports.http import Response
from chaoskit.ports.metrics import Alert, Sample, Series

SLOW = [
    {
        "name": name, "http": {"url": f"http://{name}", "timeout": "20s"},
        "interval": "1s", "recoversWithin": "2s",
    }
    for name in ("one", "two", "three")
]  # fmt: skip
BROKEN = {
    "name": "broken", "http": {"url": "http://broken"},
    "interval": "1s", "recoversWithin": "1s", "abort": True,
}  # fmt: skip


class Slow:
    """Sites that answer before the fault; from then on only one that is broken, until all are let go."""

    def __init__(self, when_all_wait: Callable[[], None] = lambda: None) -> None:
        self.faulty = threading.Event()
        self.let_go = threading.Event()
        self.in_time = True
        self.asked: set[str] = set()
        self.when_all_wait = when_all_wait

    def get(self, url: str, **_: Any) -> Response:
        if not self.faulty.is_set():
            return Response(200, "", 0.01)
        if url == "http://broken":
            return Response(500, "", 0.01)
        self.asked.add(url)
        if len(self.asked) == len(SLOW):
            self.when_all_wait()
        self.wait()
        raise Unavailable("no answer", service="HTTP")

    def wait(self) -> None:
        """It is let go."""
        self.in_time &= self.let_go.wait(timeout=15)


class Told:
    """Lets the slow sites go when a step is told; does something else at another one."""

    def __init__(self, site: Slow, step: str, *others: Until) -> None:
        self.each = (Until("injected", site.faulty.set), *others, Until(step, site.let_go.set))

    def __call__(self, event: Event) -> None:
        for one in self.each:
            one(event)


class SlowMetrics:
    """Prometheus that the fault cuts off: asked for what was, it is as slow as the site."""

    def __init__(self, site: Slow) -> None:
        self.site = site

    def instant(self, *_: object, **__: object) -> tuple[Sample, ...]:
        return ()

    def range(self, *_: object, **__: object) -> tuple[Series, ...]:
        self.site.when_all_wait()
        self.site.wait()
        raise Unavailable("no answer", service="Prometheus")

    def alerts(self) -> tuple[Alert, ...]:
        return ()


class SlowLogs:
    """A cluster whose logs are as slow as the site, and which is quick otherwise."""

    def __init__(self, cluster: Cluster, site: Slow) -> None:
        self.cluster = cluster
        self.site = site

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cluster, name)

    def logs(self, *_: object, **__: object) -> str:
        self.site.when_all_wait()
        self.site.wait()
        return "the last words"


def directly(world: World, namespace: str, *conditions: Any) -> Trial:
    furnish(world, namespace)
    spec = {"duration": "10m", "steadyState": conditions, "parameters": {"replicas": 1}}
    return trial(namespace, "scale-down", **spec)


def test_a_halt_is_heard_while_three_urls_are_dead(world: World) -> None:
    site = Slow()

    def put() -> None:
        halt.halt(world.cluster, world.clock, ["chaos"], "incident")

    try:
        made = directly(world, "slow-halt", *SLOW)
        record = world.run(made, http=site, listen=Told(site, "undo", Until("injected", put)))
    finally:
        halt.resume(world.cluster, ["chaos"])
    assert site.in_time
    assert "errored: chaos is halted in this cluster" in record.reason
    assert record.undo.state == "confirmed"


def test_a_stop_is_heard_while_three_urls_are_dead(world: World) -> None:
    stop = Stop()
    stop.signal = 15
    site = Slow(stop.set)
    told = Told(site, "undo")
    record = world.run(directly(world, "slow-stop", *SLOW), http=site, listen=told, stop=stop)
    assert site.in_time
    assert (record.outcome, record.undo.state) == (Outcome.TERMINATED, "confirmed")


def test_a_condition_that_aborts_is_heard_while_the_others_are_slow(world: World) -> None:
    site = Slow()
    record = world.run(directly(world, "slow-abort", *SLOW, BROKEN), http=site, listen=Told(site, "undo"))
    assert site.in_time
    assert record.outcome is Outcome.WEAKNESS_FOUND, record.reason
    assert "broken status 500" in record.reason
    assert "aborting" in [each.name for each in record.timeline]


def test_a_halt_is_heard_while_prometheus_is_cut_off(world: World) -> None:
    def put() -> None:
        halt.halt(world.cluster, world.clock, ["chaos"], "incident")

    site = Slow(put)
    furnish(world, "slow-prometheus")
    made = trial("slow-prometheus", "network-partition", duration="10m")
    try:
        record = world.run(made, metrics=SlowMetrics(site), listen=Told(site, "undo"))
    finally:
        halt.resume(world.cluster, ["chaos"])
    assert site.in_time
    assert "chaos is halted in this cluster" in record.reason
    assert record.undo.state == "confirmed"


@pytest.mark.parametrize("direct", [True, False])
def test_a_stop_is_heard_while_logs_are_read(world: World, *, direct: bool) -> None:
    stop = Stop()
    stop.signal = 15
    site = Slow(stop.set)
    slow = World(cast("Cluster", SlowLogs(world.cluster, site)), world.clock)
    namespace = f"slow-logs-{'direct' if direct else 'litmus'}"
    made = directly(world, namespace) if direct else native(world, namespace, duration="5m")
    record = slow.run(made, listen=Told(site, "undo"), stop=stop)
    assert site.in_time
    assert (record.outcome, record.undo.state) == (Outcome.TERMINATED, "confirmed")


def test_a_prometheus_that_does_not_answer_shows_no_effect(world: World) -> None:
    """Its time is over, nothing was seen: that proves nothing, and why it was not seen is told."""
    site = Slow()
    site.let_go.set()
    furnish(world, "slow-dark")
    made = trial("slow-dark", "network-partition", duration="1s")
    record = world.run(made, metrics=SlowMetrics(site))
    assert record.outcome is Outcome.ERRORED
    assert "no effect of it was seen" in record.reason
    warned = [each.detail for each in record.timeline if "cannot be looked for" in each.detail]
    assert warned == ["its effect cannot be looked for: no answer"]


def test_the_verdict_is_told_while_looks_are_under_way_and_they_count_when_they_are_back(
    world: World,
) -> None:
    site = Slow()
    made = native(world, "slow-verdict", steadyState=SLOW)
    record = world.run(made, http=site, listen=Told(site, "litmus"))
    assert site.in_time
    assert record.litmus["verdicts"] == {"pod-delete": "Pass"}
    assert record.outcome is Outcome.WEAKNESS_FOUND, record.reason
    during = [each for each in record.steady_state if each["stage"] == "during" and each["injected"]]
    assert sorted(each["condition"] for each in during if each["held"] is False) == ["one", "three", "two"]


@pytest.mark.parametrize("direct", [True, False])
def test_a_look_that_never_comes_back_is_said_to_be_missing(world: World, *, direct: bool) -> None:
    """A stop ends the run at once, looks under way or not: what they would have said is not known."""
    stop = Stop()
    site = Slow(stop.set)
    namespace = f"slow-missing-{'direct' if direct else 'litmus'}"
    make = directly(world, namespace, *SLOW) if direct else native(world, namespace, steadyState=SLOW)
    record = world.run(make, http=site, listen=Told(site, "never"), stop=stop)
    site.let_go.set()
    assert record.outcome is Outcome.INTERRUPTED
    missing = [each for each in record.steady_state if each["observed"] == "no answer yet when the run ended"]
    assert {each["condition"] for each in missing} >= {"one", "two", "three"}
    assert {each["held"] for each in missing} == {None}
