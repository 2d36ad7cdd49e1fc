"""What is written for kubectl is what Litmus needs, takes no trap with it, and a server takes it."""

from __future__ import annotations

import itertools
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.experiments.made import deployment, pod, replica_set, topology
from tests.servers import until

from chaoskit import kube
from chaoskit.adapters.kubernetes import KubernetesCluster, connect
from chaoskit.clock import WallClock
from chaoskit.documents import dump, parse
from chaoskit.errors import Conflict, InvalidInput, NotFound
from chaoskit.experiments.exporting import Exported, engine_name, export
from chaoskit.experiments.faults import CATALOGUE, SEVERITIES
from chaoskit.experiments.lint import findings
from chaoskit.experiments.spec import Experiment
from chaoskit.experiments.trials import trials
from chaoskit.ports.cluster import ObjectRef
from chaoskit.simulator.litmus.definitions import DEFINITIONS
from chaoskit.simulator.litmus.installation import lenient
from chaoskit.topology import Topology

PROMETHEUS = "http://prometheus.monitoring:9090"
STEADY: list[dict[str, Any]] = [
    {"kubernetes": {"workload": "deployment/web"}, "mode": "edges", "recoversWithin": "30s"},
    {"kubernetes": {"workload": "web", "condition": "Available"}, "mode": "after"},
    {"prometheus": {"signal": "error_ratio", "below": 0.05, "workload": "deployment/web"}, "abort": True},
    {"prometheus": {"signal": "request_rate", "above": 1, "workload": "deployment/web"}, "mode": "before"},
    {"http": {"url": "http://web.lab/"}},
    {"alert": {"name": "Down"}, "mode": "edges"},
]


def town() -> Topology:
    body = deployment("web")
    body["metadata"]["labels"] = {"app": "web"}
    nodes = ({"metadata": {"name": "node-1", "labels": {}}},)
    return topology(
        pod("web-1-a"), pod("web-1-b"), workload_bodies=((kube.DEPLOYMENT, body),), nodes=nodes,
        replica_sets=(replica_set(),),
    )  # fmt: skip


def experiment(kind: str = "pod-delete", **spec: Any) -> Experiment:
    fault = CATALOGUE[kind]
    given = {each.name: each.example for each in fault.parameters if each.mandatory}
    if fault.parameter("hosts") is not None and kind.startswith("pod-network") and fault.scope == "pod":
        given["hosts"] = "db.lab.svc.cluster.local"
    targets = {"nodes": ["node-1"]} if fault.scope == "node" else {"workloads": ["deployment/web"]}
    home = {"nodeSelector": {"kubernetes.io/hostname": "node-2"}} if fault.elsewhere else {}
    body = {
        "fault": {"kind": kind, "parameters": given}, "targets": targets, "steadyState": STEADY,
        "litmus": home, **spec,
    }  # fmt: skip
    return Experiment.model_validate({"metadata": {"name": f"web-{kind}", "namespace": "lab"}, "spec": body})


def text_of(exported: Exported) -> str:
    return "---\n".join(dump(body) for body in exported.manifests)


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_what_is_written_has_no_finding_at_any_severity(kind: str) -> None:
    for severity in SEVERITIES:
        made = export(experiment(kind, severity=severity), town(), prometheus=PROMETHEUS)
        documents = parse(text_of(made), "made.yaml")
        assert [str(each.problem) for each in findings(documents)] == []
        (trial,) = trials(documents, strict=True)
        assert trial.faults == (CATALOGUE[kind].litmus,)
        assert trial.definition(trial.faults[0]) is not None
        assert made.unseen == ()


def probes(*steady: dict[str, Any], prometheus: str = PROMETHEUS) -> list[dict[str, Any]]:
    made = export(experiment(steadyState=list(steady)), town(), prometheus=prometheus)
    found: list[dict[str, Any]] = made.manifests[-1]["spec"]["experiments"][0]["spec"].get("probe", [])
    return found


