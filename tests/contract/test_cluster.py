"""What a cluster does behind the port, stated once and run on the simulator and on a real Kubernetes 1.20."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pytest
import urllib3
import yaml
from tests.servers import until
from tests.wire import Answer, Asked, Proxy, Scripted, kubeconfig_of, scripted

from chaoskit import kube
from chaoskit.adapters.kubernetes import KubernetesCluster, config, connect
from chaoskit.adapters.kubernetes.transport import Request, Transport
from chaoskit.clock import ScaledClock, WallClock
from chaoskit.errors import (
    CannotStart,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Refused,
    TimedOut,
    Unavailable,
)
from chaoskit.ports.cluster import Access, Change, Cluster, Kind, ObjectRef

IMAGE = "busybox:1.35"
NOBODY = "11111111-1111-1111-1111-111111111111"
PATIENCE = 40.0
_numbers = itertools.count(int(time.time()) % 100_000 * 1000)


@pytest.fixture(scope="module", params=["simulator", pytest.param("real", marks=pytest.mark.real)])
def kubeconfig(request: pytest.FixtureRequest) -> Path:
    name = "simulated_kubeconfig" if request.param == "simulator" else "real_kubeconfig"
    found: Path = request.getfixturevalue(name)
    return found


@pytest.fixture(scope="module")
def cluster(kubeconfig: Path) -> Iterator[KubernetesCluster]:
    with connect(kubeconfig, clock=WallClock()) as opened:
        yield opened


@pytest.fixture
def namespace(cluster: KubernetesCluster) -> Iterator[str]:
    name = f"contract-{next(_numbers)}"
    made = cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    until(lambda: takes_pods(cluster, name), PATIENCE, "the namespace takes no pods")
    yield name
    cluster.delete(kube.ref_of(made))


def takes_pods(cluster: Cluster, namespace: str) -> bool:
    """Whether the namespace's service account is there, and before 1.24 its token."""
    try:
        cluster.create(pod(namespace, "first"), dry_run=True)
    except (Forbidden, Unavailable):
        return False
    return True


def there(cluster: Cluster, ref: ObjectRef) -> bool:
    try:
        cluster.get(ref)
    except NotFound:
        return False
    return True


