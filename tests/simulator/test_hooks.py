"""Lifecycle hooks: what comes before readiness, and inside the grace period."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulator.world import NAMESPACE, SERVE, World, conditions, pod_spec

from chaoskit.simulator.api import ApiError
from chaoskit.simulator.apiserver import unsimulated
from chaoskit.simulator.apiserver.builtin import BUILT_IN
from chaoskit.simulator.effects import Effect, Kind
from chaoskit.simulator.objects import Object

POD = next(kind for kind in BUILT_IN if kind.kind == "Pod")
GONE = 1.3
"""Seconds from the end of a pod's last container to the end of its object."""


def hooked(command: list[str] | None = None, grace: int = 30, **hooks: Object) -> World:
    """A pod ``cart`` with these hooks has been made."""
    world = World(count=1)
    spec = pod_spec(command, lifecycle=hooks) | {"terminationGracePeriodSeconds": grace}
    world.make("Pod", "cart", spec)
    return world


def sh(script: str) -> Object:
    return {"exec": {"command": ["/bin/sh", "-c", script]}}


def lasted(world: World) -> float:
    """Seconds from the deletion of the pod until its container has ended."""
    world.run(3)
    world.api.delete("Pod", NAMESPACE, "cart")
    return world.until(lambda: world.gone("Pod", "cart"), 60) - GONE


@pytest.mark.parametrize(
    ("hook", "seconds"),
    [
        ({"sleep": {"seconds": 10}}, 10),
        ({"exec": {"command": ["sleep", "10"]}}, 10),
        (sh("nginx -s quit; sleep 8"), 8),
        (sh("/bin/drain && sleep 7"), 7),
        (sh("if ! curl -s localhost; then sleep 6; fi"), 0),
        ({"exec": {"command": ["/usr/local/bin/drain"]}}, 0),
    ],
)
def test_a_pre_stop_hook_delays_the_end_of_its_container_for_as_long_as_it_takes(
    hook: Object, seconds: float
) -> None:
    world = hooked(preStop=hook)
    assert lasted(world) == pytest.approx(seconds, abs=0.3)
    assert "FailedPreStopHook" not in world.reasons("cart")


@pytest.mark.parametrize(("grace", "sleep", "seconds"), [(4, 60, 6), (20, 3, 20)])
def test_the_grace_period_bounds_a_hook_and_leaves_two_seconds_for_the_process(
    grace: int, sleep: int, seconds: float
) -> None:
    world = hooked(SERVE, grace, preStop=sh(f"sleep {sleep}"))
    assert lasted(world) == pytest.approx(seconds, abs=0.3)


def test_a_second_delete_shortens_the_time_of_a_hook_and_does_not_run_it_again() -> None:
    world = hooked(preStop=sh("echo bye >> /log; sleep 20"))
    world.run(3)
    world.api.delete("Pod", NAMESPACE, "cart")
    world.run(2)
    world.api.delete("Pod", NAMESPACE, "cart", grace=3)
    assert world.kubelet.execute(NAMESPACE, "cart", "main", ["cat", "/log"]).stdout == "bye\n"
    assert world.until(lambda: world.gone("Pod", "cart")) == pytest.approx(3 + GONE, abs=0.3)


def test_a_process_that_its_hook_signals_ends_at_once() -> None:
    assert lasted(hooked(preStop=sh("kill 1; sleep 20"))) == pytest.approx(0, abs=0.3)


def test_a_pod_deleted_without_grace_runs_no_hook() -> None:
    world = hooked(preStop={"sleep": {"seconds": 20}})
    world.run(3)
    world.api.delete("Pod", NAMESPACE, "cart", grace=0)
    world.run(0.1)
    assert world.gone("Pod", "cart")
    assert not world.kubelet.running(NAMESPACE, "cart", "main")


def test_a_container_that_its_liveness_probe_condemns_runs_its_hook_too() -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
    world = World(count=1)
    lifecycle = {"preStop": {"sleep": {"seconds": 4}}}
    world.make("Pod", "cart", pod_spec(livenessProbe=probe, lifecycle=lifecycle))
    killed = world.until(lambda: "Killing" in world.reasons("cart"))
    again = world.until(lambda: world.container("cart")["restartCount"] == 1)
    assert killed < 3
    assert again == pytest.approx(4.8, abs=0.5)


@pytest.mark.parametrize(
    ("hook", "fails"),
    [
        (sh("exit 3"), True),
        (sh("httpd -f & exit 0"), False),
        ({"exec": {"command": ["false"]}}, True),
        ({"tcpSocket": {"port": 80}}, True),  # which no kubelet runs
        ({"httpGet": {"port": 80}}, True),  # nobody listens there
        (sh("test -f /etc/none || exit 1"), False),  # who knows what is in the image
        (sh("curl -s localhost | grep ok || exit 1"), False),
        (sh("it's no shell"), False),
        (sh("echo 'open"), False),
    ],
)
@pytest.mark.parametrize("name", ["preStop", "postStart"])
def test_a_hook_fails_only_where_that_is_known(name: str, hook: Object, fails: bool) -> None:
    world = hooked(None, 3, **{name: hook})
    world.run(3)
    ready = conditions(world.get("Pod", "cart"))["Ready"][0] == "True"
    world.api.delete("Pod", NAMESPACE, "cart")
    world.run(0.1)
    told = world.messages("cart", "FailedPreStopHook" if name == "preStop" else "FailedPostStartHook")
    assert told == ([f"P{name[1:]}Hook failed"] if fails else [])
    assert ready is (name == "preStop" or not fails)