def test_around_the_fault_a_gate_before_and_patience_after() -> None:
    gate, patience = probes(STEADY[0])
    assert (gate["mode"], gate["runProperties"]["stopOnFailure"]) == ("SOT", True)
    assert (patience["mode"], patience["runProperties"]["attempt"]) == ("EOT", 10)
    assert "stopOnFailure" not in patience["runProperties"]
    assert gate["cmdProbe/inputs"] == {
        "command": "kubectl get deployment web -n lab -o jsonpath='{.status.readyReplicas}'",
        "comparator": {"type": "int", "criteria": ">=", "value": "2"},
    }


def test_during_the_fault_a_look_every_interval() -> None:
    (probe,) = probes({"http": {"url": "http://web.lab/"}, "interval": "2s"})
    assert (probe["mode"], probe["runProperties"]["probePollingInterval"]) == ("Continuous", "2s")
    assert probe["httpProbe/inputs"]["method"] == {"get": {"criteria": "==", "responseCode": "200"}}


def test_a_query_is_one_series_and_nothing_that_a_shell_would_obey() -> None:
    for signal, below in (("error_ratio", True), ("memory_usage", True), ("ready", False)):
        bound = {"below": 1} if below else {"above": 0}
        (probe, *_) = probes({"prometheus": {"signal": signal, "workload": "deployment/a.b", **bound}})
        promql = probe["promProbe/inputs"]["query"]
        assert promql.startswith("max(" if below else "min(")
        assert not set('"$`\\') & set(promql)
        assert "pod=~'a[.]b-" in promql


@pytest.mark.parametrize(
    ("workload", "own", "others"),
    [
        (
            "deployment/cart",
            "cart-7c9d5b8f4-x2k9p",
            ("cart-cache-7c9d5b8f4-x2k9p", "cart-db-0", "cart-agent-x2k9p"),
        ),
        ("statefulset/db", "db-12", ("db-backup-0", "db-7c9d5b8f4-x2k9p")),
        ("daemonset/node", "node-x2k9p", ("node-exporter-x2k9p",)),
        ("cart", "cart-7c9d5b8f4-x2k9p", ("cart-cache-7c9d5b8f4-x2k9p", "cart-db-0")),
    ],
)
def test_the_pods_of_a_query_are_the_workloads_own(workload: str, own: str, others: tuple[str, ...]) -> None:
    (probe,) = probes({"prometheus": {"signal": "memory_usage", "workload": workload, "below": 1}})
    pattern = re.search("pod=~'([^']*)'", probe["promProbe/inputs"]["query"])
    assert pattern is not None
    assert re.fullmatch(pattern[1], own)
    assert not any(re.fullmatch(pattern[1], other) for other in others)


def test_queries_and_commands_of_ones_own_are_looked_at_too() -> None:
    query, command = probes(
        {"prometheus": {"query": 'up{job="x"}', "above": 0}}, {"command": {"run": "true"}}
    )
    assert query["promProbe/inputs"]["query"] == "min(up{job='x'})"
    assert command["type"] == "cmdProbe"


def test_what_only_chaoskit_can_inject_is_not_written_for_litmus() -> None:
    with pytest.raises(InvalidInput, match="Litmus has no scale-down"):
        export(experiment(fault={"kind": "scale-down"}), town())


def test_what_litmus_cannot_look_at_is_told() -> None:
    made = export(experiment(), town())
    assert made.unseen == (
        "error_ratio of deployment/web", "request_rate of deployment/web", "alert Down",
    )  # fmt: skip
    contains = {"http": {"url": "http://web.lab/", "contains": "ok"}}
    elsewhere = {"kubernetes": {"workload": "deployment/other"}}
    node = {"prometheus": {"signal": "node_cpu", "below": 1}}
    assert probes(contains, elsewhere, node) == []


def test_an_account_may_read_what_its_probes_look_at() -> None:
    made = export(experiment("node-cpu-hog"), town())
    (role,) = (each for each in made.manifests if each["kind"] == "Role")
    assert {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]} in role["rules"]


