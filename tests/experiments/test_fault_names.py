"""A fault that Litmus does not have is told, and what was meant, unless its ChaosExperiment is beside."""

from __future__ import annotations

import pytest
from tests.experiments.test_lint import DEFINITION, ENGINE, found_in, rules, told

from chaoskit.documents import parse
from chaoskit.errors import InvalidInput
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.lint import RULES
from chaoskit.experiments.trials import trials

ELSEWHERE = """
ec2-terminate-by-id ec2-stop-by-tag ebs-loss-by-id aws-ssm-chaos-by-tag rds-instance-stop gcp-vm-disk-loss
gcp-vm-instance-stop-by-label azure-disk-loss azure-instance-stop vm-poweroff k6-loadgen locust-loadgen
spring-boot-latency redfish-node-restart kafka-broker-pod-failure cassandra-pod-delete process-kill
coredns-pod-delete openebs-target-pod-failure disk-loss ec2-terminate k8-pod-delete
'{{inputs.parameters.fault}}' '${FAULT}'
"""
"""Litmus' faults that the catalogue lacks, and what is filled in by others."""


def named(name: str) -> str:
    """The engine with a fault of this name."""
    return ENGINE.replace("- name: pod-delete", f"- name: {name}")


def made(name: str) -> str:
    """A ChaosExperiment of this name."""
    return DEFINITION.replace("pod-delete", name)


def hints(*documents: str) -> list[str]:
    """What is offered for faults that are not known."""
    found = found_in("---\n".join(documents))
    return [each.problem.hint for each in found if each.problem.rule == "experiment-unknown"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("pod-netwrk-loss", "did you mean pod-network-loss?"),
        ("Pod_Delete", "did you mean pod-delete?"),
        ("network-latency", "did you mean pod-network-latency?"),
        ("network-delay", "did you mean pod-network-latency?"),
        ("pod-kill", "did you mean pod-delete?"),
        ("pod-memory-stress", "did you mean pod-memory-hog?"),
        ("ec2-terminate-by-tags", "did you mean ec2-terminate-by-tag?"),
        ("database-connection-loss", "that is chaoskit's own: Litmus runs pod-network-loss for it"),
        ("printer-on-fire", RULES["experiment-unknown"][1]),
    ],
)  # fmt: skip
def test_a_fault_that_litmus_does_not_have_is_told_where_it_stands(name: str, hint: str) -> None:
    assert ("experiment-unknown", 11) in told(named(name))
    assert hints(named(name)) == [hint]


@pytest.mark.parametrize(
    "name",
    [*sorted({fault.litmus for fault in CATALOGUE.values()}), *ELSEWHERE.split()],
)
def test_of_a_fault_of_litmus_and_of_what_is_filled_in_nothing_is_said(name: str) -> None:
    assert hints(named(name)) == []


def test_a_fault_of_ones_own_stands_beside() -> None:
    assert rules(f"{named('printer-on-fire')}---\n{made('printer-on-fire')}") == []


def test_it_may_stand_beside_though_something_else_is_wrong_in_either() -> None:
    broken = made("printer-on-fire").replace("scope: Namespaced", "scope: Everywhere")
    assert hints(named("printer-on-fire").replace("active", "activ"), broken) == []


def test_of_several_that_stand_beside_the_one_that_is_alike_is_meant() -> None:
    text = f"{named('printer-on-fir')}---\n{made('printer-on-fire')}"
    assert rules(text) == ["experiment-unknown"]
    assert hints(text) == ["did you mean printer-on-fire?"]


def test_an_engine_with_errors_is_told_of_its_fault_too() -> None:
    assert rules(named("pod-delet").replace("active", "activ")) == ["engine-state", "experiment-unknown"]


def test_a_run_is_warned_and_a_strict_one_refused() -> None:
    documents = parse(named("pod-delet"), "f.yaml")
    (trial,) = trials(documents)
    assert [each.rule for each in trial.warnings] == ["experiment-unknown"]
    with pytest.raises(InvalidInput):
        trials(documents, strict=True)