def config_map(namespace: str, name: str = "cm", **data: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def pod(namespace: str, name: str, script: str = "echo ready; sleep 3600 & wait") -> dict[str, Any]:
    container = {"name": "main", "image": IMAGE, "command": ["sh", "-c", f"trap 'exit 0' TERM; {script}"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 1, "restartPolicy": "Always", "containers": [container]},
    }


def running(cluster: Cluster, body: dict[str, Any]) -> ObjectRef:
    """The pod has been made and is ready."""
    ref = kube.ref_of(cluster.create(body))
    stop = threading.Event()
    for change in cluster.watch(kube.POD, ref.namespace, fields=f"metadata.name={ref.name}", stop=stop):
        if change.object and kube.is_ready(change.object):
            return ref
    raise AssertionError("the watch ended")


class Follow:
    """A watch in a thread: what it has told so far."""

    def __init__(self, cluster: Cluster, kind: Kind, namespace: str, *, labels: str = "") -> None:
        self.changes: list[Change] = []
        self.stop = threading.Event()
        self.error: Exception | None = None
        self._watch = cluster.watch(kind, namespace, labels=labels, stop=self.stop)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        until(lambda: "SYNCED" in self.types(), PATIENCE, "the watch did not begin")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive(), "the watch did not stop"
        if self.error is not None:
            raise self.error

    def types(self) -> list[str]:
        return [change.type for change in self.changes]

    def told(self) -> list[str]:
        """``ADDED a`` for each change with an object, the service's own objects left out."""
        return [
            f"{each.type} {each.object['metadata']['name']}"
            for each in self.changes
            if each.object and not each.object["metadata"]["name"].endswith(".crt")
        ]

    def tells(self, *expected: str) -> None:
        """Exactly these have been told, in this order, after some time."""
        until(lambda: len(self.told()) >= len(expected), PATIENCE, f"told {self.told()}, not {expected}")
        assert self.told() == list(expected)

    def _run(self) -> None:
        try:
            for change in self._watch:
                self.changes.append(change)
        except Exception as error:  # noqa: BLE001 - raised again in the test's own thread
            self.error = error


# ---------------------------------------------------------------------- objects


def test_an_object_is_made_read_listed_and_deleted(cluster: KubernetesCluster, namespace: str) -> None:
    made = cluster.create(config_map(namespace, a="1"))
    ref = kube.ref_of(made)
    assert ref.uid
    assert cluster.get(ref)["data"] == {"a": "1"}
    listed = cluster.list(kube.CONFIG_MAP, namespace, labels="app=cm")
    assert [kube.ref_of(item) for item in listed.items] == [ref]
    cluster.delete(ref)
    with pytest.raises(NotFound, match=f"get configmap/cm in {namespace}"):
        cluster.get(ref)
    cluster.delete(ref)


def test_a_rehearsal_answers_like_the_act_and_changes_nothing(
    cluster: KubernetesCluster, namespace: str
) -> None:
    draft = config_map(namespace, a="1")
    assert cluster.create(draft, dry_run=True)["metadata"]["uid"]
    assert cluster.apply(draft, dry_run=True)["data"] == {"a": "1"}
    assert cluster.list(kube.CONFIG_MAP, namespace, labels="app=cm").items == ()
    ref = kube.ref_of(cluster.create(draft))
    assert cluster.patch(ref, {"data": {"a": "2"}}, dry_run=True)["data"] == {"a": "2"}
    cluster.delete(ref, dry_run=True)
    assert cluster.get(ref)["data"] == {"a": "1"}


def test_a_name_is_given_once(cluster: KubernetesCluster, namespace: str) -> None:
    cluster.create(config_map(namespace))
    with pytest.raises(Conflict, match="already exists"):
        cluster.create(config_map(namespace))


def test_a_generated_name_is_completed(cluster: KubernetesCluster, namespace: str) -> None:
    body = config_map(namespace)
    body["metadata"] = {"generateName": "part-", "namespace": namespace}
    assert cluster.create(body)["metadata"]["name"].startswith("part-")


def test_a_conditional_patch_loses_against_another_hand(cluster: KubernetesCluster, namespace: str) -> None:
    made = cluster.create(config_map(namespace, a="1"))
    ref, version = kube.ref_of(made), made["metadata"]["resourceVersion"]
    cluster.patch(ref, {"metadata": {"resourceVersion": version}, "data": {"a": "2"}})
    with pytest.raises(Conflict):
        cluster.patch(ref, {"metadata": {"resourceVersion": version}, "data": {"a": "3"}})
    assert cluster.get(ref)["data"] == {"a": "2"}


def test_each_kind_of_patch_does_what_its_name_says(cluster: KubernetesCluster, namespace: str) -> None:
    body = pod(namespace, "patched")
    ref = kube.ref_of(cluster.create(body))
    merged = cluster.patch(ref, {"metadata": {"labels": {"app": None, "tier": "web"}}})
    assert merged["metadata"]["labels"] == {"tier": "web"}
    image = {"spec": {"containers": [{"name": "main", "image": "busybox:1.36"}]}}
    strategic = cluster.patch(ref, image, type="strategic")
    assert strategic["spec"]["containers"][0]["command"]
    operations = [{"op": "add", "path": "/metadata/labels/more", "value": "yes"}]
    assert cluster.patch(ref, operations, type="json")["metadata"]["labels"]["more"] == "yes"


def test_a_subresource_is_patched_by_name(cluster: KubernetesCluster, namespace: str) -> None:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod(namespace, "x")["spec"]}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    meta = {"name": "web", "namespace": namespace}
    ref = kube.ref_of(
        cluster.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec})
    )
    assert cluster.patch(ref, {"spec": {"replicas": 0}}, subresource="scale")["kind"] == "Scale"


def test_applied_fields_hold_and_foreign_ones_are_respected(
    cluster: KubernetesCluster, namespace: str
) -> None:
    ref = kube.ref_of(cluster.apply(config_map(namespace, a="1")))
    assert cluster.apply(config_map(namespace, a="2"))["data"] == {"a": "2"}
    cluster.patch(ref, {"data": {"b": "theirs"}})
    assert cluster.apply(config_map(namespace, a="3"))["data"] == {"a": "3", "b": "theirs"}


def test_an_apply_against_another_owner_needs_force(cluster: KubernetesCluster, namespace: str) -> None:
    cluster.apply(config_map(namespace, a="1"))
    apply_as("argocd", cluster, config_map(namespace, a="theirs"))
    with pytest.raises(Conflict, match="argocd"):
        cluster.apply(config_map(namespace, a="ours"))
    assert cluster.apply(config_map(namespace, a="ours"), force=True)["data"] == {"a": "ours"}


