"""Init containers that go on running: their order, what waits for them, and what they do not keep going."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulator.world import NAMESPACE, RUN, SERVE, World, conditions, pod_spec

from chaoskit.simulator.api import ApiError
from chaoskit.simulator.apiserver import unsimulated
from chaoskit.simulator.apiserver.builtin import BUILT_IN
from chaoskit.simulator.controllers.placement import requests
from chaoskit.simulator.objects import Object

POD = next(kind for kind in BUILT_IN if kind.kind == "Pod")


def sidecar(name: str, command: list[str] | None = None, **more: Any) -> Object:
    return {"name": name, "image": "busybox", "command": command or RUN, "restartPolicy": "Always", **more}


def beside(*init: Object, command: list[str] | None = None, **spec: Any) -> World:
    """A pod ``cart`` with these init containers has been made."""
    world = World(count=1)
    world.make("Pod", "cart", pod_spec(command) | {"initContainers": list(init)} | spec)
    return world


def running(world: World) -> list[str]:
    spec = world.get("Pod", "cart")["spec"]
    names = [one["name"] for one in (*spec["initContainers"], *spec["containers"])]
    return [name for name in names if world.kubelet.running(NAMESPACE, "cart", name)]


def states(world: World) -> dict[str, str]:
    status = world.get("Pod", "cart")["status"]
    both = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return {one["name"]: next(iter(one["state"])) for one in both}


def test_a_sidecar_starts_before_the_rest_and_goes_on_running() -> None:
    world = beside(sidecar("a"), {"name": "b", "image": "busybox", "command": ["sleep", "3"]})
    world.run(2)
    assert running(world) == ["a", "b"]
    assert conditions(world.get("Pod", "cart"))["Initialized"] == ("False", "ContainersNotInitialized")
    world.run(5)
    assert states(world) == {"a": "running", "b": "terminated", "main": "running"}
    assert world.ready() == ["cart"]


def test_the_next_container_waits_for_a_sidecars_startup_probe_and_post_start_hook() -> None:
    startup = {"exec": {"command": ["test", "-f", "/up"]}, "periodSeconds": 1, "failureThreshold": 99}
    slow = sidecar("a", ["sh", "-c", "sleep 6; touch /up; sleep 900"], startupProbe=startup)
    world = beside(slow, sidecar("b", lifecycle={"postStart": {"sleep": {"seconds": 5}}}))
    world.run(5)
    assert running(world) == ["a"]
    world.run(5)
    assert running(world) == ["a", "b"]
    world.run(5)
    assert running(world) == ["a", "b", "main"]


def test_a_sidecar_that_is_not_ready_keeps_its_pod_from_being_ready() -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1}
    world = beside(sidecar("a", readinessProbe=probe))
    world.run(5)
    condition = next(
        c for c in world.get("Pod", "cart")["status"]["conditions"] if c["type"] == "ContainersReady"
    )
    assert condition["message"] == "containers with unready status: [a]"


def test_a_sidecar_starts_again_whatever_the_policy_of_its_pod_and_the_pod_stays_initialized() -> None:
    world = beside(sidecar("a"), restartPolicy="Never")
    world.run(4)
    world.kubelet.kill_container(NAMESPACE, "cart", "a")
    world.run(0.6)
    pod = world.get("Pod", "cart")
    assert (conditions(pod)["Initialized"][0], conditions(pod)["Ready"][0]) == ("True", "False")
    assert pod["status"]["phase"] == "Running"
    world.run(3)
    status = world.get("Pod", "cart")["status"]["initContainerStatuses"][0]
    assert (status["restartCount"], status["ready"]) == (1, True)


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (1, "Failed")])
def test_a_pod_ends_with_its_containers_and_its_sidecars_after_them(code: int, phase: str) -> None:
    command = ["sh", "-c", f"sleep 5; exit {code}"]
    world = beside(sidecar("a"), sidecar("b", SERVE), command=command, restartPolicy="Never")
    world.until(lambda: states(world).get("main") == "terminated")
    assert world.get("Pod", "cart")["status"]["phase"] == "Running"
    assert running(world) == ["a", "b"]  # b hears no SIGTERM, and a ends after it
    world.run(8)
    status = world.get("Pod", "cart")["status"]
    assert (status["phase"], set(states(world).values())) == (phase, {"terminated"})
    ends = {one["name"]: one["state"]["terminated"] for one in status["initContainerStatuses"]}
    assert ends["b"]["exitCode"] == 137
    assert ends["b"]["finishedAt"] <= ends["a"]["finishedAt"]


def test_a_job_with_a_sidecar_completes() -> None:
    world = World(count=1)
    pod = pod_spec(["sleep", "3"]) | {"initContainers": [sidecar("a")], "restartPolicy": "Never"}
    world.make("Job", "once", {"template": {"spec": pod}})
    world.run(20)
    assert world.get("Job.batch", "once")["status"]["succeeded"] == 1


def test_a_pod_whose_init_container_fails_for_good_ends_its_sidecars() -> None:
    fails = {"name": "b", "image": "busybox", "command": ["false"]}
    world = beside(sidecar("a"), fails, restartPolicy="Never")
    world.run(8)
    assert world.get("Pod", "cart")["status"]["phase"] == "Failed"
    assert running(world) == []


def test_a_deleted_pod_ends_its_containers_first_and_its_sidecars_in_reverse() -> None:
    slow = ["sh", "-c", "trap 'sleep 3; exit 0' TERM; sleep 3600 & wait"]
    world = beside(sidecar("a"), sidecar("b", slow), command=slow, terminationGracePeriodSeconds=30)
    world.run(5)
    world.api.delete("Pod", NAMESPACE, "cart")
    seen = []
    for _ in range(3):
        world.run(1.8)
        seen.append(running(world))
    assert seen == [["a", "b", "main"], ["a", "b"], ["a", "b"]]
    assert sorted(world.messages("cart", "Killing")) == [
        f"Stopping container {n}" for n in ("a", "b", "main")
    ]
    world.run(3)
    assert world.gone("Pod", "cart")


def test_a_sidecar_has_two_seconds_where_the_others_took_the_whole_grace_period() -> None:
    world = beside(sidecar("a", SERVE), command=SERVE)
    world.run(5)
    world.api.delete("Pod", NAMESPACE, "cart")
    world.run(5.5)
    assert running(world) == ["a"]
    world.run(2)
    assert running(world) == []


def test_sidecars_count_to_what_a_pod_asks_for_together_with_what_runs_beside_them() -> None:
    def asks(cpu: str) -> Object:
        return {"resources": {"requests": {"cpu": cpu}}}

    init = [asks("3"), {**asks("1"), "restartPolicy": "Always"}, asks("2")]
    assert requests({"containers": [asks("1")], "initContainers": init}) == {"cpu": 3}
    assert requests({"containers": [asks("1")], "initContainers": init[1:]}) == {"cpu": 3}
    assert requests({"containers": [asks("4")], "initContainers": init}) == {"cpu": 5}


@pytest.mark.parametrize("field", ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"])
def test_an_init_container_that_ends_before_the_rest_is_neither_probed_nor_hooked(field: str) -> None:
    body = {"exec": {"command": ["true"]}} if field != "lifecycle" else {"preStop": {"sleep": {"seconds": 1}}}
    why = f"initContainers.0..{field}: Forbidden: may not be set for init containers without restartPolicy"
    with pytest.raises(ApiError, match=why):
        beside({"name": "a", "image": "busybox", field: body})


@pytest.mark.parametrize(
    ("kind", "policy", "refused"),
    [
        ("initContainers", "Always", False),
        ("initContainers", "Never", True),
        ("initContainers", "OnFailure", True),
        ("containers", "Always", True),
    ],
)
def test_another_restart_policy_of_a_container_is_refused(kind: str, policy: str, refused: bool) -> None:
    path = unsimulated.field(POD, {"spec": {kind: [{"name": "a", "restartPolicy": policy}]}})
    assert path == (f"spec.{kind}[0].restartPolicy" if refused else None)
