"""A 404 of a proxy, a load balancer or a gateway before the API server: no word on what the cluster has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.wire import Answer, Asked, Scripted, kubeconfig_of, scripted

from chaoskit import kube
from chaoskit.acts.courses import alone
from chaoskit.acts.entries import Entry
from chaoskit.acts.means import Means
from chaoskit.acts.undo import undo
from chaoskit.adapters.kubernetes import KubernetesCluster, connect
from chaoskit.clock import ManualClock
from chaoskit.errors import NotFound, Unavailable
from chaoskit.ports.cluster import ObjectRef

REF = ObjectRef(kube.DEPLOYMENT, "shop", "cart")
CART = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "cart", "namespace": "shop", "uid": "u", "resourceVersion": "1"},
    "spec": {"replicas": 0},
}
MUX = Answer(404, b"404 page not found\n")
NGINX = Answer(404, b"<html><body><h1>404 Not Found</h1><hr>nginx</body></html>")
GATEWAY = Answer(
    404, {"kind": "Status", "code": 404, "reason": "NotFound", "message": 'cluster "prod" not found'}
)
NAMED = Answer(
    404,
    {
        "kind": "Status",
        "code": 404,
        "reason": "NotFound",
        "message": 'clusters "prod" not found',
        "details": {"name": "prod", "kind": "clusters"},
    },
)
"""A gateway's, of an object of its own."""
APPS = {"groups": [{"name": "apps", "versions": [{"version": "v1"}]}]}


class Server:
    """An API server with one deployment; `away` says by path what is answered in its place."""

    def __init__(self) -> None:
        self.away: Callable[[str], Answer | None] = lambda path: None
        self.apis = APPS

    def __call__(self, asked: Asked) -> Answer:
        path = asked.path.partition("?")[0]
        if (instead := self.away(path)) is not None:
            return instead
        if path == "/apis":
            return Answer(body=self.apis)
        if path == "/apis/apps/v1":
            return Answer(
                body={"resources": [{"name": "deployments", "kind": "Deployment", "namespaced": True}]}
            )
        return Answer(body=CART)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def wire(server: Server) -> Iterator[Scripted]:
    with scripted(server) as listening:
        yield listening


@pytest.fixture
def cluster(tmp_path: Path, wire: Scripted) -> Iterator[KubernetesCluster]:
    with connected(tmp_path, wire) as opened:
        opened.get(REF)  # what the server has is known from here on
        wire.asked.clear()
        yield opened


def connected(folder: Path, wire: Scripted) -> KubernetesCluster:
    return connect(kubeconfig_of(folder / "kubeconfig", wire.url), clock=ManualClock())


ACTS: dict[str, Callable[[KubernetesCluster], object]] = {
    "get": lambda cluster: cluster.get(REF),
    "list": lambda cluster: cluster.list(kube.DEPLOYMENT, "shop"),
    "patch": lambda cluster: cluster.patch(REF, {"spec": {"replicas": 3}}),
    "delete": lambda cluster: cluster.delete(REF),
    "create": lambda cluster: cluster.create(CART),
    "apply": lambda cluster: cluster.apply(CART),
    "identity": lambda cluster: cluster.identity(),
}


@pytest.mark.parametrize("page", [MUX, NGINX, GATEWAY, NAMED], ids=["mux", "nginx", "gateway", "named"])
@pytest.mark.parametrize("act", ACTS)
def test_who_answers_in_the_place_of_the_server_makes_it_unavailable(
    cluster: KubernetesCluster, server: Server, page: Answer, act: str
) -> None:
    server.away = lambda path: page
    with pytest.raises(Unavailable, match="404"):
        ACTS[act](cluster)
    server.away = lambda path: None
    assert cluster.get(REF) == CART


def test_it_is_told_what_was_asked_for(cluster: KubernetesCluster, server: Server) -> None:
    server.away = lambda path: NGINX
    with pytest.raises(Unavailable, match=r"^cannot get deployment/cart in shop: <html>.*\(HTTP 404\)$"):
        cluster.get(REF)


@pytest.mark.parametrize(
    ("answers", "harmless"),
    [
        ([NGINX, NGINX], True),
        ([NGINX, Answer(cut=True), NGINX], True),
        ([Answer(500, b"lost"), NGINX, NGINX], False),
    ],
    ids=["alone", "and nobody to ask", "after a lost one"],
)
def test_a_write_that_never_came_through_is_harmless_if_no_other_did(
    cluster: KubernetesCluster, wire: Scripted, answers: list[Answer], *, harmless: bool
) -> None:
    wire.will(*answers)
    with pytest.raises(Unavailable, match="cannot patch deployment/cart") as raised:
        cluster.patch(REF, {"metadata": {"resourceVersion": "1"}})
    assert raised.value.harmless is harmless
    assert not wire.queue


def test_so_it_is_for_who_knows_nothing_of_the_server_yet(
    tmp_path: Path, wire: Scripted, server: Server
) -> None:
    server.away = lambda path: NGINX
    with connected(tmp_path, wire) as cluster:
        with pytest.raises(Unavailable):
            cluster.list(kube.DEPLOYMENT, "shop")
        server.away = lambda path: NGINX if path == "/apis/apps/v1" else None  # one server of several is away
        with pytest.raises(Unavailable):
            cluster.get(REF)


@pytest.mark.parametrize("page", [NGINX, NAMED], ids=["nginx", "named"])
def test_an_undo_is_not_taken_for_done(cluster: KubernetesCluster, server: Server, page: Answer) -> None:
    server.away = lambda path: page
    entry = Entry("field", REF, ("spec", "replicas"), 3, 0)
    with pytest.raises(Unavailable):
        alone(undo(Means(cluster, ManualClock()), entry), ManualClock())


@pytest.mark.parametrize("act", ["get", "patch", "create", "apply"])
@pytest.mark.parametrize("page", [MUX, Answer(404, {"kind": "Status", "code": 404, "details": {}})])
def test_a_kind_that_was_removed_is_not_found(
    cluster: KubernetesCluster, server: Server, page: Answer, act: str
) -> None:
    removed(server, page)
    with pytest.raises(NotFound, match=r"no Deployment\.apps any more"):
        ACTS[act](cluster)


def test_a_kind_that_was_removed_has_none_to_list_or_to_delete(
    cluster: KubernetesCluster, server: Server
) -> None:
    removed(server, MUX)
    cluster.delete(REF)
    assert cluster.list(kube.DEPLOYMENT) == ((), "")


def removed(server: Server, page: Answer) -> None:
    server.apis = {"groups": []}
    server.away = lambda path: page if path.startswith("/apis/apps") else None


def test_an_object_that_is_missing_costs_one_request(
    cluster: KubernetesCluster, server: Server, wire: Scripted
) -> None:
    status = {"kind": "Status", "code": 404, "reason": "NotFound", "details": {"name": "cart"}}
    server.away = lambda path: Answer(404, status)
    with pytest.raises(NotFound):
        cluster.get(REF)
    assert len(wire.asked) == 1