def apply_as(manager: str, cluster: KubernetesCluster, body: dict[str, Any]) -> None:
    """Another field manager has applied the config map."""
    path = f"/api/v1/namespaces/{body['metadata']['namespace']}/configmaps/{body['metadata']['name']}"
    query = (("fieldManager", manager), ("force", "true"))
    cluster._transport.json(Request("apply", "PATCH", path, query, body, "application/apply-patch+yaml"))


def test_what_the_server_finds_wrong_is_listed(cluster: KubernetesCluster, namespace: str) -> None:
    body = pod(namespace, "Wrong_Name")
    body["spec"]["restartPolicy"] = "Sometimes"
    with pytest.raises(InvalidInput) as raised:
        cluster.create(body)
    fields = {problem.field: problem.found for problem in raised.value.problems}
    assert fields["metadata.name"] == '"Wrong_Name"'
    assert fields["spec.restartPolicy"] == '"Sometimes"'


def test_a_reference_with_uid_means_that_very_object(cluster: KubernetesCluster, namespace: str) -> None:
    ref = kube.ref_of(cluster.create(config_map(namespace, a="1")))
    other = ObjectRef(ref.kind, ref.namespace, ref.name, NOBODY)
    with pytest.raises(NotFound):
        cluster.get(other)
    with pytest.raises(NotFound):
        cluster.patch(other, {"data": {"a": "2"}})
    cluster.delete(other)
    assert cluster.get(ref)["data"] == {"a": "1"}


def test_selectors_narrow_a_list(cluster: KubernetesCluster, namespace: str) -> None:
    for name in ("a", "b", "c"):
        cluster.create(config_map(namespace, name))
    found = cluster.list(kube.CONFIG_MAP, namespace, labels="app in (a, b)")
    assert sorted(item["metadata"]["name"] for item in found.items) == ["a", "b"]
    found = cluster.list(kube.CONFIG_MAP, namespace, fields="metadata.name=c")
    assert [(item["metadata"]["name"], item["kind"]) for item in found.items] == [("c", "ConfigMap")]
    with pytest.raises(InvalidInput):
        cluster.list(kube.CONFIG_MAP, namespace, labels="a in b")


def test_what_does_not_exist_is_an_empty_list(cluster: KubernetesCluster) -> None:
    assert cluster.list(kube.POD, "no-such-namespace").items == ()
    assert cluster.list(Kind("example.org", "Unicorn", "unicorns")) == ((), "")


def test_a_kind_that_the_server_lacks_is_not_found(cluster: KubernetesCluster, namespace: str) -> None:
    with pytest.raises(NotFound, match=r"unicorns\.example\.org"):
        cluster.get(ObjectRef(Kind("example.org", "Unicorn", "unicorns"), namespace, "x"))
    with pytest.raises(NotFound, match="Unicorn"):
        cluster.create({"apiVersion": "example.org/v1", "kind": "Unicorn", "metadata": {"name": "x"}})


