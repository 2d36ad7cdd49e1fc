"""Requests on the wire: what is sent, what is sent again, and what a cut means."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.servers import free_port
from tests.wire import Answer, Asked, Scripted, kubeconfig_of, scripted

from chaoskit import kube
from chaoskit.adapters.kubernetes import KubernetesCluster, connect
from chaoskit.clock import ManualClock
from chaoskit.errors import (
    CannotStart,
    ChaoskitError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Refused,
    Unavailable,
)
from chaoskit.ports.cluster import Access, ObjectRef

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop", "uid": "u1"}}
REF = ObjectRef(kube.POD, "shop", "a")
CORE = {
    "resources": [
        {"name": "pods", "kind": "Pod", "namespaced": True},
        {"name": "pods/eviction", "kind": "Eviction", "namespaced": True, "group": "policy", "version": "v1"},
    ]
}


def server(asked: Asked) -> Answer:
    path = asked.path.partition("?")[0]
    if path == "/api/v1":
        return Answer(body=CORE)
    if path == "/apis":
        return Answer(body={"groups": []})
    return Answer(body=POD)


def failure(code: int, **details: Any) -> dict[str, Any]:
    return {"kind": "Status", "code": code, "message": f"it is {code}", "details": details}


def connected(folder: Path, url: str, clock: ManualClock) -> KubernetesCluster:
    return connect(kubeconfig_of(folder / "kubeconfig", url), clock=clock)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def wire() -> Iterator[Scripted]:
    with scripted(server) as listening:
        yield listening


@pytest.fixture
def cluster(tmp_path: Path, wire: Scripted, clock: ManualClock) -> Iterator[KubernetesCluster]:
    with connected(tmp_path, wire.url, clock) as opened:
        opened.get(REF)  # what the server has is known from here on
        wire.asked.clear()
        yield opened


BUSY = Answer(429, failure(429), {"Retry-After": "3"})
RESET = Answer(cut=True)


def test_requests_log_in_and_say_who_asks(cluster: KubernetesCluster, wire: Scripted) -> None:
    cluster.get(REF)
    headers = wire.asked[0].headers
    assert headers["Authorization"] == "Bearer s3cret"
    assert headers["User-Agent"] == "chaoskit"


@pytest.mark.parametrize(
    "trouble", [BUSY, RESET, *(Answer(code, failure(code)) for code in (500, 502, 503, 504))]
)
def test_a_read_is_repeated(cluster: KubernetesCluster, wire: Scripted, trouble: Answer) -> None:
    wire.will(trouble, trouble)
    assert cluster.get(REF) == POD
    assert len(wire.asked) == 3


def test_the_server_is_left_alone_as_long_as_it_asks(
    cluster: KubernetesCluster, wire: Scripted, clock: ManualClock
) -> None:
    wire.will(BUSY)
    cluster.get(REF)
    assert clock.monotonic() == 3


def test_a_server_that_stays_broken_is_unavailable(cluster: KubernetesCluster, wire: Scripted) -> None:
    wire.will(*[Answer(503, failure(503))] * 9)
    with pytest.raises(Unavailable, match="it is 503") as raised:
        cluster.get(REF)
    assert raised.value.address == wire.url
    assert len(wire.asked) == 5


def test_a_create_that_may_have_arrived_is_not_repeated(cluster: KubernetesCluster, wire: Scripted) -> None:
    wire.will(RESET)
    with pytest.raises(Unavailable, match="cut the connection"):
        cluster.create(POD)
    assert wire.paths() == ["POST /api/v1/namespaces/shop/pods"]


@pytest.mark.parametrize("code", [500, 503, 504])
def test_a_create_that_failed_in_the_server_is_not_repeated(
    cluster: KubernetesCluster, wire: Scripted, code: int
) -> None:
    wire.will(Answer(code, failure(code)))
    with pytest.raises(Unavailable):
        cluster.create(POD)
    assert len(wire.asked) == 1


def test_a_create_that_the_server_put_off_is_repeated(cluster: KubernetesCluster, wire: Scripted) -> None:
    wire.will(BUSY)
    assert cluster.create(POD) == POD
    assert len(wire.asked) == 2


def test_a_rehearsed_create_is_repeated_like_a_read(cluster: KubernetesCluster, wire: Scripted) -> None:
    wire.will(RESET)
    cluster.create(POD, dry_run=True)
    assert [each.path.partition("?")[2] for each in wire.asked] == ["fieldManager=chaoskit&dryRun=All"] * 2


def test_a_patch_that_may_have_arrived_is_not_repeated(cluster: KubernetesCluster, wire: Scripted) -> None:
    wire.will(RESET)
    with pytest.raises(Unavailable):
        cluster.patch(REF, [{"op": "add", "path": "/metadata/finalizers/-", "value": "x"}], type="json")
    assert len(wire.asked) == 1


SHED, LOST = Answer(429, failure(429)), Answer(500, failure(500))
UNSTORED = Answer(500, failure(500) | {"message": 'failed calling webhook "policy.example.com": refused'})


@pytest.mark.parametrize(
    ("answers", "harmless"),
    [
        ([SHED] * 5, True),
        ([UNSTORED] * 5, True),
        ([SHED, LOST, SHED, SHED, SHED], False),
        ([LOST, *[UNSTORED] * 4], False),
        ([RESET, *[SHED] * 4], False),
        ([LOST, Answer(401, failure(401))], False),
        ([LOST, Answer(403, failure(403))], False),
        ([SHED, Answer(403, failure(403))], True),
        ([LOST, Answer(404, failure(404, name="a"))], True),
        ([LOST, Answer(409, failure(409))], False),
        ([SHED, Answer(409, failure(409))], True),
    ],
)
def test_a_write_is_harmless_only_if_every_attempt_was(
    cluster: KubernetesCluster, wire: Scripted, answers: list[Answer], *, harmless: bool
) -> None:
    wire.will(*answers)
    with pytest.raises(ChaoskitError) as raised:
        cluster.patch(REF, {"metadata": {"resourceVersion": "7", "labels": {"team": "shop"}}})
    assert raised.value.harmless is harmless
    assert [each.method for each in wire.asked if each.method != "GET"] == ["PATCH"] * len(answers)


def test_deleting_one_uid_and_applying_twice_is_as_good_as_once(
    cluster: KubernetesCluster, wire: Scripted
) -> None:
    wire.will(RESET, Answer(body={}), RESET)
    cluster.delete(kube.ref_of(POD))
    cluster.apply(POD)
    assert [each.method for each in wire.asked] == ["DELETE", "DELETE", "PATCH", "PATCH"]


def test_deleting_one_version_names_it_and_may_be_repeated(
    cluster: KubernetesCluster, wire: Scripted
) -> None:
    wire.will(RESET, Answer(body={}))
    cluster.delete(REF, version="7")
    assert [json.loads(each.body)["preconditions"] for each in wire.asked] == [{"resourceVersion": "7"}] * 2


def test_deleting_a_name_that_may_be_another_objects_by_now_is_not_repeated(
    cluster: KubernetesCluster, wire: Scripted
) -> None:
    wire.will(RESET)
    with pytest.raises(Unavailable):
        cluster.delete(REF)
    assert len(wire.asked) == 1


def test_a_watch_does_not_outlive_a_close(cluster: KubernetesCluster, wire: Scripted) -> None:
    hold = threading.Event()
    wire.will(listing("7"), Answer(lines=(), hold=hold))
    watch = cluster.watch(kube.POD, "shop", stop=threading.Event())
    assert next(watch).type == "SYNCED"
    cluster.close()
    assert list(watch) == []
    hold.set()


def test_an_eviction_that_a_budget_blocks_is_refused_at_once(
    cluster: KubernetesCluster, wire: Scripted, clock: ManualClock
) -> None:
    cause = {"reason": "DisruptionBudget", "message": "The disruption budget b needs 1"}
    wire.will(Answer(429, failure(429, causes=[cause]), {"Retry-After": "10"}))
    with pytest.raises(Refused) as raised:
        cluster.evict(REF)
    assert raised.value.guard == "disruption budget"
    assert (len(wire.asked), clock.monotonic()) == (1, 0)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, InvalidInput),
        (401, CannotStart),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (422, InvalidInput),
    ],
)
def test_a_clear_no_is_not_asked_twice(
    cluster: KubernetesCluster, wire: Scripted, code: int, kind: type[Exception]
) -> None:
    wire.will(Answer(code, failure(code, name="a")))
    with pytest.raises(kind, match="get pod/a in shop"):
        cluster.get(REF)
    assert len(wire.asked) == 1


def test_writes_wait_for_a_server_that_is_not_there_yet(tmp_path: Path, clock: ManualClock) -> None:
    with (
        connected(tmp_path, f"http://127.0.0.1:{free_port()}", clock) as cluster,
        pytest.raises(Unavailable, match="does not accept connections"),
    ):
        cluster.patch(REF, {}, type="merge")
    assert clock.monotonic() > 1


def test_a_server_of_another_kind_is_recognised(cluster: KubernetesCluster, wire: Scripted) -> None:
    wire.will(Answer(body=b"<html>hello</html>"))
    with pytest.raises(Unavailable, match="does not answer like a Kubernetes API server"):
        cluster.get(REF)


def test_patches_name_their_kind_and_that_very_object(cluster: KubernetesCluster, wire: Scripted) -> None:
    very = ObjectRef(kube.POD, "shop", "a", "u1")
    cluster.patch(very, {"metadata": {"labels": {"x": "y"}}}, type="strategic")
    cluster.patch(very, {"spec": {"replicas": 2}}, subresource="scale")
    first, second = wire.asked
    assert first.headers["Content-Type"] == "application/strategic-merge-patch+json"
    assert json.loads(first.body) == {"metadata": {"uid": "u1", "labels": {"x": "y"}}}
    assert second.path.startswith("/api/v1/namespaces/shop/pods/a/scale?")
    assert json.loads(second.body) == {"spec": {"replicas": 2}}


def test_an_apply_names_its_manager_and_whether_it_forces(cluster: KubernetesCluster, wire: Scripted) -> None:
    cluster.apply(POD, force=True)
    assert wire.asked[0].headers["Content-Type"] == "application/apply-patch+yaml"
    assert wire.asked[0].path.endswith("/pods/a?fieldManager=chaoskit&force=true")


def test_a_service_account_is_asked_about_with_its_groups(cluster: KubernetesCluster, wire: Scripted) -> None:
    wire.will(Answer(201, {"status": {"allowed": False}}))
    asked = Access("create", "litmuschaos.io", "chaosengines", "shop")
    assert cluster.can_i(asked, user="system:serviceaccount:shop:litmus") == "denied"
    assert json.loads(wire.asked[0].body)["spec"] == {
        "resourceAttributes": {
            "verb": "create", "group": "litmuschaos.io", "resource": "chaosengines", "namespace": "shop",
        },
        "user": "system:serviceaccount:shop:litmus",
        "groups": ["system:authenticated", "system:serviceaccounts", "system:serviceaccounts:shop"],
    }  # fmt: skip


def test_who_may_not_ask_gets_unknown(cluster: KubernetesCluster, wire: Scripted) -> None:
    wire.will(Answer(403, failure(403)))
    assert cluster.can_i(Access("get", "", "pods"), user="ada") == "unknown"


def listing(version: str, *names: str, token: str = "") -> Answer:
    items = [{"metadata": {"name": name, "resourceVersion": "1"}} for name in names]
    return Answer(body={"metadata": {"resourceVersion": version, "continue": token}, "items": items})


def test_a_long_list_is_read_in_pages(cluster: KubernetesCluster, wire: Scripted) -> None:
    wire.will(listing("7", "a", "b", token="more"), listing("7", "c"))
    found = cluster.list(kube.POD, "shop", labels="app=x")
    assert [item["metadata"]["name"] for item in found.items] == ["a", "b", "c"]
    assert found.resource_version == "7"
    assert found.items[0]["kind"] == "Pod"
    assert [each.path.partition("?")[2] for each in wire.asked] == [
        "labelSelector=app%3Dx&limit=500",
        "labelSelector=app%3Dx&limit=500&continue=more",
    ]


def test_pages_whose_version_is_forgotten_are_read_anew_in_one(
    cluster: KubernetesCluster, wire: Scripted
) -> None:
    wire.will(listing("7", "a", token="more"), Answer(410, failure(410)), listing("9", "a", "z"))
    assert len(cluster.list(kube.POD, "shop").items) == 2
    assert wire.asked[-1].path == "/api/v1/namespaces/shop/pods"


def test_the_log_of_a_container_that_waits_is_not_found(cluster: KubernetesCluster, wire: Scripted) -> None:
    said = 'container "c" in pod "a" is waiting to start: ContainerCreating'
    wire.will(Answer(400, {"kind": "Status", "code": 400, "message": said}))
    with pytest.raises(NotFound, match="waiting to start"):
        cluster.logs(REF)


def test_close_ends_a_watch_in_another_thread(cluster: KubernetesCluster, wire: Scripted) -> None:
    hold, synced, seen = threading.Event(), threading.Event(), []
    wire.will(listing("7"), Answer(lines=(), hold=hold))

    def follow() -> None:
        for change in cluster.watch(kube.POD, "shop", stop=threading.Event()):
            seen.append(change.type)
            synced.set()

    thread = threading.Thread(target=follow)
    thread.start()
    synced.wait(5)
    while len(wire.asked) < 2:
        thread.join(0.01)
    cluster.close()
    thread.join(5)
    hold.set()
    assert not thread.is_alive()
    assert seen == ["SYNCED"]


def test_a_server_that_quotes_what_it_was_sent_is_not_quoted(
    cluster: KubernetesCluster, wire: Scripted
) -> None:
    wire.will(Answer(403, {**failure(403), "message": "token s3cret cannot get pods"}))
    with pytest.raises(Forbidden, match=r"token \(hidden\) cannot get pods"):
        cluster.get(REF)
    assert cluster.secrets == {"s3cret"}


def test_user_and_password_of_a_server_are_sent_and_never_told(tmp_path: Path, clock: ManualClock) -> None:
    with scripted(server) as wire:
        there = wire.url.partition("://")[2]
        with connected(tmp_path, f"http://me:hunter22@{there}", clock) as cluster:
            assert cluster.get(REF)["metadata"]["name"] == "a"
            assert cluster.address == f"http://(hidden)@{there}"
            assert "hunter22" in cluster.secrets
