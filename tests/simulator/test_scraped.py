"""A real Prometheus that scrapes the simulator at real pace gets the signals that it records itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from tests.servers import PrometheusServer, until
from tests.simulator.instant import DISTURBED, LACKING

from chaoskit.adapters.prometheus import PrometheusMetrics
from chaoskit.clock import WallClock
from chaoskit.ports.metrics import Signal
from chaoskit.signals import CATALOGUE
from chaoskit.signals.promql import windows
from chaoskit.signals.rules import groups
from chaoskit.simulator.cluster import SimulatedCluster
from chaoskit.simulator.effects import Effect

SIGNALS = [signal for signal in CATALOGUE if signal.name not in LACKING]
KEYS = {
    "pod": ("namespace", "pod"),
    "workload": ("namespace", "workload"),
    "edge": ("namespace", "source", "workload"),
    "node": ("node",),
}
WINDOW = 45
"""Seconds that rates look back on here: four samples of the simulator's own, with which they are compared.

The shipped rules look back on one or two minutes, so that they hold four scrapes of an application that is
scraped each 30 s. Scraped each second, 45 s hold ten times as many, and fill sooner.
"""
HISTORY = timedelta(minutes=5, seconds=10)
"""After it a step comes just when the window is full: 50 s later, and each 15 s."""
STEPS = 6
"""Of the simulator's own samples: two that follow each other must agree."""
LATER = 4
"""Seconds after a step until it is surely scraped, and the rules have seen that: one each, and the page's."""
FILLED = WINDOW - LATER + 3
"""Seconds of scraping after which the window of a step is full."""


def values(metrics: PrometheusMetrics, signal: Signal, at: datetime) -> dict[tuple[str, ...], float]:
    """Every series of a signal, in the whole cluster."""
    found = metrics.instant(signal, at=at)
    return {tuple(sample.labels[key] for key in KEYS[signal.scope]): sample.value for sample in found}


def far(own: PrometheusMetrics, real: PrometheusMetrics, at: datetime) -> list[str]:
    """What is missing on one side, or differs."""
    found = []
    for signal in SIGNALS:
        ours, theirs = values(own, signal, at), values(real, signal, at)
        if not ours:
            found.append(f"{signal.name}: nothing")
        scale = max(map(abs, ours.values()), default=0.0)
        floor = 0.03 * scale + (0.01 if signal.unit == "1/s" else 1e-4)
        for key in ours.keys() | theirs.keys():
            here, there = ours.get(key), theirs.get(key)
            if here is None or there is None or there != pytest.approx(here, rel=0.12, abs=floor):
                found.append(f"{signal.name} of {'/'.join(key)}: {here} here, {there} there")
    return found


def passed(simulated: SimulatedCluster, at: float) -> bool:
    return simulated.engine.now() > at


def disturb(simulated: SimulatedCluster) -> None:
    """Something is wrong with all pods of some workloads: the median of a part would be either's."""
    for app, kind, amount in DISTURBED:
        for pod in simulated.api.list("Pod", "shop", f"app={app}"):
            simulated.effects.start(Effect(kind, "shop", pod["metadata"]["name"], amount))


def shortened() -> str:
    """The shipped rules, evaluated each second over `WINDOW`; `windows` tells that no range was missed."""
    rules = [{**group, "interval": "1s"} for group in groups(SIGNALS)["groups"]]
    text = re.sub(r"\[[12]m\]", f"[{WINDOW}s]", json.dumps({"groups": rules}))
    assert set(windows(text)) == {WINDOW, 300}  # an increase over five minutes stays one
    return text


@pytest.mark.real
@pytest.mark.timeout(300)
def test_every_signal_is_what_a_real_one_makes_of_its_scrapes_while_something_is_wrong(
    real_prometheus: Callable[..., PrometheusServer],
) -> None:
    with SimulatedCluster(rate=1.0, history=HISTORY) as simulated:
        disturb(simulated)
        target = simulated.prometheus_url.removeprefix("http://")
        job = {"job_name": "simulator", "honor_labels": True, "static_configs": [{"targets": [target]}]}
        scraping = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": [job]}
        server = real_prometheus(
            "\n".join(f"{key}: {json.dumps(it)}" for key, it in scraping.items()), shortened()
        )
        signals, now = simulated.shop.signals, simulated.engine.now
        first = signals.step + 1 + int((now() + FILLED - signals.time_of(signals.step)) // 15)
        with (
            PrometheusMetrics(server.url, clock=WallClock()) as real,
            PrometheusMetrics(simulated.prometheus_url, clock=WallClock()) as own,
        ):
            agreed, complaints = 0, [""]
            for step in range(first, first + STEPS):
                at = signals.time_of(step) + LATER
                until(partial(passed, simulated, at + 0.5), 120, "time stands still")
                complaints = far(own, real, datetime.fromtimestamp(at, UTC))
                agreed = 0 if complaints else agreed + 1
                if agreed == 2:
                    return
    pytest.fail("\n".join(complaints))
