"""ENV that a fault does not read are told where they would limit it, with what it reads instead."""

from __future__ import annotations

import pytest
from tests.experiments.test_lint import DEFINITION, NATIVE, found_in, rules, with_env

from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.lint import RULES

NOTHING = RULES["env-unread"][1]


def told(text: str, *wanted: str) -> list[tuple[str, str, str]]:
    """(rule, what was found, hint) of these rules."""
    found = (each.problem for each in found_in(text))
    return [(each.rule, each.found.strip('"'), each.hint) for each in found if each.rule in wanted]


@pytest.mark.parametrize(
    ("fault", "entry", "hint"),
    [
        ("node-drain", "APP_NODE=worker-1", "did you mean TARGET_NODE?"),
        ("node-drain", "TARGET_NODES=worker-1", "did you mean TARGET_NODE?"),
        ("node-cpu-hog", "APP_NODE=worker-1", "did you mean TARGET_NODES?"),
        ("node-cpu-hog", "TARGET_NODE=worker-1", "did you mean TARGET_NODES?"),
        ("node-drain", "PODS_AFFECTED_PERC=50", NOTHING),
        ("node-taint", "TAINT_LABEL=a=b:NoExecute", "did you mean TAINTS?"),
        ("pod-delete", "KILL_COUNT=3", "did you mean PODS_AFFECTED_PERC?"),
        ("pod-cpu-hog", "TARGET_POD=web-1", "did you mean TARGET_PODS?"),
        ("pod-delete", "TARGET_NODE=worker-1", NOTHING),
        ("pod-network-partition", "POLICY=ingress", "did you mean POLICY_TYPES?"),
        ("pod-network-partition", "TARGET_PODS=web-1", NOTHING),
        ("pod-network-partition", "PODS_AFFECTED_PERC=50", NOTHING),
        ("pod-network-partition", "DESTINATION_PORTS=8080", NOTHING),
        ("pod-network-partition", "NODE_LABEL=a=b", NOTHING),
        ("pod-autoscaler", "PODS_AFFECTED_PERC=50", "did you mean APP_AFFECT_PERC?"),
        ("pod-autoscaler", "PROCESS_NAME=postgres", NOTHING),
        ("pod-network-loss", "TARGET_SERVICE=db", "did you mean DESTINATION_HOSTS?"),
        ("pod-network-loss", "DESTINATION_PROTOCOL=udp", NOTHING),
        ("pod-dns-error", "DESTINATION_HOSTS=db", "did you mean TARGET_HOSTNAMES?"),
        ("pod-http-latency", "DESTINATION_HOSTS=db", NOTHING),
        ("disk-fill", "CONTAINER_PATH=/data", NOTHING),
    ],
)
def test_what_would_limit_a_fault_that_does_not_read_it_is_told(fault: str, entry: str, hint: str) -> None:
    name = entry.partition("=")[0]
    found = told(with_env(fault, entry), "env-unread", "env-misspelt")
    assert found == [("env-unread", name, hint)]


@pytest.mark.parametrize(
    ("fault", "entries"),
    [
        ("node-drain", ["APP_NODE=worker-1", "TARGET_NODE=worker-1"]),
        ("node-drain", ["APP_NODE="]),
        ("node-drain", ["NODES_AFFECTED_PERC=50"]),
        ("pod-delete", ["KILL_COUNT=3", "PODS_AFFECTED_PERC=50"]),
        ("pod-delete", ["KILL_COUNT=1"]),
        ("pod-network-partition", ["PODS_AFFECTED_PERC=100"]),
        ("pod-network-partition", ["NETWORK_INTERFACE=eth0"]),
        ("pod-autoscaler", ["PODS_AFFECTED_PERC=100"]),
        ("pod-autoscaler", ["CHAOS_INTERVAL=10"]),
        ("pod-delete", ["TARGET_PODS=web-1"]),
        ("pod-delete", ["MY_OWN=1"]),
        ("pod-network-loss", ["DESTINATION_HOST=db.lab", "DESTINATION_HOSTS=db.lab"]),
    ],
)
def test_what_limits_nothing_or_is_read_is_not(fault: str, entries: list[str]) -> None:
    assert told(with_env(fault, *entries), "env-unread", "env-misspelt") == []


@pytest.mark.parametrize(
    ("fault", "entry", "hint"),
    [
        ("pod-network-loss", "DESTINATION_HOST=db", "did you mean DESTINATION_HOSTS?"),
        ("pod-delete", "PODS_AFFECTED_PERCENTAGE=50", "did you mean PODS_AFFECTED_PERC?"),
        ("node-memory-hog", "MEMORY_CONSUMPTION=50", "did you mean MEMORY_CONSUMPTION_MEBIBYTES?"),
        ("pod-network-latency", "NETWORK_LATENCY_MS=50", "did you mean NETWORK_LATENCY?"),
    ],
)
def test_a_slip_of_the_pen_is_still_one(fault: str, entry: str, hint: str) -> None:
    assert told(with_env(fault, entry), "env-misspelt") == [("env-misspelt", entry.partition("=")[0], hint)]


def test_a_definition_is_told_too() -> None:
    drain = DEFINITION.replace("pod-delete", "node-drain").replace(
        "RAMP_TIME, value: ''", "APP_NODE, value: worker-1"
    )
    assert rules(drain) == ["env-unread"]


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_of_what_chaoskit_itself_writes_nothing_is_said(kind: str) -> None:
    targets = "nodes: [a]" if CATALOGUE[kind].scope == "node" else "workloads: [deployment/cart]"
    text = NATIVE.replace("pod-delete", kind).replace("workloads: [deployment/cart]", targets)
    assert told(text, "env-unread") == []
