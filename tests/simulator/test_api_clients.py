"""The clients that people use: the official Python client, and kubectl where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, dynamic, watch
from kubernetes.stream import stream

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NAMESPACE, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: busybox:1.35
        command: [sh, -c, "trap 'exit 0' TERM; echo serving; sleep 3600 & wait"]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: NAMESPACE}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


@pytest.fixture
def api(kubeconfig: Path) -> Iterator[client.ApiClient]:
    configuration = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    with client.ApiClient(configuration) as made:
        yield made
        made.rest_client.pool_manager.clear()


def test_the_official_client_reads_writes_watches_and_runs_commands(api: client.ApiClient) -> None:
    core: Any = client.CoreV1Api(api)  # its methods take plain dicts too
    core.create_namespace({"metadata": {"name": "python"}})
    core.create_namespaced_config_map("python", {"metadata": {"name": "a"}, "data": {"x": "1"}})
    watcher = watch.Watch()
    for event in watcher.stream(core.list_namespaced_config_map, "python", timeout_seconds=10):
        assert event["type"] == "ADDED"
        if event["object"].metadata.name == "a":
            watcher.stop()
    command = ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"]
    containers = [{"name": "main", "image": "busybox:1.35", "command": command}]
    core.create_namespaced_pod("python", {"metadata": {"name": "p"}, "spec": {"containers": containers}})
    for event in watcher.stream(core.list_namespaced_pod, "python", timeout_seconds=20):
        if event["object"].status.phase == "Running":
            watcher.stop()
    execute = core.connect_get_namespaced_pod_exec
    session = stream(
        execute, "p", "python", command=["sh", "-c", "echo out; echo err >&2; exit 3"],
        stdout=True, stderr=True, stdin=False, tty=False, _preload_content=False,
    )  # fmt: skip
    session.run_forever(timeout=20)
    assert (session.read_stdout(), session.read_stderr(), session.returncode) == ("out\n", "err\n", 3)
    session.sock.shutdown()  # the client's close() leaves it open once the server has said goodbye
    secrets = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="Secret")
    secrets.create(namespace="python", body={"metadata": {"name": "s"}, "stringData": {"k": "v"}})
    assert secrets.get(namespace="python", name="s").data.k == "dg=="


@pytest.fixture
def kubectl(kubeconfig: Path, tmp_path: Path) -> Any:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")

    def run(*words: str, code: int = 0, given: str | None = None, editor: str = "") -> str:
        done = subprocess.run(
            [program, *words],
            env={**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path), "KUBE_EDITOR": editor},
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        assert done.returncode == code, f"kubectl {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    return run


def test_kubectl_applies_compares_rolls_and_scales(kubectl: Any) -> None:
    kubectl("create", "namespace", "rolled")
    manifest = DEPLOYMENT.replace("NAMESPACE", "rolled")
    kubectl("apply", "-f", "-", given=manifest)
    kubectl("-n", "rolled", "rollout", "status", "deployment/web", "--timeout=60s")
    changed = manifest.replace("replicas: 2", "replicas: 1")
    assert "+  replicas: 1" in kubectl("diff", "-f", "-", given=changed, code=1)
    assert "deployment.apps/web configured" in kubectl("apply", "-f", "-", given=changed)
    assert "service/web unchanged" in kubectl("apply", "-f", "-", given=changed)
    kubectl("-n", "rolled", "wait", "--for=condition=Available", "deployment/web", "--timeout=60s")
    kubectl("-n", "rolled", "rollout", "restart", "deployment/web")
    kubectl("-n", "rolled", "rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("-n", "rolled", "rollout", "undo", "deployment/web")
    kubectl("-n", "rolled", "rollout", "status", "deployment/web", "--timeout=60s")
    assert "3         <none>" in kubectl("-n", "rolled", "rollout", "history", "deployment/web")
    kubectl("-n", "rolled", "scale", "deployment/web", "--replicas=3")
    edit = ("-n", "rolled", "edit", "deployment/web")
    assert "edited" in kubectl(*edit, editor="sed -i 's/replicas: 3/replicas: 4/'")
    assert json.loads(kubectl("-n", "rolled", "get", *edit[-1:], "-o", "json"))["spec"]["replicas"] == 4
    # by kubectl's own conversion of ownership an apply of its last configuration is no conflict
    conflict = kubectl("apply", "--server-side", "-f", "-", given=manifest, code=1)
    assert "deployment" not in conflict
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=manifest)
    listed = json.loads(kubectl("-n", "rolled", "get", "deployment", "web", "-o", "json"))
    assert listed["spec"]["replicas"] == 2


@pytest.mark.parametrize("kind", ["daemonset", "statefulset"])
def test_kubectl_rolls_sets_back(kubectl: Any, kind: str) -> None:
    kubectl("create", "namespace", kind)
    within = ("-n", kind, "rollout")
    spec = DEPLOYMENT.replace("NAMESPACE", kind).partition("---")[0]
    names = {"daemonset": "DaemonSet", "statefulset": "StatefulSet"}
    manifest = spec.replace("kind: Deployment", f"kind: {names[kind]}")
    if kind == "daemonset":
        manifest = manifest.replace("replicas: 2", "minReadySeconds: 0")
    kubectl("apply", "-f", "-", given=manifest)
    kubectl(*within, "status", f"{kind}/web", "--timeout=60s")
    kubectl(*within, "restart", f"{kind}/web")
    kubectl(*within, "status", f"{kind}/web", "--timeout=60s")
    assert "2         <none>" in kubectl(*within, "history", f"{kind}/web")
    kubectl(*within, "undo", f"{kind}/web")
    kubectl(*within, "status", f"{kind}/web", "--timeout=60s")
    assert "3         <none>" in kubectl(*within, "history", f"{kind}/web")


def test_kubectl_shows_describes_logs_and_runs_commands(kubectl: Any) -> None:
    kubectl("create", "namespace", "shown")
    kubectl("apply", "-f", "-", given=DEPLOYMENT.replace("NAMESPACE", "shown"))
    kubectl("-n", "shown", "rollout", "status", "deployment/web", "--timeout=60s")
    assert "READY   UP-TO-DATE   AVAILABLE" in kubectl("-n", "shown", "get", "deployments")
    wide = kubectl("-n", "shown", "get", "all,endpoints,endpointslices", "-o", "wide")
    assert "service/web" in wide
    assert "Successfully assigned shown/web-" in kubectl("-n", "shown", "describe", "pods")
    assert "ScalingReplicaSet" in kubectl("-n", "shown", "describe", "deployment", "web")
    assert kubectl("-n", "shown", "logs", "deployment/web") == "serving\n"
    run = ("-n", "shown", "exec", "deployment/web", "--", "sh", "-c")
    assert kubectl(*run, "echo hello") == "hello\n"
    kubectl(*run, "exit 4", code=4)
    with_input = ("-n", "shown", "exec", "-i", "deployment/web", "--", "sh", "-c")
    assert kubectl(*with_input, "read line; echo got $line", given="this\n") == "got this\n"


def test_kubectl_drains_a_node_and_asks_for_rights(kubectl: Any) -> None:
    assert kubectl("auth", "can-i", "delete", "pods") == "yes\n"
    assert "system:masters" in kubectl("auth", "whoami")
    kubectl("create", "namespace", "drained")
    kubectl("apply", "-f", "-", given=DEPLOYMENT.replace("NAMESPACE", "drained"))
    kubectl("-n", "drained", "rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("drain", "node-1", "--ignore-daemonsets", "--force", "--timeout=60s")
    assert "Ready,SchedulingDisabled" in kubectl("get", "node", "node-1")
    kubectl("uncordon", "node-1")
    token = kubectl("-n", "drained", "create", "token", "default").strip()
    kubectl("--token", token, "-n", "drained", "get", "pods", code=1)
    kubectl(
        "-n",
        "drained",
        "create",
        "rolebinding",
        "v",
        "--clusterrole=view",
        "--serviceaccount=drained:default",
    )
    assert "web-" in kubectl("--token", token, "-n", "drained", "get", "pods")
    kubectl("delete", "namespace", "drained", "--timeout=60s")
    kubectl("get", "namespace", "drained", code=1)