def test_so_many_pods_are_hit_as_the_experiment_says() -> None:
    made = export(experiment(targets={"workloads": ["web"], "pods": 2}), town())
    entry = made.manifests[-1]["spec"]["experiments"][0]
    env = {each["name"]: each["value"] for each in entry["spec"]["components"]["env"]}
    assert env["PODS_AFFECTED_PERC"] == "100"
    assert "TARGET_PODS" not in env


def test_targets_that_are_not_there_cannot_be_written() -> None:
    with pytest.raises(InvalidInput, match="no such workload"):
        export(experiment(targets={"workloads": ["gone"]}), town())


def test_an_engines_name_is_at_most_forty_characters_and_still_its_own() -> None:
    assert engine_name("web-pod-delete") == "web-pod-delete"
    long = [engine_name("w" * 50 + end) for end in "ab"]
    assert len(set(long)) == 2
    assert max(map(len, long)) == 40


# -- a server takes it -----------------------------------------------------------------------------------

_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=["simulator", pytest.param("real", marks=pytest.mark.real)])
def kubeconfig(request: pytest.FixtureRequest) -> Path:
    name = "simulated_kubeconfig" if request.param == "simulator" else "real_kubeconfig"
    found: Path = request.getfixturevalue(name)
    return found


@pytest.fixture(scope="module")
def cluster(kubeconfig: Path) -> Iterator[KubernetesCluster]:
    """A cluster that knows Litmus' kinds; those that it did not know before are removed again."""
    with connect(kubeconfig, clock=WallClock()) as opened:
        made = []
        for body in map(lenient, DEFINITIONS):
            with suppress(Conflict):
                made.append(kube.ref_of(opened.create(body)))
        until(lambda: all(_known(opened, body) for body in DEFINITIONS), 30, "Litmus' kinds are not served")
        yield opened
        for ref in made:
            opened.delete(ref)


def _known(cluster: KubernetesCluster, body: dict[str, Any]) -> bool:
    try:
        found = cluster.get(ObjectRef(kube.CRD, "", body["metadata"]["name"]))
    except NotFound:
        return False
    return kube.is_true(found, "Established")


@pytest.fixture
def namespace(cluster: KubernetesCluster) -> Iterator[str]:
    name = f"exported-{next(_numbers)}"
    made = cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    cluster.delete(kube.ref_of(made))


def test_a_server_takes_everything_that_is_written(
    cluster: KubernetesCluster, kubeconfig: Path, namespace: str, tmp_path: Path
) -> None:
    texts = []
    for kind in sorted(CATALOGUE):
        made = export(experiment(kind), town(), prometheus=PROMETHEUS)
        texts.append(text_of(made).replace("namespace: lab", f"namespace: {namespace}"))
    bodies = [body for text in texts for body in yaml.safe_load_all(text)]
    for body in bodies:
        stored = cluster.create(body, dry_run=True)
        assert _lost(body, stored) == []
    assert cluster.list(kube.CHAOS_ENGINE, namespace).items == ()
    file = tmp_path / "made.yaml"
    file.write_text("---\n".join(texts), encoding="utf-8")
    _kubectl_takes(file, kubeconfig)


def _lost(sent: Any, stored: Any, way: str = "") -> list[str]:
    """What the server has dropped of what was sent, as it does with fields that it does not know."""
    if isinstance(sent, dict):
        if not isinstance(stored, dict):
            return [way]
        return [each for key in sent for each in _lost(sent[key], stored.get(key), f"{way}.{key}")]
    if isinstance(sent, list) and isinstance(stored, list) and len(sent) == len(stored):
        return [
            each
            for i, (a, b) in enumerate(zip(sent, stored, strict=True))
            for each in _lost(a, b, f"{way}[{i}]")
        ]
    return [] if sent == stored else [way]


def _kubectl_takes(file: Path, kubeconfig: Path) -> None:
    from shutil import which

    if which("kubectl") is None:
        return  # the same was asked by the client above
    done = subprocess.run(
        ["kubectl", "apply", "--dry-run=server", "-f", str(file), "--kubeconfig", str(kubeconfig)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "server dry run" in done.stdout


def test_what_the_server_would_drop_is_seen() -> None:
    assert _lost({"a": {"b": 1}}, {"a": {}}) == [".a.b"]
