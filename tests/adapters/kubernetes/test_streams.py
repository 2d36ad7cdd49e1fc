"""What a server does not answer is not waited for once its `stop` is set, or connections are closed."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.wire import Answer, Asked, kubeconfig_of, scripted

from chaoskit import kube
from chaoskit.adapters.kubernetes import KubernetesCluster, connect
from chaoskit.clock import ManualClock


class Hanging:
    """An API server that is silent to watches, or to lists."""

    def __init__(self, to: str) -> None:
        self._to = to
        self.reached = threading.Event()
        self.speaks = threading.Event()

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/api/v1":
            return Answer(body={"resources": [{"name": "pods", "kind": "Pod", "namespaced": True}]})
        if ("watch" if "watch=true" in asked.path else "list") == self._to:
            self.reached.set()
            self.speaks.wait(20)
        return Answer(body={"metadata": {"resourceVersion": "7"}, "items": []})


@pytest.fixture(params=["watch", "list"])
def server(request: pytest.FixtureRequest) -> Iterator[Hanging]:
    hanging = Hanging(request.param)
    yield hanging
    hanging.speaks.set()


def connected(folder: Path, cluster: dict[str, Any]) -> KubernetesCluster:
    return connect(kubeconfig_of(folder / "kubeconfig", cluster), clock=ManualClock())


@pytest.fixture(params=[False, True], ids=["http", "https"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path, server: Hanging) -> Iterator[KubernetesCluster]:
    authority, tls = trustme.CA(), None
    if request.param:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with scripted(server, tls=tls) as wire:
        said = {"server": wire.url, "certificate-authority": str(tmp_path / "ca.pem")}
        with connected(tmp_path, said) as opened:
            yield opened
        server.speaks.set()


ENDS: dict[str, Callable[[KubernetesCluster, threading.Event], None]] = {
    "stop": lambda cluster, stop: stop.set(),
    "close": lambda cluster, stop: cluster.close(),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_watch_ends_though_its_answer_has_not_begun(
    cluster: KubernetesCluster, server: Hanging, end: str
) -> None:
    stop, seen = threading.Event(), list[str]()

    def follow() -> None:
        seen.extend(change.type for change in cluster.watch(kube.POD, stop=stop))
        seen.append("ended")

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    assert server.reached.wait(5)
    ENDS[end](cluster, stop)
    thread.join(5)
    assert seen[-1:] == ["ended"]
    assert "LOST" not in seen
