"""What a spec may say is acted on, refused aloud, or known to change nothing that is simulated."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.simulator.world import World, pod_spec, workload

from chaoskit import simulator
from chaoskit.simulator.api import ApiError
from chaoskit.simulator.apiserver import typed, unsimulated
from chaoskit.simulator.apiserver.builtin import BUILT_IN
from chaoskit.simulator.objects import Object

SOURCES = (
    "controllers/*.py", "node/*.py", "traffic/*.py",
    "apiserver/admission.py", "apiserver/subresources.py", "apiserver/deletion.py",
)  # fmt: skip
"""Who acts on objects."""
KINDS = {kind.kind: kind for kind in BUILT_IN}
REFUSED = {
    **{f"{name}Spec": [path.split(".")[1] for path in kind.unsimulated] for name, kind in KINDS.items()},
    "PodSpec": unsimulated.POD,
    "Container": unsimulated.CONTAINER,
}
CHANGES_NOTHING = {
    "PodSpec": {
        # whom a process runs as, and what it sees of its node: there are no processes, but what they do
        "hostIPC", "hostPID", "hostUsers", "securityContext", "shareProcessNamespace",
        # names: the network knows services and addresses, from every pod alike
        "dnsConfig", "dnsPolicy", "enableServiceLinks", "hostAliases", "hostnameOverride",
        "setHostnameAsFQDN",
        # images that need no credentials
        "imagePullSecrets",
        # refused where it says anything but linux
        "os",
    },
    "Container": {
        "securityContext", "stdin", "stdinOnce", "tty", "workingDir",
        # what a container wrote of its end: programs here write none
        "terminationMessagePath", "terminationMessagePolicy",
        # refused where a container would start anew
        "resizePolicy",
        # read by the name of its kind
        "livenessProbe",
    },
    "ServiceSpec": {
        # there is nobody outside of the cluster, and one family of addresses
        "allocateLoadBalancerNodePorts", "externalIPs", "externalName", "externalTrafficPolicy",
        "healthCheckNodePort", "ipFamilies", "ipFamilyPolicy", "loadBalancerClass", "loadBalancerIP",
        "loadBalancerSourceRanges",
        # of sessionAffinity, which is refused
        "sessionAffinityConfig",
    },
    "ServicePort": {"appProtocol", "nodePort"},
}  # fmt: skip
TYPES = (
    "PodSpec", "Container", "Probe", "DeploymentSpec", "StatefulSetSpec", "DaemonSetSpec", "JobSpec",
    "ServiceSpec", "ServicePort",
)  # fmt: skip


def words() -> Iterator[str]:
    """The texts in the code that acts on objects."""
    folder = Path(simulator.__file__).parent
    for pattern in SOURCES:
        for source in folder.glob(pattern):
            for node in ast.walk(ast.parse(source.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


@pytest.fixture(scope="module")
def read() -> frozenset[str]:
    return frozenset(words())


@pytest.mark.parametrize("name", TYPES)
def test_each_field_is_acted_on_or_refused_or_changes_nothing(name: str, read: frozenset[str]) -> None:
    refused, idle = REFUSED.get(name, ()), CHANGES_NOTHING.get(name, set())
    fields = set(typed.types()[name])
    assert sorted(fields - read - set(refused) - idle) == []
    assert sorted(idle - fields) == []
    assert sorted(idle & (read | set(refused))) == []


@pytest.mark.parametrize("name", unsimulated.POD)
def test_a_field_of_pods_that_is_not_simulated_is_found_in_pods_and_templates(name: str) -> None:
    spec = pod_spec() | {name: {"any": "thing"}}
    assert unsimulated.field(KINDS["Pod"], {"spec": spec}) == f"spec.{name}"
    workload = {"spec": {"template": {"spec": spec}}}
    assert unsimulated.field(KINDS["Deployment"], workload) == f"spec.template.spec.{name}"


@pytest.mark.parametrize(
    ("part", "found"),
    [
        *(({name: "any"}, name) for name in unsimulated.CONTAINER),
        ({"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]}, "resizePolicy"),
        ({"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]}, None),
        ({"ports": [{"containerPort": 80, "hostPort": 80}]}, "ports.hostPort"),
        ({"ports": [{"containerPort": 80}]}, None),
        ({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]},
         "env.valueFrom.resourceFieldRef"),
        ({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["containers", "initContainers"])
def test_a_field_of_containers_that_is_not_simulated_is_found(kind: str, part: Object, found: str) -> None:
    path = unsimulated.field(KINDS["Pod"], {"spec": {kind: [{"name": "main", **part}]}})
    assert path == (f"spec.{kind}[0].{found}" if found else None)


def test_nobody_places_a_pod_of_another_scheduler() -> None:
    world = World(count=1)
    world.make("Pod", "theirs", pod_spec() | {"schedulerName": "theirs"})
    world.make("Pod", "ours", pod_spec())
    world.run(20)
    assert world.ready() == ["ours"]
    assert "nodeName" not in world.get("Pod", "theirs")["spec"]


@pytest.mark.parametrize(
    ("policy", "found"), [("Never", "spec.preemptionPolicy"), ("PreemptLowerPriority", None)]
)
def test_a_pod_that_would_not_have_others_give_way_is_refused(policy: str, found: str | None) -> None:
    assert unsimulated.field(KINDS["Pod"], {"spec": pod_spec() | {"preemptionPolicy": policy}}) == found


@pytest.mark.parametrize(
    ("name", "refused"), [(None, False), ("", False), ("standard", False), ("fast", True)]
)
def test_a_claim_of_another_storage_class_than_the_default_is_refused(
    name: str | None, refused: bool
) -> None:
    claim: Object = {"spec": {"storageClassName": name} if name is not None else {}}
    path = unsimulated.field(KINDS["PersistentVolumeClaim"], claim)
    assert path == ("spec.storageClassName" if refused else None)
    path = unsimulated.field(KINDS["StatefulSet"], {"spec": {"volumeClaimTemplates": [claim]}})
    assert path == ("spec.volumeClaimTemplates" if refused else None)


@pytest.mark.parametrize(
    ("name", "priority"),
    [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000), ("", 0)],
)
def test_a_pod_has_the_number_of_its_priority_class(name: str, priority: int) -> None:
    world = World(count=1)
    made = world.make("Pod", "p", pod_spec() | {"priorityClassName": name})
    assert made["spec"]["priority"] == priority


def test_a_pod_of_a_priority_class_that_is_not_there_is_forbidden_and_its_template_is_not() -> None:
    world = World(count=1)
    why = "is forbidden: no PriorityClass with name urgent was found"
    with pytest.raises(ApiError, match=f'pods "p" {why}') as refused:
        world.make("Pod", "p", pod_spec() | {"priorityClassName": "urgent"})
    assert refused.value.code == 403
    spec = workload("web", 1)
    spec["template"]["spec"]["priorityClassName"] = "urgent"
    world.make("ReplicaSet", "web", spec)
    world.run(5)
    assert world.all("Pod") == ()
    assert why in world.messages("web", "FailedCreate")[0]
