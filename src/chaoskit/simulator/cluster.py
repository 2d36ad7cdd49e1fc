"""A whole simulated cluster: composed, started, told to clients, stopped."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from chaoskit.simulator import controllers, kubeconfig, litmus
from chaoskit.simulator.api import Change, Object
from chaoskit.simulator.apiserver import bootstrap
from chaoskit.simulator.apiserver.local import LocalApi
from chaoskit.simulator.apiserver.machinery import Machinery
from chaoskit.simulator.apiserver.server import ApiServer
from chaoskit.simulator.controllers.scheduler import Scheduler
from chaoskit.simulator.effects import Effects
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.knobs import Knobs
from chaoskit.simulator.litmus import simulated
from chaoskit.simulator.node import nodes
from chaoskit.simulator.node.kubelet import Kubelet
from chaoskit.simulator.prometheus.server import INSIDE, PrometheusServer
from chaoskit.simulator.shop import dns, manifests
from chaoskit.simulator.shop.shop import Shop
from chaoskit.simulator.shop.topologies import topology

PUBLISHED = "simulator"
"""The ConfigMap in kube-system that tells clients how fast time flows."""
_PODS_PER_NODE = 30
FASTEST = 600.0
"""How many times faster than the wall time can be asked to flow."""
CHAOS_NAMESPACES = ("litmus", "shop")
"""Where the ChaosExperiments and their service account are installed from the start."""


class SimulatedCluster:
    """A Kubernetes cluster on loopback, with Litmus, Prometheus and a demo shop.

    `rate` is how many simulated seconds pass in a real one. With `history` the cluster has lived that
    long when it has started, in as little time as the machine needs; its present is then the real one,
    or `start`. Without `shop` no workload is deployed. `port` 0 takes any free one. `knobs` make it fail on
    purpose; a ConfigMap turns them too. With `pods` the shop is a drawn one of that many, on as many nodes as
    they need.
    """

    def __init__(
        self,
        seed: int = 7,
        rate: float = 1.0,
        start: datetime | None = None,
        shop: bool = True,
        story: str | None = None,
        port: int = 0,
        history: timedelta = timedelta(0),
        knobs: Knobs | None = None,
        pods: int = 0,
    ) -> None:
        present = start or datetime.now(UTC)
        self.engine = Engine(start=present - history, seed=seed, rate=rate)
        self.effects = Effects()
        self._machinery = Machinery(self.engine)
        self.api = LocalApi(self.engine, self._machinery)
        self.kubelet = Kubelet(self.api, self.engine, self.effects)
        self._present = present
        self._story = story
        self.knobs = knobs or Knobs()
        self._server = ApiServer(self._machinery, port, self.knobs)
        self.token = self._server.token
        self._furnish(max(3, math.ceil(pods / _PODS_PER_NODE)), shop=shop)
        self.shop = Shop(
            self.api,
            self.engine,
            self.effects,
            self.kubelet,
            seed=seed,
            story=story,
            present=present.timestamp(),
            deploy=shop,
            services=topology(pods, seed) if pods else manifests.SHOP,
        )
        self.prometheus = PrometheusServer(self.engine, self.shop.signals, exposition=self.shop.metrics)
        self.operator = simulated.operator(
            self.api,
            self.engine,
            self.effects,
            self.kubelet,
            http=self.shop.network,
            prom=self.prometheus.values,
            knobs=self.knobs,
        )

    @property
    def url(self) -> str:
        """Where the API server listens; ``https`` is spoken there too, as kubectl demands."""
        return f"http://{self._server.address}"

    @property
    def prometheus_url(self) -> str:
        """Where Prometheus listens."""
        return self.prometheus.url

    def start(self) -> None:
        """The history has been lived through, time flows, and clients are answered."""
        controllers.start_all(self.api, self.engine)
        Scheduler(self.api, self.engine).start()
        self.kubelet.start()
        self.operator.start()
        self.knobs.follow(self.api)
        self.shop.start()
        self.engine.run_until(self._present.timestamp())
        self.engine.start()
        self.prometheus.start()
        self._publish()
        self.api.watch("ConfigMap", self._asked)
        self._server.serve(self.kubelet)

    def stop(self) -> None:
        """Nobody is answered any more, and time stands still."""
        self._server.stop()
        self.prometheus.stop()
        self.engine.stop()

    def set_rate(self, rate: float) -> None:
        """Time flows `rate` times as fast as on the wall from now on, and clients can know it."""
        self.engine.pace(rate)
        self._publish()

    def kubeconfig(self, path: Path) -> Path:
        """`path` holds a kubeconfig for the administrator, readable by its owner alone."""
        secure = self.url.replace("http://", "https://")
        return kubeconfig.write(path, secure, self.token, self._server.certificate.certificate)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _furnish(self, count: int, *, shop: bool) -> None:
        """What an installer has put into the cluster of so many nodes before it is handed over."""
        bootstrap.fill(self.api)
        nodes.create(self.api, self.engine.now(), count=count)
        for manifest in dns.manifests() if shop else ():
            self.api.create(manifest)
        litmus.install(self.api, CHAOS_NAMESPACES)

    def _asked(self, change: Change, body: Object) -> None:
        """Who writes `wantedRate` into the ConfigMap gets it: `rate` and the anchors follow."""
        meta, data = body["metadata"], body.get("data") or {}
        if change == "DELETED" or (meta["namespace"], meta["name"]) != ("kube-system", PUBLISHED):
            return
        with suppress(ValueError):
            wanted = float(data.get("wantedRate", "0"))
            if 0 < wanted <= FASTEST and wanted != self.engine.rate:
                self.engine.call_later(0, lambda: self.set_rate(wanted))

    def _publish(self) -> None:
        """The ConfigMap says how simulated time follows the wall's."""
        with self.engine.lock:
            data = {
                "rate": str(self.engine.rate),
                "seed": str(self.engine.seed),
                "anchorWall": f"{time.time():.6f}",
                "anchorSimulated": f"{self.engine.now():.6f}",
                "prometheus": self.prometheus_url,
                "prometheusForPods": INSIDE,
                "story": self._story or "",
            }
            if self.api.get("ConfigMap", "kube-system", PUBLISHED) is None:
                self.api.create(_published(data))
            else:
                self.api.patch("ConfigMap", "kube-system", PUBLISHED, {"data": data})


def _published(data: dict[str, str]) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": PUBLISHED,
            "namespace": "kube-system",
            "labels": {"chaoskit.io/simulator": "true"},
        },
        "data": data,
    }
