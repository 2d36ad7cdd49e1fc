"""A simulated cluster that already fails, seen through the adapters that reach real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.servers import pace

from chaoskit import kube, recovery
from chaoskit.adapters import kubernetes
from chaoskit.adapters.kubernetes import KubernetesCluster
from chaoskit.adapters.prometheus import PrometheusMetrics
from chaoskit.clock import ScaledClock, WallClock
from chaoskit.events import Event, Step
from chaoskit.governor import Governor, Limits
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import Decision, Issue, Options, Reach
from chaoskit.simulator.cluster import SimulatedCluster
from chaoskit.simulator.effects import Effect
from chaoskit.simulator.traffic.view import Pod

RATE = 20.0


@dataclass
class Scene:
    """A running simulated cluster, and what a recovery needs of it."""

    sim: SimulatedCluster
    cluster: KubernetesCluster
    metrics: PrometheusMetrics
    clock: ScaledClock
    heard: list[str] = field(default_factory=list)

    @property
    def governor(self) -> Governor:
        return Governor(self.cluster, self.clock, Limits())

    def issues(self) -> tuple[Issue, ...]:
        return recovery.detect_issues(self.cluster, self.metrics, self.clock, "shop")

    def wait_for(self, kind: str, *, sure: float = 0.0, of: str = "") -> Issue:
        """The first issue of the class (and workload), as soon as there is one."""
        for _ in range(100):
            for issue in self.issues():
                if issue.kind == kind and issue.confidence >= sure and of in {"", issue.target.name}:
                    return issue
            self.clock.sleep(2)
        raise AssertionError(f"no {kind} within 200 s; there is {self.issues()}")

    def decide(self, issue: Issue, **more: Any) -> Decision:
        (decision,) = recovery.plan_for((issue,), self.reach, **more)
        return decision

    @property
    def reach(self) -> Reach:
        return Reach(self.cluster, self.metrics, self.clock, self.governor)

    def recover(self, decision: Decision, **more: Any) -> RecoveryRecord:
        """The decision was carried out; `more` are options of it, and parts of what it reaches."""
        reach = {name: more.pop(name) for name in ("notifier", "hooks", "approval") if name in more}
        options = Options(**{"listen": self._hear, **more})
        return recovery.recover(decision, replace(self.reach, **reach), options)

    def deployment(self, name: str) -> Object:
        return self.cluster.get(ref(name))

    def roll_out(self, name: str, **env: str) -> None:
        """The deployment's first container has these variables as well."""
        body = self.deployment(name)
        main = body["spec"]["template"]["spec"]["containers"][0]
        pairs = [{"name": key, "value": value} for key, value in env.items()]
        patch = {"spec": {"template": {"spec": {"containers": [{"name": main["name"], "env": pairs}]}}}}
        self.cluster.patch(ref(name), patch, type="strategic")

    def leases(self) -> Sequence[Object]:
        return self.cluster.list(kube.LEASE, "shop").items

    def _hear(self, event: Event) -> None:
        if isinstance(event, Step):
            self.heard.append(f"{event.name}: {event.mark}")


def ref(name: str) -> ObjectRef:
    return ObjectRef(kube.DEPLOYMENT, "shop", name)


Hurt = Callable[[Pod], Effect]


@contextmanager
def scene(
    tmp_path: Path,
    *,
    history: float = 3.0,
    workload: str = "",
    hurt: Hurt | None = None,
    before: float = 2.5,
    rate: float = RATE,
) -> Iterator[Scene]:
    """A shop with `history` minutes behind it; `hurt` befell the pods of `workload` `before` minutes ago.

    Slower than others where a recovery's own time matters, so that a busy machine does not count.
    """
    sim = SimulatedCluster(seed=7, rate=pace(rate), history=timedelta(minutes=history))

    def befall() -> None:
        for pod in [p for p in sim.shop.view.pods.values() if p.workload == workload]:
            assert hurt is not None
            sim.effects.start(hurt(pod))

    if hurt is not None:
        sim.engine.call_at(datetime.now(UTC).timestamp() - before * 60, befall)
    with sim:
        cluster = kubernetes.connect(sim.kubeconfig(tmp_path / "kubeconfig"), None, clock=WallClock())
        said = cluster.get(ObjectRef(kube.CONFIG_MAP, "kube-system", "simulator"))["data"]
        clock = ScaledClock(
            rate=float(said["rate"]),
            anchor_wall=float(said["anchorWall"]),
            anchor_simulated=float(said["anchorSimulated"]),
        )
        metrics = PrometheusMetrics(said["prometheus"], clock=clock)
        try:
            yield Scene(sim, cluster, metrics, clock)
        finally:
            metrics.close()
            cluster.close()