def test_a_container_runs_for_its_pod_only_after_its_post_start_hook() -> None:
    world = hooked(postStart={"sleep": {"seconds": 8}})
    world.run(6)
    assert world.get("Pod", "cart")["status"]["phase"] == "Pending"
    assert world.container("cart")["state"]["waiting"]["reason"] == "ContainerCreating"
    world.run(4)
    assert world.get("Pod", "cart")["status"]["phase"] == "Running"
    assert world.ready() == ["cart"]


def test_a_failed_post_start_hook_kills_its_container_which_starts_again_with_back_off() -> None:
    world = hooked(postStart={"exec": {"command": ["false"]}})
    world.run(20)
    assert "FailedPostStartHook" in world.messages("cart", "Killing")
    assert world.container("cart")["restartCount"] >= 1
    assert "BackOff" in world.reasons("cart")
    assert world.ready() == []


def test_containers_wait_for_the_post_start_hook_of_the_one_before() -> None:
    world = World(count=1)
    for name, image in (("held", "busybox"), ("free", "registry.invalid/none:1")):
        spec = pod_spec(lifecycle={"postStart": {"sleep": {"seconds": 5}}}, image=image)
        spec["containers"].append({"name": "next", "image": "busybox"})
        world.make("Pod", name, spec)
    world.run(4)
    assert not world.kubelet.running(NAMESPACE, "held", "next")
    assert world.kubelet.running(NAMESPACE, "free", "next")
    world.run(6)
    assert world.kubelet.running(NAMESPACE, "held", "next")


def test_a_container_that_ends_during_its_post_start_hook_starts_again() -> None:
    world = hooked(["sh", "-c", "sleep 2; exit 1"], postStart={"sleep": {"seconds": 5}})
    world.run(2)
    world.until(lambda: world.container("cart")["restartCount"] == 1, 10)
    assert world.container("cart")["lastState"]["terminated"]["exitCode"] == 1
    assert "FailedPostStartHook" not in world.reasons("cart")


@pytest.mark.parametrize(
    "slow",
    [
        Effect("network-loss", NAMESPACE, "cart", 100),
        Effect("http-latency", NAMESPACE, "cart", 60, port=80),
    ],
)
def test_an_http_hook_waits_for_a_slow_network(slow: Effect) -> None:
    world = hooked(SERVE, 5, preStop={"httpGet": {"port": 80}})
    world.run(3)
    world.effects.start(slow)
    world.api.delete("Pod", NAMESPACE, "cart")
    assert world.until(lambda: world.gone("Pod", "cart")) == pytest.approx(7 + GONE, abs=0.3)


@pytest.mark.parametrize(
    ("port", "kind", "fails"),
    [
        ("web", "http-status", False),
        ("other", "http-status", True),
        ("web", "http-reset", True),
        (8080, "http-reset", True),
        (9090, "http-reset", False),
    ],
)
def test_an_http_hook_asks_at_a_port_and_feels_what_breaks_connections_there(
    port: int | str, kind: Kind, fails: bool
) -> None:
    world = World(count=1)
    hooks = {"preStop": {"httpGet": {"port": port}}}
    ports = [{"name": "web", "containerPort": 8080}]
    world.make("Pod", "cart", pod_spec(SERVE, lifecycle=hooks, ports=ports))
    world.run(3)
    world.effects.start(Effect(kind, NAMESPACE, "cart", 503, port=8080))
    world.api.delete("Pod", NAMESPACE, "cart")
    world.run(0.1)
    assert ("FailedPreStopHook" in world.reasons("cart")) is fails


@pytest.mark.parametrize(
    ("lifecycle", "found"),
    [
        ({"stopSignal": "SIGUSR1"}, "stopSignal"),
        ({"preStop": {"httpGet": {"port": 80, "host": "elsewhere"}}}, "preStop.httpGet.host"),
        ({"preStop": sh("while pgrep app; do sleep 1; done")}, "preStop.exec.command"),
        ({"postStart": sh("until curl -s localhost; do sleep 1; done")}, "postStart.exec.command"),
        ({"preStop": sh("date\n  if true; then while pgrep app; do :; done; fi")}, "preStop.exec.command"),
        ({"preStop": sh("echo waiting until drained, a while; sleep 5")}, None),
        ({"preStop": sh("sleep $(cat /delay)")}, "preStop.exec.command"),
        ({"preStop": sh("sleep ${DELAY:-5}")}, "preStop.exec.command"),
        ({"preStop": sh("sleep $DELAY; sleep ${DELAY} && sleep '5'; sleep 1.5m")}, None),
        ({"preStop": {"sleep": {"seconds": 5}}, "postStart": {"tcpSocket": {"port": 1}}}, None),
    ],
)
def test_a_hook_that_cannot_be_simulated_is_refused(lifecycle: Object, found: str | None) -> None:
    path = unsimulated.field(POD, {"spec": pod_spec(lifecycle=lifecycle)})
    assert path == (f"spec.containers[0].lifecycle.{found}" if found else None)


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        ({}, "preStop: Required value: must specify a handler type"),
        ({"sleep": {"seconds": 9}}, r"preStop.sleep: Invalid value: 9: must be non-negative and less than "),
        ({"exec": {"command": []}}, "preStop.exec.command: Required value"),
        (
            {"sleep": {"seconds": 1}, **sh("x")},
            "preStop.sleep: Forbidden: may not specify more than 1 handler",
        ),
    ],
)
def test_a_hook_that_says_too_little_or_too_much_is_invalid(hook: Any, why: str) -> None:
    with pytest.raises(ApiError, match=why) as refused:
        hooked(grace=5, preStop=hook)
    assert refused.value.code == 422
