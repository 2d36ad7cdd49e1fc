"""Actors reach a cluster over HTTP as they reach the store of their own process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.servers import free_port

from chaoskit.simulator import kubeconfig
from chaoskit.simulator.api import Api, ApiError, Object
from chaoskit.simulator.apiserver.local import LocalApi
from chaoskit.simulator.cluster import SimulatedCluster
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.remote import RemoteApi, _Follower

NAMESPACE = "default"
_KUBECONFIGS = {"remote": "kubeconfig", "real": "real_kubeconfig"}


def config_map(name: str, **data: str) -> Object:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"test": "remote"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


@pytest.fixture(params=["local", "remote", pytest.param("real", marks=pytest.mark.real)])
def bound(request: pytest.FixtureRequest) -> Iterator[tuple[Api, Callable[[], None]]]:
    """An actor's interface, and what lets its engine do what is due."""
    engine = Engine(start=datetime.now(UTC))
    if request.param == "local":
        local = LocalApi(engine)
        local.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        yield local, lambda: engine.run_for(1)
        return
    remote = RemoteApi(engine, request.getfixturevalue(_KUBECONFIGS[request.param]))
    yield remote, lambda: engine.run_for(1)
    remote.close()


def until(holds: Callable[[], Any], turn: Callable[[], None]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        turn()
        time.sleep(0.02)


def test_objects_are_made_read_changed_and_deleted(bound: tuple[Api, Callable[[], None]]) -> None:
    api, _ = bound
    created = api.create(config_map("a", x="1", y="2"))
    assert created["metadata"]["uid"]
    assert api.patch("ConfigMap", NAMESPACE, "a", {"data": {"x": None}})["data"] == {"y": "2"}
    stale = {**created, "data": {}}
    with pytest.raises(ApiError) as refused:
        api.update(stale)
    assert (refused.value.code, refused.value.reason) == (409, "Conflict")
    (listed,) = api.list("ConfigMap", NAMESPACE, "test=remote")
    assert (listed["kind"], listed["data"]) == ("ConfigMap", {"y": "2"})
    listed["data"] = {"z": "3"}
    assert api.update(listed)["data"] == {"z": "3"}
    with pytest.raises(ApiError):
        api.delete("ConfigMap", NAMESPACE, "a", uid="11111111-1111-1111-1111-111111111111")
    api.delete("ConfigMap", NAMESPACE, "a", uid=created["metadata"]["uid"])
    api.delete("ConfigMap", NAMESPACE, "a")
    assert api.get("ConfigMap", NAMESPACE, "a") is None


def test_a_watcher_is_told_what_there_is_and_what_changes(bound: tuple[Api, Callable[[], None]]) -> None:
    api, turn = bound
    api.create(config_map("old"))
    seen: list[tuple[str, str]] = []

    def tell(change: str, body: Object) -> None:
        if body["metadata"].get("labels", {}).get("test") == "remote":
            assert body["kind"] == "ConfigMap"
            seen.append((change, body["metadata"]["name"]))

    api.watch("ConfigMap", tell)
    until(lambda: seen, turn)
    api.create(config_map("new"))
    api.patch("ConfigMap", NAMESPACE, "new", {"data": {"a": "b"}})
    for name in ("new", "old"):
        api.delete("ConfigMap", NAMESPACE, name)
    until(lambda: len(seen) == 5, turn)
    assert seen == [
        ("ADDED", "old"),
        ("ADDED", "new"),
        ("MODIFIED", "new"),
        ("DELETED", "new"),
        ("DELETED", "old"),
    ]


@pytest.fixture(params=["remote", pytest.param("real", marks=pytest.mark.real)])
def over_http(request: pytest.FixtureRequest) -> Iterator[RemoteApi]:
    remote = RemoteApi(Engine(start=datetime.now(UTC)), request.getfixturevalue(_KUBECONFIGS[request.param]))
    yield remote
    remote.close()


def test_the_rights_of_a_service_account_alone_count_where_it_acts(over_http: RemoteApi) -> None:
    with pytest.raises(ApiError) as refused:
        over_http.acting_as(NAMESPACE, "default").list("Secret", NAMESPACE)
    assert (refused.value.code, refused.value.reason) == (403, "Forbidden")
    assert f'User "system:serviceaccount:{NAMESPACE}:default" cannot list' in refused.value.message
    over_http.list("Secret", NAMESPACE)


def test_a_command_ends_in_a_container_with_its_output_and_code(over_http: RemoteApi) -> None:
    container = {"name": "c", "image": "busybox:1.35", "command": ["sleep", "3600"]}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    meta = {"name": "executes", "namespace": NAMESPACE}
    over_http.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    try:
        until(lambda: phase(over_http, "executes") == "Running", lambda: None)
        ran = over_http.execute(NAMESPACE, "executes", "c", ["sh", "-c", "echo told; exit 3"])
        assert (ran.code, ran.stdout) == (3, "told\n")
    finally:
        over_http.delete("Pod", NAMESPACE, "executes")
    with pytest.raises(ApiError) as refused:
        over_http.execute(NAMESPACE, "nobody", "c", ["true"])
    assert refused.value.code == 404


def phase(api: Api, pod: str) -> str:
    return str((api.get("Pod", NAMESPACE, pod) or {}).get("status", {}).get("phase"))


def test_a_server_that_is_not_there_is_a_refusal_like_any_other(tmp_path: Path) -> None:
    here = kubeconfig.write(tmp_path / "kubeconfig", f"http://127.0.0.1:{free_port()}", "token", "")
    remote = RemoteApi(Engine(start=datetime.now(UTC)), here)
    with pytest.raises(ApiError) as refused:
        remote.list("Pod")
    assert refused.value.code == 503
    remote.close()


def test_what_happened_while_a_watch_was_broken_is_told_from_the_next_list() -> None:
    engine = Engine(start=datetime(2026, 1, 1, tzinfo=UTC))
    seen: list[tuple[str, str]] = []
    follower = _Follower(engine, lambda change, body: seen.append((change, body["metadata"]["name"])))

    def thing(name: str, version: int) -> Object:
        return {"metadata": {"name": name, "uid": name, "resourceVersion": str(version)}}

    follower.start_from((thing("same", 1), thing("changed", 1), thing("gone", 1)))
    engine.run_for(1)
    seen.clear()
    follower.start_from((thing("same", 1), thing("changed", 2), thing("new", 3)))
    engine.run_for(1)
    assert seen == [("DELETED", "gone"), ("MODIFIED", "changed"), ("ADDED", "new")]


def test_kinds_are_found_by_discovery(cluster: SimulatedCluster, kubeconfig: Path) -> None:
    remote = RemoteApi(cluster.engine, kubeconfig)
    assert {e["metadata"]["name"] for e in remote.list("ChaosExperiment.litmuschaos.io", "shop")} >= {
        "pod-delete"
    }
    assert remote.get("Node", None, "node-1") is not None
    with pytest.raises(ApiError) as refused:
        remote.list("Unicorn.example.com")
    assert refused.value.code == 404
    remote.close()
