"""Servers for tests: Kubernetes, Prometheus, Alertmanager where installed; a simulated cluster always."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from chaoskit.simulator.cluster import SimulatedCluster

T = TypeVar("T")

PROJECT = Path(__file__).parents[1]


def shared_folder() -> Path:
    """The folder of shared material: $CHAOSKIT_SHARED, or ``shared`` beside the project's folder."""
    return Path(os.environ.get("CHAOSKIT_SHARED") or PROJECT.parent / "shared")


def cluster_home() -> Path:
    """Where the real Kubernetes keeps its binaries, sockets and state."""
    return Path(os.environ.get("CHAOSKIT_CLUSTER_HOME") or Path.home() / ".cache" / "chaoskit-cluster")


def cluster_script() -> Path:
    """What builds, starts and stops the real Kubernetes, and gives it images."""
    return shared_folder() / "cluster" / "cluster"


def pace(rate: float) -> float:
    """So fast the time of a simulated cluster may run: slower where tests share the cores with others."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return rate * min(1.0, (os.cpu_count() or 1) / workers)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def real_kubeconfig() -> Iterator[Path]:
    """A kubeconfig of a running Kubernetes 1.20 with one real node; it stops if these tests started it."""
    script = cluster_script()
    if not script.is_file():
        pytest.skip(f"no real Kubernetes: {script} is not there")
    if not (cluster_home() / "bin" / "kube-apiserver").is_file():
        if not os.environ.get("CHAOSKIT_BUILD_CLUSTER"):
            pytest.skip("the real Kubernetes is not built: set CHAOSKIT_BUILD_CLUSTER=1 to build it here")
        subprocess.run([script, "build"], check=True, timeout=1800)
    if os.geteuid() != 0:
        pytest.skip("the real Kubernetes needs root for its node")
    ran_before = subprocess.run([script, "status"], capture_output=True, text=True, check=False).stdout
    up = subprocess.run([script, "up", "--pods"], capture_output=True, text=True, timeout=240, check=False)
    if up.returncode != 0:
        pytest.fail(f"{script} up --pods: {up.stderr}")
    yield Path(up.stdout.strip().splitlines()[-1])
    if "kube-apiserver" not in ran_before:
        subprocess.run([script, "down"], capture_output=True, timeout=120, check=True)


@pytest.fixture(scope="session")
def simulated_kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A kubeconfig of a simulated cluster without workloads, ten times faster than the wall."""
    with SimulatedCluster(shop=False, rate=pace(10)) as simulated:
        yield simulated.kubeconfig(tmp_path_factory.mktemp("simulated") / "kubeconfig")


class _Program:
    """A real server on a folder of its own; `url` answers while it runs."""

    def __init__(self, folder: Path, program: str, *flags: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._name = program
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [program, f"--web.listen-address=127.0.0.1:{self.port}", *flags],
            stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def wait(self) -> None:
        """It answers."""
        until(lambda: _answers(f"{self.url}/-/ready"), 30, f"{self._name} is not ready")

    def stop(self) -> None:
        """It has ended."""
        self._process.terminate()
        self._process.wait(20)
        self._log.close()


class PrometheusServer(_Program):
    """A real Prometheus."""

    def __init__(self, folder: Path, configuration: str, rules: str = "") -> None:
        (folder / "rules.yml").write_text(rules or "groups: []\n")
        (folder / "prometheus.yml").write_text(f"rule_files: [rules.yml]\n{configuration}")
        super().__init__(
            folder, "prometheus", f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data", "--storage.tsdb.retention.time=10y",
        )  # fmt: skip


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def until(holds: Callable[[], T | None], seconds: float, complaint: str | Callable[[], str]) -> T:
    """What `holds()` answered when it was true; the test fails when it is not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            pytest.fail(f"{complaint if isinstance(complaint, str) else complaint()} after {seconds:g} s")
        time.sleep(0.05)
    return found


@pytest.fixture
def real_prometheus(tmp_path: Path) -> Iterator[Callable[..., PrometheusServer]]:
    """Starts real Prometheus servers, which end with the test; skips where there is no Prometheus."""
    for needed in ("prometheus", "promtool"):
        if shutil.which(needed) is None:
            pytest.skip(f"no real Prometheus: {needed} is not installed")
    started: list[PrometheusServer] = []

    def start(configuration: str = "", rules: str = "", folder: Path | None = None) -> PrometheusServer:
        place = folder or tmp_path / f"prometheus-{len(started)}"
        place.mkdir(exist_ok=True)
        server = PrometheusServer(place, configuration, rules)
        started.append(server)
        server.wait()
        return server

    yield start
    for server in started:
        server.stop()


class AlertmanagerServer(_Program):
    """A real Alertmanager, which posts to `hook`."""

    def __init__(self, folder: Path, hook: str, token: str) -> None:
        (folder / "alertmanager.yml").write_text(_ALERTMANAGER.format(hook=hook, token=token))
        super().__init__(
            folder, "prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/data", "--cluster.listen-address=",
        )  # fmt: skip


_ALERTMANAGER = """\
route: {{receiver: chaoskit, group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: chaoskit
    webhook_configs:
      - url: {hook}
        send_resolved: true
        http_config: {{authorization: {{type: Bearer, credentials: {token}}}}}
"""


@pytest.fixture
def real_alertmanager(tmp_path: Path) -> Iterator[Callable[[str, str], AlertmanagerServer]]:
    """Starts real Alertmanagers that post to a hook; they end with the test. Skips where there is none."""
    if shutil.which("prometheus-alertmanager") is None:
        pytest.skip("no real Alertmanager: prometheus-alertmanager is not installed")
    started: list[AlertmanagerServer] = []

    def start(hook: str, token: str) -> AlertmanagerServer:
        place = tmp_path / f"alertmanager-{len(started)}"
        place.mkdir()
        server = AlertmanagerServer(place, hook, token)
        started.append(server)
        server.wait()
        return server

    yield start
    for server in started:
        server.stop()