def test_a_lease_takes_our_timestamps(cluster: KubernetesCluster, namespace: str) -> None:
    now = kube.timestamp(datetime(2026, 3, 1, 12, tzinfo=UTC))
    spec = {"holderIdentity": "x", "renewTime": now, "leaseDurationSeconds": 30}
    meta = {"name": "held", "namespace": namespace}
    made = cluster.create(
        {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
    )
    assert made["spec"]["renewTime"] == now


# ---------------------------------------------------------------------- watches


def test_a_watch_tells_what_is_there_and_what_changes(cluster: KubernetesCluster, namespace: str) -> None:
    ref = kube.ref_of(cluster.create(config_map(namespace, "a", x="1")))
    with Follow(cluster, kube.CONFIG_MAP, namespace) as watch:
        cluster.create(config_map(namespace, "b"))
        cluster.patch(ref, {"data": {"x": "2"}})
        cluster.delete(ref)
        watch.tells("ADDED a", "ADDED b", "MODIFIED a", "DELETED a")
    assert "LOST" not in watch.types()


def test_an_object_that_leaves_the_selection_is_deleted(cluster: KubernetesCluster, namespace: str) -> None:
    ref = kube.ref_of(cluster.create(config_map(namespace, "a")))
    with Follow(cluster, kube.CONFIG_MAP, namespace, labels="app=a") as watch:
        cluster.patch(ref, {"metadata": {"labels": {"app": "other"}}})
        watch.tells("ADDED a", "DELETED a")


def test_a_watch_stops_at_once_and_leaves_nothing_open(cluster: KubernetesCluster, namespace: str) -> None:
    with Follow(cluster, kube.SECRET, namespace) as watch:
        pass
    assert watch.types()[-1] != "LOST"
    until(lambda: not streams_thread(), 5, "the thread that breaks streams is still there")


def streams_thread() -> bool:
    return any(thread.name == "kubernetes-streams" for thread in threading.enumerate())


def test_a_watch_that_is_left_halfway_closes_its_connection(
    cluster: KubernetesCluster, namespace: str
) -> None:
    cluster.create(config_map(namespace, "a"))
    watch = cluster.watch(kube.CONFIG_MAP, namespace, stop=threading.Event())
    assert next(watch).type == "ADDED"
    watch.close()  # type: ignore[attr-defined]
    assert not cluster._transport._breaker._open


@dataclass
class Wire:
    """The cluster behind a wire that can be spoilt."""

    cluster: KubernetesCluster
    relay: Scripted
    proxy: Proxy


@pytest.fixture
def wire(kubeconfig: Path, tmp_path: Path) -> Iterator[Wire]:
    """The same server over plain HTTP, through a relay that can answer itself and a proxy that can cut."""
    login = config.log_in(kubeconfig)
    behind = Transport(login.configuration, WallClock())
    with scripted(lambda asked: relayed(behind, asked)) as relay:
        host, port = relay.url.removeprefix("http://").split(":")
        proxy = Proxy(host, int(port))
        spoilt = kubeconfig_of(tmp_path / "spoilt", f"http://127.0.0.1:{proxy.port}")
        clock = ScaledClock(rate=10, anchor_wall=0, anchor_simulated=0)  # back-off waits are a tenth
        with connect(spoilt, clock=clock) as opened:
            yield Wire(opened, relay, proxy)
        proxy.close()
    behind.close()


def relayed(behind: Transport, asked: Asked) -> Answer:
    """What the server behind answers; it is asked to end a watch after three seconds."""
    watching = "watch=true" in asked.path
    headers = {"Content-Type": asked.headers.get("Content-Type", "application/json")}
    if authorization := behind.authorization():
        headers["Authorization"] = authorization
    answer = behind._rest.pool_manager.request(
        asked.method,
        behind.address + asked.path.replace("timeoutSeconds=290", "timeoutSeconds=3"),
        body=asked.body or None,
        headers=headers,
        retries=False,
        preload_content=not watching,
    )
    if watching and answer.status == 200:
        return Answer(lines=chunks(answer))
    return Answer(answer.status, answer.data)


def chunks(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    try:
        yield from answer.stream(None, decode_content=False)
    finally:
        answer.close()


def watches(wire: Wire) -> int:
    """How many watch connections have been asked for."""
    return sum("watch=true" in asked.path for asked in wire.relay.asked)


def test_a_watch_outlives_the_servers_time_limit(
    wire: Wire, cluster: KubernetesCluster, namespace: str
) -> None:
    with Follow(wire.cluster, kube.CONFIG_MAP, namespace) as watch:
        cluster.create(config_map(namespace, "a"))
        until(lambda: watches(wire) > 1, PATIENCE, "the watch was not taken up again")
        cluster.create(config_map(namespace, "b"))
        watch.tells("ADDED a", "ADDED b")
    assert "LOST" not in watch.types()


def test_a_watch_misses_nothing_while_its_connection_is_cut(
    wire: Wire, cluster: KubernetesCluster, namespace: str
) -> None:
    with Follow(wire.cluster, kube.CONFIG_MAP, namespace) as watch:
        ref = kube.ref_of(cluster.create(config_map(namespace, "a", x="1")))
        watch.tells("ADDED a")
        with wire.proxy.down():
            until(lambda: "LOST" in watch.types(), PATIENCE, "the loss was not told")
            cluster.patch(ref, {"data": {"x": "2"}})
            cluster.create(config_map(namespace, "b"))
            cluster.delete(ref)
        watch.tells("ADDED a", "MODIFIED a", "ADDED b", "DELETED a")
    assert [each for each in watch.types() if each in {"SYNCED", "LOST"}] == ["SYNCED", "LOST", "SYNCED"]


GONE = {
    "kind": "Status",
    "code": 410,
    "reason": "Expired",
    "message": "too old resource version",
    "metadata": {},
}


@pytest.mark.parametrize(
    "gone",
    [Answer(410, GONE), Answer(lines=({"type": "ERROR", "object": GONE},))],
    ids=["status", "event"],
)
def test_a_watch_whose_version_is_forgotten_tells_the_difference(
    wire: Wire, cluster: KubernetesCluster, namespace: str, gone: Answer
) -> None:
    ref = kube.ref_of(cluster.create(config_map(namespace, "a")))
    with Follow(wire.cluster, kube.CONFIG_MAP, namespace) as watch:
        watch.tells("ADDED a")
        with wire.proxy.down():
            until(lambda: "LOST" in watch.types(), PATIENCE, "the loss was not told")
            cluster.delete(ref)
            cluster.create(config_map(namespace, "b"))
            wire.relay.will(gone)
        watch.tells("ADDED a", "DELETED a", "ADDED b")
        until(lambda: watch.types()[-1] == "SYNCED", PATIENCE, "not synced again")


def test_a_cluster_is_known_by_the_uid_of_kube_system_and_asked_for_it_once(wire: Wire) -> None:
    uid = wire.cluster.get(ObjectRef(kube.NAMESPACE, "", "kube-system"))["metadata"]["uid"]
    found = wire.cluster.identity()
    assert (found.uid, found.key, found.address) == (uid, uid, wire.cluster.address)
    asked = len(wire.relay.asked)
    assert (wire.cluster.identity(), len(wire.relay.asked)) == (found, asked)


def test_where_kube_system_is_hidden_a_cluster_is_known_by_its_address(wire: Wire) -> None:
    wire.relay.will(Answer(403, {"kind": "Status", "code": 403, "message": "not for you"}))
    found = wire.cluster.identity()
    assert (found.uid, found.key) == ("", wire.cluster.address)
    assert str(found) == f"{wire.cluster.name} ({wire.cluster.address}, uid unknown)"


@pytest.mark.parametrize("code", [429, 500, 503, 504])
def test_a_read_outlives_a_server_in_trouble(wire: Wire, code: int) -> None:
    wire.relay.will(*[Answer(code, {"kind": "Status", "code": code, "message": "trouble"})] * 3)
    assert wire.cluster.server_version().startswith("v1.")


def test_a_read_outlives_a_cut(wire: Wire) -> None:
    wire.cluster.server_version()
    wire.proxy.cut()
    wire.relay.will(Answer(cut=True))
    assert wire.cluster.server_version().startswith("v1.")


def test_a_create_whose_answer_was_lost_is_not_sent_again(
    wire: Wire, cluster: KubernetesCluster, namespace: str
) -> None:
    wire.cluster.list(kube.CONFIG_MAP, namespace)
    wire.relay.will(Answer(cut=True))
    with pytest.raises(Unavailable):
        wire.cluster.create(config_map(namespace, "once"))
    assert sum(asked.method == "POST" for asked in wire.relay.asked) == 1


def test_a_server_that_is_down_is_unavailable(wire: Wire) -> None:
    with wire.proxy.down(), pytest.raises(Unavailable) as raised:
        wire.cluster.list(kube.POD)
    assert str(wire.proxy.port) in raised.value.address


# ---------------------------------------------------------------------- custom kinds


def test_a_watch_of_a_kind_sees_it_once_it_is_installed(
    wire: Wire, cluster: KubernetesCluster, namespace: str
) -> None:
    group = f"{namespace}.example.org"
    kind = Kind(group, "Gizmo", "gizmos")
    version = {
        "name": "v1", "served": True, "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }  # fmt: skip
    names = {"plural": "gizmos", "singular": "gizmo", "kind": "Gizmo", "listKind": "GizmoList"}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gizmos.{group}"},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [version]},
    }
    gizmo = {"apiVersion": f"{group}/v1", "kind": "Gizmo", "metadata": {"name": "g", "namespace": namespace}}
    with Follow(wire.cluster, kind, namespace) as watch:
        made = cluster.create(definition)
        until(lambda: created(cluster, gizmo), PATIENCE, "the kind is not served")
        watch.tells("ADDED g")
        cluster.delete(kube.ref_of(made))
        watch.tells("ADDED g", "DELETED g")


def created(cluster: Cluster, body: dict[str, Any]) -> bool:
    try:
        cluster.create(body)
    except (NotFound, Unavailable):  # a new kind is served a moment later
        return False
    return True


# ---------------------------------------------------------------------- pods


def test_logs_and_commands_of_a_running_pod(cluster: KubernetesCluster, namespace: str) -> None:
    ref = running(cluster, pod(namespace, "talks", "echo one; echo two; sleep 3600 & wait"))
    until(lambda: cluster.logs(ref) == "one\ntwo\n", PATIENCE, "the log is not there")
    assert cluster.logs(ref, container="main", tail=1) == "two\n"
    assert cluster.logs(ref, within=3600) == "one\ntwo\n"
    until(lambda: cluster.logs(ref, within=1) == "", PATIENCE, "what was written before is there still")
    said = cluster.exec(ref, ["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert said == ("out\n", "err\n", 3)
    assert cluster.exec(ref, ["echo", "a b"], container="main") == ("a b\n", "", 0)


def test_a_log_that_is_not_there_is_not_found(cluster: KubernetesCluster, namespace: str) -> None:
    ref = running(cluster, pod(namespace, "young"))
    with pytest.raises(NotFound, match="previous terminated container"):
        cluster.logs(ref, previous=True)
    with pytest.raises(NotFound):
        cluster.logs(ObjectRef(kube.POD, namespace, "ghost"))
    with pytest.raises(InvalidInput, match="nope"):
        cluster.logs(ref, container="nope")


def test_a_command_in_a_pod_that_is_not_there_is_not_found(
    cluster: KubernetesCluster, namespace: str
) -> None:
    with pytest.raises(NotFound, match="ghost"):
        cluster.exec(ObjectRef(kube.POD, namespace, "ghost"), ["true"])


@pytest.mark.real
def test_a_command_that_cannot_start_or_does_not_end_is_told_apart(real_kubeconfig: Path) -> None:
    """The simulator runs a command in no time, and answers an unknown one as a shell would."""
    name = f"contract-{next(_numbers)}"
    with connect(real_kubeconfig, clock=WallClock()) as cluster:
        made = cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        until(lambda: takes_pods(cluster, name), PATIENCE, "the namespace takes no pods")
        ref = running(cluster, pod(name, "worker"))
        with pytest.raises(CannotStart, match="no-such-command"):
            cluster.exec(ref, ["no-such-command"])
        with pytest.raises(TimedOut):
            cluster.exec(ref, ["sleep", "3000"], timeout=0.5)
        cluster.delete(kube.ref_of(made))


def test_an_eviction_is_refused_while_a_budget_forbids_it(cluster: KubernetesCluster, namespace: str) -> None:
    ref = running(cluster, pod(namespace, "guarded"))
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "guarded"}}}
    meta = {"name": "keep", "namespace": namespace}
    budget = kube.ref_of(
        cluster.create(
            {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": spec}
        )
    )
    until(lambda: cluster.get(budget).get("status", {}).get("currentHealthy"), PATIENCE, "no budget status")
    with pytest.raises(Refused, match="disruption budget") as raised:
        cluster.evict(ref)
    assert raised.value.guard == "disruption budget"
    assert "keep" in raised.value.limit
    cluster.delete(budget)
    cluster.evict(ref, dry_run=True)
    assert not kube.is_deleting(cluster.get(ref))
    cluster.evict(ref, grace=0)
    until(lambda: not there(cluster, ref), PATIENCE, "the pod is still there")


def test_an_eviction_of_a_pod_that_is_gone_is_not_found(cluster: KubernetesCluster, namespace: str) -> None:
    with pytest.raises(NotFound):
        cluster.evict(ObjectRef(kube.POD, namespace, "ghost"))
    ref = running(cluster, pod(namespace, "other"))
    with pytest.raises(NotFound):
        cluster.evict(ObjectRef(kube.POD, namespace, "other", NOBODY))
    assert not kube.is_deleting(cluster.get(ref))


# ---------------------------------------------------------------------- rights, trust, threads


def test_rights_are_known_beforehand(cluster: KubernetesCluster, namespace: str) -> None:
    asked = Access("list", "", "pods", namespace)
    account = f"system:serviceaccount:{namespace}:default"
    assert cluster.can_i(asked) == "allowed"
    assert cluster.can_i(asked, user=account) == "denied"
    bind_to_all_accounts(cluster, namespace)
    until(lambda: cluster.can_i(asked, user=account) == "allowed", PATIENCE, "a group's right is not seen")


def test_a_kubeconfig_that_acts_as_another_has_the_rights_of_that_one_alone(
    cluster: KubernetesCluster, kubeconfig: Path, namespace: str, tmp_path: Path
) -> None:
    ref, asked = running(cluster, pod(namespace, "aim")), Access("list", "", "pods", namespace)
    account = f"system:serviceaccount:{namespace}:default"
    with connect(acting_as(kubeconfig, tmp_path, account), clock=WallClock()) as other:
        assert (cluster.can_i(asked), other.can_i(asked)) == ("allowed", "denied")
        for attempt in (
            lambda: other.list(kube.POD, namespace),
            lambda: next(other.watch(kube.POD, namespace, stop=threading.Event())),
            lambda: other.exec(ref, ["true"]),
            lambda: other.delete(ref),
        ):
            with pytest.raises(Forbidden, match=account):
                attempt()
        bind_to_all_accounts(cluster, namespace)
        until(lambda: other.can_i(asked) == "allowed", PATIENCE, "the right is not seen")
        assert [each["metadata"]["name"] for each in other.list(kube.POD, namespace).items] == ["aim"]
    assert cluster.exec(ref, ["true"]).exit_code == 0


def acting_as(kubeconfig: Path, folder: Path, user: str) -> Path:
    """The same kubeconfig, whose users all act as that one."""
    document = yaml.safe_load(kubeconfig.read_text())
    for each in document["users"]:
        each["user"]["as"] = user
    path = folder / "acting"
    path.write_text(yaml.safe_dump(document))
    return path


def bind_to_all_accounts(cluster: Cluster, namespace: str) -> None:
    """Every service account of the namespace may list pods."""
    rbac = "rbac.authorization.k8s.io"
    meta = {"name": "reader", "namespace": namespace}
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    cluster.create({"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": rules})
    group = {"apiGroup": rbac, "kind": "Group", "name": f"system:serviceaccounts:{namespace}"}
    cluster.create(
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "reader"},
            "subjects": [group],
        }
    )


