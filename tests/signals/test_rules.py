"""Recording rules: one for each signal, right for promtool and for Prometheus' operator."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from chaoskit.signals import BY_NAME, CATALOGUE
from chaoskit.signals.promql import metrics_of, scraped_every, windows
from chaoskit.signals.rules import groups, manifest


def test_each_signal_is_recorded_as_often_as_its_step() -> None:
    found = groups(CATALOGUE)["groups"]
    assert [group["interval"] for group in found] == ["15s", "30s"]
    recorded = [rule["record"] for group in found for rule in group["rules"]]
    assert sorted(recorded) == sorted(signal.record for signal in CATALOGUE)


def test_rare_scrapes_widen_ranges_that_would_hold_too_few() -> None:
    assert scraped_every("rate(a[1m]) + rate(b[5m])", 30) == "rate(a[120s]) + rate(b[5m])"
    found = groups(CATALOGUE, scraped=30)["groups"]
    assert {group["interval"] for group in found} == {"30s"}
    assert all(least >= 120 for group in found for rule in group["rules"] for least in windows(rule["expr"]))


def test_the_operators_object_holds_the_same_groups() -> None:
    content = groups(CATALOGUE[:2])
    found = manifest(content, name="chaoskit", namespace="monitoring")
    assert found["kind"] == "PrometheusRule"
    assert found["metadata"] == {"name": "chaoskit", "namespace": "monitoring"}
    assert found["spec"] == content


@pytest.mark.real
def test_promtool_finds_nothing_wrong_with_them(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    for scraped in (15, 60):
        path = tmp_path / f"rules-{scraped}.yaml"
        path.write_text(json.dumps(groups(CATALOGUE, scraped=scraped)))
        done = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert f"{len(CATALOGUE)} rules found" in done.stdout


def test_metrics_are_read_out_of_promql() -> None:
    assert metrics_of(BY_NAME["fs_usage"].promql) == ("container_fs_usage_bytes", "container_fs_limit_bytes")
    assert metrics_of(BY_NAME["db_up"].promql) == ("pg_up", "mysql_up", "redis_up", "mongodb_up")
    assert metrics_of(BY_NAME["node_pressure"].promql)[0] == "node_pressure_cpu_waiting_seconds_total"
