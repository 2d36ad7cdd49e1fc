"""The same recoveries on a simulated cluster and on a real Kubernetes 1.20, of pods that really run."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaoskit import kube, recovery
from chaoskit.adapters import kubernetes
from chaoskit.adapters.kubernetes import KubernetesCluster
from chaoskit.clock import Clock, ScaledClock, WallClock
from chaoskit.errors import NotFound
from chaoskit.governor import Governor, Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import Issue, Reach

SERVERS = ["simulated_kubeconfig", pytest.param("real_kubeconfig", marks=pytest.mark.real)]


class Place:
    """A namespace of its own on a server, with one deployment that sleeps."""

    def __init__(self, cluster: KubernetesCluster, clock: Clock, namespace: str) -> None:
        self.cluster, self.clock, self.namespace = cluster, clock, namespace
        self.ref = ObjectRef(kube.DEPLOYMENT, namespace, "web")

    def container(self, **change: Any) -> None:
        """The deployment's container has been changed: a new revision is rolled out."""
        change = {"name": "web", **change}
        patch = {"spec": {"template": {"spec": {"containers": [change]}}}}
        self.cluster.patch(self.ref, patch, type="strategic")

    def template(self) -> Object:
        found: Object = self.cluster.get(self.ref)["spec"]["template"]
        return found

    def until_ready(self) -> None:
        for _ in range(120):
            if kube.ready_replicas(self.cluster.get(self.ref)) == 2:
                return
            self.clock.sleep(0.5)
        raise AssertionError("the deployment does not get ready")

    def wait_for(self, kind: str) -> Issue:
        for _ in range(120):
            found = recovery.detect_issues(self.cluster, None, self.clock, self.namespace)
            for issue in found:
                if issue.kind == kind and issue.confidence >= 0.85:
                    return issue
            self.clock.sleep(0.5)
        raise AssertionError(f"no {kind} within a minute")

    def recover(self, issue: Issue) -> RecoveryRecord:
        reach = Reach(self.cluster, None, self.clock, Governor(self.cluster, self.clock, Limits()))
        (decision,) = recovery.plan_for((issue,), reach)
        return recovery.recover(decision, reach)


def _clock(cluster: KubernetesCluster) -> Clock:
    try:
        said = cluster.get(ObjectRef(kube.CONFIG_MAP, "kube-system", "simulator"))["data"]
    except NotFound:
        return WallClock()
    return ScaledClock(
        rate=float(said["rate"]),
        anchor_wall=float(said["anchorWall"]),
        anchor_simulated=float(said["anchorSimulated"]),
    )


def _deployment(namespace: str) -> Object:
    container = {
        "name": "web",
        "image": "busybox:1.35",
        "command": ["sh", "-c", "sleep 3600"],
        "resources": {"limits": {"cpu": "100m", "memory": "64Mi"}},
    }
    labels = {"app": "web"}
    pod = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


@pytest.fixture(params=SERVERS)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    kubeconfig: Path = request.getfixturevalue(request.param)
    cluster = kubernetes.connect(kubeconfig, None, clock=WallClock())
    namespace = ObjectRef(kube.NAMESPACE, "", f"recovery-{secrets.token_hex(3)}")
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace.name}})
    try:
        cluster.create(_deployment(namespace.name))
        found = Place(cluster, _clock(cluster), namespace.name)
        found.until_ready()
        yield found
    finally:
        cluster.delete(namespace)
        cluster.close()


def test_pods_that_run_well_give_nothing_to_do(place: Place) -> None:
    assert recovery.detect_issues(place.cluster, None, place.clock, place.namespace) == ()


@pytest.mark.parametrize(
    "bad",
    [{"command": ["sh", "-c", "sleep 1; exit 3"]}, {"image": "registry.invalid/team/none:1"}],
    ids=["a revision that crashes", "a revision whose image does not exist"],
)
def test_a_bad_revision_is_rolled_back_and_verified(place: Place, bad: dict[str, Any]) -> None:
    healthy = place.template()
    place.container(**bad)
    issue = place.wait_for("pod-crash")
    assert "bad-rollout" in issue.kinds
    record = place.recover(issue)
    assert record.outcome is Outcome.RECOVERED, record.reason
    assert record.steps[0]["action"] == "roll-back"
    assert place.template() == healthy
    assert recovery.detect_issues(place.cluster, None, place.clock, place.namespace) == ()


def test_an_image_that_never_existed_is_for_a_person_and_nothing_is_changed(place: Place) -> None:
    ref = ObjectRef(kube.DEPLOYMENT, place.namespace, "nopull")
    body = _deployment(place.namespace)
    body["metadata"]["name"] = "nopull"
    body["spec"]["selector"]["matchLabels"] = body["spec"]["template"]["metadata"]["labels"] = {
        "app": "nopull"
    }
    body["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.invalid/team/none:1"
    before = place.cluster.create(body)["spec"]
    record = place.recover(place.wait_for("pod-crash"))
    assert record.outcome is Outcome.NOT_RECOVERED
    assert [step["action"] for step in record.steps] == ["notify"]
    assert place.cluster.get(ref)["spec"] == before
