"""A real Prometheus that scrapes the simulator at real pace gets the signals that it records itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.servers import PrometheusServer, until

from chaoskit.adapters.prometheus import PrometheusMetrics
from chaoskit.clock import WallClock
from chaoskit.signals import BY_NAME, CATALOGUE
from chaoskit.signals.rules import groups
from chaoskit.simulator.cluster import SimulatedCluster

RATES = ("cpu_usage", "network_receive", "network_transmit", "fs_write", "request_rate", "latency_p95")
"""What the rules make of counters that grow; a ratio of two rates is right long before the rates are."""
WINDOW = 170
"""Seconds in which the longest window of the rules, two minutes, fills with scrapes."""
NEAR = 0.08
"""Samples are scraped each second there, and each 15 seconds here: so much may lie between."""


def values(metrics: PrometheusMetrics, name: str) -> dict[tuple[str, ...], float]:
    """The newest value of each pod of the shop."""
    found = metrics.instant(BY_NAME[name], where={"namespace": "shop"})
    return {(name, sample.labels["pod"]): sample.value for sample in found}


def far(own: PrometheusMetrics, real: PrometheusMetrics) -> dict[tuple[str, ...], tuple[float, float | None]]:
    """The values that differ, or are missing there."""
    differing = {}
    for name in RATES:
        theirs = values(real, name)
        for key, value in values(own, name).items():
            if theirs.get(key) != pytest.approx(value, rel=NEAR):
                differing[key] = (value, theirs.get(key))
    return differing


@pytest.mark.real
@pytest.mark.timeout(300)
def test_rates_and_quantiles_are_those_that_a_real_one_makes_of_its_scrapes(
    real_prometheus: Callable[..., PrometheusServer],
) -> None:
    rules = [{**group, "interval": "1s"} for group in groups(CATALOGUE)["groups"]]
    with SimulatedCluster(rate=1.0, history=timedelta(minutes=5)) as simulated:
        target = simulated.prometheus_url.removeprefix("http://")
        job = {"job_name": "simulator", "honor_labels": True, "static_configs": [{"targets": [target]}]}
        scraping = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": [job]}
        configuration = "\n".join(f"{key}: {json.dumps(value)}" for key, value in scraping.items())
        server = real_prometheus(configuration, json.dumps({"groups": rules}))
        with (
            PrometheusMetrics(server.url, clock=WallClock()) as real,
            PrometheusMetrics(simulated.prometheus_url, clock=WallClock()) as own,
        ):
            until(lambda: not far(own, real), WINDOW, "the rates differ")
