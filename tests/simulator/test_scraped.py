"""A real Prometheus that scrapes the simulator at real pace gets the signals that it records itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.servers import PrometheusServer, until
from tests.simulator.instant import LACKING
from tests.simulator.test_exposition import key_of

from chaoskit.adapters.prometheus import PrometheusMetrics
from chaoskit.clock import WallClock
from chaoskit.ports.metrics import Signal
from chaoskit.signals import CATALOGUE
from chaoskit.signals.rules import groups
from chaoskit.simulator.cluster import SimulatedCluster
from chaoskit.simulator.effects import Effect
from chaoskit.simulator.prometheus.signals import Signals

TOLD = [signal for signal in CATALOGUE if signal.name not in LACKING]
IN_FORCE = (
    ("shipping", "errors", 30.0),
    ("payments", "network-latency", 0.2),
    ("catalog", "hold-connections", 5.0),
)
"""What is wrong meanwhile with one pod of each: errors, latency and connections that are never given back."""
WINDOW = 230
"""Seconds in which the longest window of the rules, two minutes, fills with scrapes, and some steps more."""
NEAR, FLOOR = 0.08, 0.03
"""Samples are scraped each second there, and each 15 seconds here: so much may lie between, of a value or of
the signal's largest."""
Values = dict[tuple[str, ...], float]


def values(metrics: PrometheusMetrics, signal: Signal) -> Values:
    """The newest value of each pod, call and workload of the shop, and of each node."""
    where = {} if signal.scope == "node" else {"namespace": "shop"}
    return {key_of(signal, sample.labels): sample.value for sample in metrics.instant(signal, where=where)}


def differ(ours: Values, theirs: Values) -> bool:
    """True unless both have some values, of the same things, that are alike."""
    if not ours or ours.keys() != theirs.keys():
        return True
    least = FLOOR * max(map(abs, ours.values())) + 1e-4
    return any(theirs[key] != pytest.approx(value, rel=NEAR, abs=least) for key, value in ours.items())


def far(own: PrometheusMetrics, real: PrometheusMetrics) -> dict[str, tuple[Values, Values]]:
    """The signals that differ, with what both have of them."""
    both = {signal.name: (values(own, signal), values(real, signal)) for signal in TOLD}
    return {name: (ours, theirs) for name, (ours, theirs) in both.items() if differ(ours, theirs)}


class Agreement:
    """Of each step that the simulator has recorded, what differed when the step was last looked at."""

    def __init__(self, signals: Signals, own: PrometheusMetrics, real: PrometheusMetrics) -> None:
        self._signals, self._own, self._real = signals, own, real
        self.differing: dict[int, dict[str, tuple[Values, Values]]] = {}

    def lasts(self) -> bool:
        """True once nothing differed at the ends of two steps one after the other."""
        step, found = self._signals.step, far(self._own, self._real)
        if step == self._signals.step:  # else some values were of this step, some of the next
            self.differing[step] = found
        over = list(self.differing.values())[:-1]
        return len(over) > 1 and not any(over[-2:])


@pytest.mark.real
@pytest.mark.timeout(400)
def test_every_signal_is_what_a_real_one_makes_of_its_scrapes_while_something_is_wrong(
    real_prometheus: Callable[..., PrometheusServer],
) -> None:
    rules = [{**group, "interval": "1s"} for group in groups(CATALOGUE)["groups"]]
    with SimulatedCluster(rate=1.0, history=timedelta(minutes=5)) as simulated:
        for app, kind, amount in IN_FORCE:
            pod = simulated.api.list("Pod", "shop", f"app={app}")[0]["metadata"]["name"]
            with simulated.engine.lock:
                simulated.effects.start(Effect(kind, "shop", pod, amount))  # type: ignore[arg-type]
        target = simulated.prometheus_url.removeprefix("http://")
        job = {"job_name": "simulator", "honor_labels": True, "static_configs": [{"targets": [target]}]}
        scraping = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": [job]}
        configuration = "\n".join(f"{key}: {json.dumps(value)}" for key, value in scraping.items())
        server = real_prometheus(configuration, json.dumps({"groups": rules}))
        with (
            PrometheusMetrics(server.url, clock=WallClock()) as real,
            PrometheusMetrics(simulated.prometheus_url, clock=WallClock()) as own,
        ):
            agreement = Agreement(simulated.shop.signals, own, real)
            until(agreement.lasts, WINDOW, "the signals differ")
