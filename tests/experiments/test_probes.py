"""Conditions as Litmus probes: what is written, that lint takes it, that Litmus judges alike."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from tests.experiments.conftest import World
from tests.experiments.test_native_runs import native

from chaoskit.adapters.commands import LocalCommands
from chaoskit.documents import parse
from chaoskit.errors import InvalidInput
from chaoskit.experiments import lint, litmus
from chaoskit.experiments.spec import Experiment, experiment_of

HTTP = {"http": {"url": "http://web.lab"}, "litmusProbe": True, "abort": True, "interval": "2s"}
SIGNAL = {"prometheus": {"signal": "error_ratio", "below": 0.05, "workload": "cart"}, "litmusProbe": True}
QUERY = {"prometheus": {"query": 'up{job="x"}', "above": 0}, "litmusProbe": True, "mode": "edges"}
COMMAND = {"command": {"run": ["grep", "it's", "/etc/motd"], "contains": "$HOME"}, "litmusProbe": True}
ADDRESS = {"prometheus": "http://prometheus.monitoring:9090"}


def experiment(*conditions: dict[str, Any], **litmus_options: str) -> Experiment:
    spec = {
        "fault": {"kind": "pod-delete"},
        "targets": {"workloads": ["deployment/cart"]},
        "steadyState": list(conditions),
        "litmus": litmus_options,
    }
    return Experiment.model_validate({"metadata": {"name": "e", "namespace": "shop"}, "spec": spec})


def probes(*conditions: dict[str, Any]) -> list[Mapping[str, Any]]:
    made = experiment(*conditions, **ADDRESS)
    engine = litmus.rendered(made, "r-123456", account="a", workloads=(), pods=())
    return list(litmus.probes_of(litmus.experiments_of(engine)[0]))


def test_only_conditions_that_ask_become_probes() -> None:
    assert probes({**HTTP, "litmusProbe": False}) == []


def test_each_mode_has_its_word_and_an_abort_stops_litmus() -> None:
    found = probes(HTTP, QUERY)
    assert [each["mode"] for each in found] == ["Continuous", "Edge"]
    assert [each["runProperties"]["stopOnFailure"] for each in found] == [True, True]
    assert found[0]["httpProbe/inputs"] == {
        "url": "http://web.lab",
        "method": {"get": {"criteria": "==", "responseCode": "200"}},
    }


def test_queries_ask_for_the_worst_series_in_quotes_that_survive_a_shell() -> None:
    signal, query = (each["promProbe/inputs"] for each in probes(SIGNAL, QUERY))
    assert signal["query"] == "max(chaoskit:errors:ratio{namespace='shop',workload='cart'})"
    assert signal["comparator"] == {"type": "float", "criteria": "<", "value": "0.05"}
    assert query == {
        "endpoint": "http://prometheus.monitoring:9090",
        "query": "min(up{job='x'})",
        "comparator": {"type": "float", "criteria": ">", "value": "0"},
    }


def test_lint_has_nothing_against_what_is_written() -> None:
    made = experiment(HTTP, SIGNAL, QUERY, COMMAND, **ADDRESS)
    engine = litmus.rendered(made, "r-123456", account="a", workloads=(), pods=("cart-1",))
    found = lint.findings(parse(yaml.safe_dump(json.loads(json.dumps(engine)))))
    assert [each for each in found if "probe" in each.problem.field] == []


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (SIGNAL, "litmus.prometheus"),
        ({"alert": {"name": "Down"}, "litmusProbe": True}, "litmusProbe"),
        ({"http": {"url": "http://a", "contains": "ok"}, "litmusProbe": True}, "litmusProbe"),
        ({"command": {"run": "true", "workload": "cart"}, "litmusProbe": True}, "litmusProbe"),
        ({"prometheus": {"query": "up{a=~'b$'}", "above": 0}, "litmusProbe": True}, "litmusProbe"),
    ],
)
def test_what_litmus_cannot_look_at_is_said_before_it_runs(condition: dict[str, Any], expected: str) -> None:
    spec = {
        "fault": {"kind": "pod-delete"},
        "targets": {"workloads": ["deployment/cart"]},
        "steadyState": [condition],
    }
    body = {"apiVersion": "chaoskit.io/v1", "kind": "Experiment", "metadata": {"name": "e"}, "spec": spec}
    with pytest.raises(InvalidInput, match=re.escape(expected)):
        experiment_of(parse(yaml.safe_dump(body))[0])


def test_litmus_and_chaoskit_both_look(world: World) -> None:
    shell = {"command": {"run": "exit 4", "exitCode": 4}, "litmusProbe": True, "mode": "edges"}
    record = world.run(native(world, "probed", steadyState=[shell]), commands=LocalCommands())
    assert record.outcome.exit_code == 0, record.reason
    found = next(iter(record.litmus["results"].values()))["probeStatuses"]
    assert [each["status"]["verdict"] for each in found] == ["Passed"]
