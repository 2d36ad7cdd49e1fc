"""Drawn topologies: of the size that was asked for, connected, the same from the same seed, and healthy."""

from __future__ import annotations

import pytest
from tests.simulator.world import World

from chaoskit.simulator.shop.shop import Shop
from chaoskit.simulator.shop.topologies import topology


@pytest.mark.parametrize("pods", [12, 13, 30, 100, 1000])
def test_a_topology_has_the_pods_that_were_asked_for(pods: int) -> None:
    assert sum(service.replicas for service in topology(pods)) == pods


def test_every_service_is_called_and_none_calls_itself_or_its_callers() -> None:
    services = [one for one in topology(200) if not one.extra]
    places = {service.name: at for at, service in enumerate(services)}
    called = {callee for service in services for callee, _ in service.calls}
    assert called == places.keys() - {services[0].name}
    assert all(places[c] > places[s.name] for s in services for c, _ in s.calls)


def test_seeds_differ_and_a_seed_does_not() -> None:
    assert topology(60, seed=1) == topology(60, seed=1)
    assert topology(60, seed=1) != topology(60, seed=2)


@pytest.mark.parametrize("pods", [0, 11, 1001])
def test_a_size_that_cannot_be_is_refused(pods: int) -> None:
    with pytest.raises(ValueError, match="12 to 1000 pods"):
        topology(pods)


def test_a_drawn_shop_runs_and_fails_almost_nothing() -> None:
    world = World(namespace="kube-system")
    shop = Shop(world.api, world.engine, world.effects, world.kubelet, services=topology(40, seed=3))
    shop.start()
    world.run(180)
    assert len(world.api.list("Pod", "shop")) == 40
    found = [series.at(shop.signals.step) for series in shop.signals.latest("chaoskit:errors:ratio")]
    assert len(found) > 20
    assert max(found) < 0.05
