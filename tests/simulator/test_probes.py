"""What probes find when only a part of the packets or requests is hit, and when they cannot ask at all."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest
from tests.simulator.world import NAMESPACE, SERVE, World

from chaoskit.experiments.faults import CATALOGUE, SEVERITIES, Severity
from chaoskit.simulator.api import Object
from chaoskit.simulator.effects import Effect
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.litmus.disturbances import Tunables, effects
from chaoskit.simulator.litmus.reach import Victim
from chaoskit.simulator.node import probes
from chaoskit.simulator.node.programs import Invocation, Process

PROBE = {"httpGet": {"port": "http", "path": "/readyz"}}
PORTS = [{"name": "http", "containerPort": 8080}]
ENGINE = Engine(start=datetime(2026, 11, 23, tzinfo=UTC))
VICTIM = Victim("cart", "shop", "main")
SHARES = {
    "pod-network-loss": (0.05, 0.32, 0.69, 1),
    "pod-network-corruption": (0.05, 0.32, 0.69, 1),
    "pod-network-latency": (0, 1, 1, 1),
    "pod-network-duplication": (0, 0, 0, 0),
    "pod-http-latency": (0, 1, 1, 1),
    "pod-http-status-code": (0.1, 0.3, 0.6, 1),
    "pod-http-reset-peer": (0.1, 0.3, 0.6, 1),
    "pod-http-modify-body": (0, 0, 0, 0),
}
"""The share of probes with a patience of 1 s that fail, by severity."""


def process(status: int | None = 200) -> Process:
    invocation = Invocation("shop", "cart", "main", "shop:1", (), {}, {})
    found = Process(invocation, ENGINE, lambda line: None, lambda code, reason: None)
    found.answer(status)
    return found


def failing(wrong: list[Effect], probe: Object = PROBE, asked: int = 1500) -> float:
    source, running = Random(3), process()
    told = [probes.failure(probe, running, "10.0.0.1", PORTS, wrong, source) for _ in range(asked)]
    return sum(why is not None for why in told) / asked


@pytest.mark.parametrize("fault", SHARES)
def test_probes_feel_each_severity_of_a_fault_as_much_as_it_hits(fault: str) -> None:
    for severity, share in zip(SEVERITIES, SHARES[fault], strict=True):
        wrong = preset(fault, severity)
        assert failing(wrong) == pytest.approx(share, abs=0.04), severity
        assert any(map(probes.by_chance, wrong)) or failing(wrong) in {0, 1}


def preset(fault: str, severity: Severity) -> list[Effect]:
    known = CATALOGUE[fault]
    env = {"TARGET_SERVICE_PORT": "8080", "STATUS_CODE": "503"}
    for name, value in known.preset(severity).items():
        parameter = known.parameter(name)
        assert parameter is not None
        env[parameter.env] = parameter.text(value)
    told = Tunables(env, lambda name, default: int(env.get(name) or default.partition("-")[0]))
    return list(effects(fault, VICTIM, told))


@pytest.mark.parametrize(
    ("probe", "share"),
    [
        ({**PROBE, "timeoutSeconds": 5}, 0.22),  # of 60 %: connected at the third try, answered at the fifth
        ({"tcpSocket": {"port": 8080}}, 0.6),
        ({"grpc": {"port": 8080}}, 0.75),
        ({"exec": {"command": ["true"]}}, 0.0),
    ],
)
def test_what_is_lost_is_sent_again_as_long_as_the_probe_waits(probe: Object, share: float) -> None:
    assert failing([Effect("network-loss", "shop", "cart", 60)], probe) == pytest.approx(share, abs=0.06)


def test_what_is_lost_towards_others_is_not_lost_to_the_probe() -> None:
    wrong = [Effect("network-loss", "shop", "cart", 60, ("db|5432",))]
    wrong += [Effect("http-reset", "shop", "cart", 0, share=0.6, port=9090)]
    assert failing(wrong) == 0.0


def test_a_line_that_loses_much_makes_a_pod_unready_and_start_anew_until_it_is_mended() -> None:
    world = World()
    ask = {"httpGet": {"port": 80}, "failureThreshold": 3}
    own = {"readinessProbe": {**ask, "periodSeconds": 2}, "livenessProbe": {**ask, "periodSeconds": 5}}
    world.pod("cart", SERVE, **own)
    world.run(5)
    assert world.ready() == ["cart"]
    loss = Effect("network-loss", NAMESPACE, "cart", 75)
    world.effects.start(loss)
    world.until(lambda: not world.ready(), 120)
    world.until(lambda: world.container("cart")["restartCount"] > 0, 300)
    world.effects.end(loss)
    world.until(lambda: world.ready() == ["cart"], 300)
    begun = orders(world)
    world.run(600)
    assert orders(world) - begun < 1000  # as for any steady pod
    assert world.ready() == ["cart"]


def orders(world: World) -> int:
    """How much work the engine was given so far."""
    return world.engine.call_later(0, lambda: None).order


def test_a_probe_of_a_port_that_nobody_has_comes_to_no_result() -> None:
    world = World()
    nowhere = {"httpGet": {"port": "nosuch"}, "periodSeconds": 1, "failureThreshold": 1}
    world.pod("cart", SERVE, readinessProbe=nowhere, livenessProbe=nowhere)
    world.run(30)
    assert not world.container("cart")["ready"]
    assert world.container("cart")["restartCount"] == 0
    why = 'probe errored and resulted in unknown state: strconv.Atoi: parsing "nosuch": invalid syntax'
    assert world.messages("cart", "Unhealthy") == [f"Readiness {why}", f"Liveness {why}"]


@pytest.mark.parametrize("port", ["http", "8080"])
def test_a_port_may_be_a_name_or_a_number_in_quotes(port: str) -> None:
    probe = {"httpGet": {"port": port}}
    why = probes.failure(probe, process(None), "10.0.0.1", PORTS, (), Random(0))
    assert why == 'Get "http://10.0.0.1:8080/": dial tcp 10.0.0.1:8080: connect: connection refused'
