"""A recovery that needs a person tells one, through the webhook that the settings name."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from tests.servers import pace, until
from tests.wire import Answer, scripted

import chaoskit
from chaoskit import kube
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery import Issue
from chaoskit.simulator.cluster import SimulatedCluster


def _unpullable(world: chaoskit.World) -> None:
    """A deployment whose image never existed is in the shop."""
    body = world.cluster.get(ObjectRef(kube.DEPLOYMENT, "shop", "cart"))
    spec = body["spec"]
    spec["selector"] = {"matchLabels": {"app": "nopull"}}
    spec["template"]["metadata"]["labels"] = {"app": "nopull"}
    spec["template"]["spec"]["containers"][0]["image"] = "registry.invalid/team/none:1"
    meta = {"name": "nopull", "namespace": "shop"}
    world.cluster.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec})


def test_the_last_rung_reaches_the_webhook_that_the_settings_name(tmp_path: Path) -> None:
    with (
        scripted(lambda _: Answer(200, b"ok")) as wire,
        SimulatedCluster(seed=7, rate=pace(40), history=timedelta(minutes=1)) as simulated,
        chaoskit.connect(
            kubeconfig=str(simulated.kubeconfig(tmp_path / "kubeconfig")),
            home=tmp_path / "home",
            webhook=f"{wire.url}/hook",
        ) as world,
    ):
        _unpullable(world)
        flow = chaoskit.AutoRecovery(world)

        def found() -> list[Issue]:
            return [each for each in flow.detect("shop") if each.target.name == "nopull"]

        until(found, 30, "the image that cannot be pulled is not detected")
        (decision,) = flow.plan(found()[:1])
        record = flow.recover(decision)

        assert record.outcome is Outcome.NOT_RECOVERED
        assert record.steps[-1]["detail"] == "a person was told"
        (asked,) = wire.asked
        told = json.loads(asked.body)
        assert (asked.path, told["severity"]) == ("/hook", "critical")
        assert "nopull" in told["text"]
        assert told["labels"]["recovery"] == record.id


def test_without_a_webhook_nobody_can_be_told(tmp_path: Path) -> None:
    with (
        SimulatedCluster(seed=7, rate=pace(40)) as simulated,
        chaoskit.connect(
            kubeconfig=str(simulated.kubeconfig(tmp_path / "kubeconfig")), home=tmp_path / "home"
        ) as world,
    ):
        assert world.notifier is None
