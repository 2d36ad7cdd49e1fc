"""Recording rules: one for each signal, right for promtool and for Prometheus' operator."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from chaoskit.ports.metrics import Signal
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


TWICE = {
    "kube_deployment_status_replicas_unavailable": {"namespace": "shop", "deployment": "cart"},
    "kube_deployment_spec_replicas": {"namespace": "shop", "deployment": "cart"},
    "node_cpu_seconds_total": {"cpu": "0", "mode": "idle"},
    "node_load1": {},
    "node_memory_MemAvailable_bytes": {},
    "node_memory_MemTotal_bytes": {},
    "node_pressure_cpu_waiting_seconds_total": {},
    "node_netstat_Tcp_RetransSegs": {},
    "node_netstat_Tcp_OutSegs": {},
}


@pytest.mark.real
@pytest.mark.parametrize(
    "signal", [each for each in CATALOGUE if each.scope in {"workload", "node"}], ids=lambda each: each.name
)
def test_a_second_exporter_makes_no_second_series(tmp_path: Path, signal: Signal) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    scraped = [{"instance": "10.0.0.1:9100", "job": "one"}, {"instance": "10.0.0.1:9101", "job": "two"}]
    series = [
        {"series": f"{name}{{{_matchers({**labels, **where})}}}", "values": "1+1x20"}
        for name, labels in TWICE.items()
        for where in scraped
    ]
    who = {
        "workload": {"namespace": "shop", "workload": "cart", "workload_kind": "deployment"},
        "node": {"node": "10.0.0.1"},
    }[signal.scope]
    (tmp_path / "rules.json").write_text(json.dumps(groups([signal], scraped=15)))
    asked = {
        "expr": f"count by({','.join([*who, 'instance', 'job', 'deployment'])})({signal.record})",
        "eval_time": "4m",
        "exp_samples": [{"labels": f"{{{_matchers(who)}}}", "value": 1}],
    }
    test = {"interval": "15s", "input_series": series, "promql_expr_test": [asked]}
    content = {"rule_files": ["rules.json"], "evaluation_interval": "15s", "tests": [test]}
    (tmp_path / "test.json").write_text(json.dumps(content))
    done = subprocess.run(
        [promtool, "test", "rules", tmp_path / "test.json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _matchers(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in labels.items())


def test_metrics_are_read_out_of_promql() -> None:
    assert metrics_of(BY_NAME["fs_usage"].promql) == ("container_fs_usage_bytes", "container_fs_limit_bytes")
    assert metrics_of(BY_NAME["db_up"].promql) == ("pg_up", "mysql_up", "redis_up", "mongodb_up")
    assert metrics_of(BY_NAME["node_pressure"].promql)[0] == "node_pressure_cpu_waiting_seconds_total"
