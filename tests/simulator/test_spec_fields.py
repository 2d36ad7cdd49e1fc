"""What a spec may say is acted on, refused aloud, or known to change nothing that is simulated."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.simulator.world import World, pod_spec

from chaoskit import simulator
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
    "Probe": {"timeoutSeconds"},  # an answer comes at once, or never
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
    ],
)
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
