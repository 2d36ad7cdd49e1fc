"""What the chaos account may do, asked of a cluster that says yes to what it was told."""

from __future__ import annotations

from typing import Any, cast

import pytest
from tests.experiments.made import pod, topology

from chaoskit import kube
from chaoskit.errors import NotFound
from chaoskit.experiments.checks import Check, rights_of_account
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.litmus import RBAC, manifests
from chaoskit.experiments.targets import of_engine
from chaoskit.experiments.trials import Trial
from chaoskit.ports.cluster import Access, Cluster, Object, ObjectRef

Said = tuple[str, str]
"""Verb and resource."""


class Answers:
    """A cluster that denies some things to everybody, and has some objects."""

    def __init__(self, denied: set[Said], *objects: Object) -> None:
        self.denied = denied
        self.asked: list[Access] = []
        self.objects = {kube.ref_of(body): body for body in objects}

    def can_i(self, access: Access, *, user: str = "") -> str:
        assert user == "system:serviceaccount:lab:sa"
        self.asked.append(access)
        resource = access.resource + (f"/{access.subresource}" if access.subresource else "")
        return "denied" if (access.verb, resource) in self.denied else "allowed"

    def get(self, ref: ObjectRef) -> Object:
        if ref not in self.objects:
            raise NotFound(f"no {ref}")
        return self.objects[ref]


def checked(fault: str, denied: set[Said], *beside: Object, there: tuple[Object, ...] = ()) -> list[Check]:
    env = [{"name": "APP_LABEL", "value": "x"}]
    engine = {
        "metadata": {"name": "e", "namespace": "lab"},
        "spec": {
            "appinfo": {"appns": "lab", "applabel": "app=web", "appkind": "deployment"},
            "experiments": [{"name": fault, "spec": {"components": {"env": env}}}],
        },
    }
    nodes = ({"metadata": {"name": "node-1"}},)
    seen = {"lab": topology(pod("web-1-a"), nodes=nodes), "": topology(pod("web-1-a"), nodes=nodes)}
    selection = of_engine(engine, {}, fault, seen)
    assert not selection.missing
    trial = Trial("t.yaml", engine=engine, beside=beside)
    cluster = cast("Cluster", Answers(denied, *there))
    return list(rights_of_account(cluster, trial, "sa", {fault: selection}))


@pytest.mark.parametrize("fault", ["pod-delete", "node-drain", "node-taint", "pod-autoscaler", "pod-cpu-hog"])
def test_who_may_everything_is_ready(fault: str) -> None:
    assert [check.state for check in checked(fault, set())] == ["ok"]


@pytest.mark.parametrize(
    ("fault", "denied"),
    [
        ("pod-delete", {("delete", "pods")}),
        ("node-drain", {("patch", "nodes")}),
        ("node-drain", {("create", "pods/eviction")}),
        ("node-taint", {("patch", "nodes"), ("update", "nodes")}),
        ("pod-autoscaler", {("patch", "deployments"), ("update", "deployments")}),
        ("pod-network-partition", {("create", "networkpolicies")}),
        ("pod-network-partition", {("delete", "networkpolicies")}),
        ("pod-cpu-hog-exec", {("create", "pods/exec")}),
        ("pod-cpu-hog", {("create", "pods")}),
    ],
)
def test_what_a_fault_cannot_do_without_is_blocked(fault: str, denied: set[Said]) -> None:
    (check,) = checked(fault, denied)
    assert check.state == "blocked"
    verb, resource = min(denied)
    assert f"{verb} {resource}" in check.words


@pytest.mark.parametrize(
    ("fault", "denied"),
    [
        ("node-taint", {("patch", "nodes")}),
        ("node-drain", {("delete", "daemonsets")}),
        ("pod-autoscaler", {("patch", "statefulsets"), ("update", "statefulsets")}),
        ("pod-delete", {("deletecollection", "pods")}),
    ],
)
def test_what_charts_give_beyond_it_is_a_warning(fault: str, denied: set[Said]) -> None:
    (check,) = checked(fault, denied)
    assert check.state == "warning"
    assert "usually may" in check.words


EVERYTHING = {
    (verb, each)
    for fault in CATALOGUE.values()
    for rule in (*fault.rules, *fault.cluster_rules)
    for verb in rule.verbs
    for each in rule.resources
}


def named(fault: str) -> tuple[Object, ...]:
    """What chaoskit makes for the fault, its account called sa."""
    bodies: list[Any] = list(manifests(fault, "lab"))
    for body in bodies:
        for subject in body.get("subjects", ()):
            subject["name"] = "sa"
    return tuple(bodies)


@pytest.mark.parametrize("fault", ["pod-delete", "node-drain", "pod-network-partition"])
def test_rights_that_come_with_the_documents_are_looked_at(fault: str) -> None:
    assert [check.state for check in checked(fault, EVERYTHING, *named(fault))] == ["ok"]
    too_few = [body for body in named("pod-cpu-hog") if fault != "pod-delete"]
    if too_few:
        assert checked(fault, EVERYTHING, *too_few)[0].state == "blocked"


def test_a_role_that_stands_in_the_cluster_counts_and_one_that_is_nowhere_is_told() -> None:
    role = {
        "apiVersion": RBAC,
        "kind": "ClusterRole",
        "metadata": {"name": "all"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
    }
    binding = {
        "apiVersion": RBAC,
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "all"},
        "roleRef": {"kind": "ClusterRole", "name": "all"},
        "subjects": [{"kind": "ServiceAccount", "name": "sa", "namespace": "lab"}],
    }
    assert [each.state for each in checked("pod-delete", EVERYTHING, binding, there=(role,))] == ["ok"]
    found = checked("pod-delete", EVERYTHING, binding)
    assert [each.state for each in found] == ["blocked", "warning"]
    assert "ClusterRole all is nowhere" in found[1].words