def test_who_is_not_known_cannot_start(kubeconfig: Path, tmp_path: Path) -> None:
    document = loaded(kubeconfig)
    document["users"][0]["user"] = {"token": "not-a-token"}
    (tmp_path / "stranger").write_text(json.dumps(document))
    with (
        connect(tmp_path / "stranger", clock=WallClock()) as stranger,
        pytest.raises(CannotStart, match="credentials"),
    ):
        stranger.list(kube.POD)


def test_a_server_that_is_not_trusted_is_not_asked_twice(kubeconfig: Path, tmp_path: Path) -> None:
    document = loaded(kubeconfig)
    document["clusters"][0]["cluster"].pop("certificate-authority-data")
    (tmp_path / "distrust").write_text(json.dumps(document))
    clock = ScaledClock(rate=1000, anchor_wall=0, anchor_simulated=0)
    with (
        connect(tmp_path / "distrust", clock=clock) as cluster,
        pytest.raises(Unavailable, match="TLS") as raised,
    ):
        cluster.server_version()
    assert "certificate-authority" in raised.value.hint


def loaded(kubeconfig: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
    return document


def test_many_threads_share_one_cluster(cluster: KubernetesCluster, namespace: str) -> None:
    def work(number: int) -> int:
        ref = kube.ref_of(cluster.create(config_map(namespace, f"w{number}", n="0")))
        for count in range(5):
            cluster.patch(ref, {"data": {"n": str(count)}})
            assert cluster.get(ref)["data"] == {"n": str(count)}
        return len(cluster.list(kube.CONFIG_MAP, namespace, labels=f"app=w{number}").items)

    with (
        Follow(cluster, kube.CONFIG_MAP, namespace) as first,
        Follow(cluster, kube.CONFIG_MAP, namespace) as second,
        ThreadPoolExecutor(8) as pool,
    ):
        assert list(pool.map(work, range(16))) == [1] * 16
        for watch in (first, second):
            until(lambda watch=watch: len(watch.told()) == 16 * 5, PATIENCE, "a watch missed changes")  # type: ignore[misc]
