"""Litmus' actor in a process of its own, attached to the real Kubernetes for the tests of one file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.attached.laboratory import Laboratory, opened
from tests.servers import cluster_script
from tests.simulator.litmus.test_recordings import LITMUS

from chaoskit import kube
from chaoskit.simulator.litmus import images
from chaoskit.simulator.litmus.installation import LABEL


@pytest.fixture(scope="module")
def laboratory(real_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """The real cluster with Litmus' actor attached, which takes out again what it has put there."""
    if not LITMUS.is_dir():
        pytest.skip("the recordings of a real cluster are not on this machine")
    root = tmp_path_factory.mktemp("image")
    images.write(root)
    for name in images.NAMES:
        subprocess.run([cluster_script(), "image", name, root], check=True, capture_output=True, timeout=60)
    command = [
        sys.executable, "-m", "chaoskit.simulator.litmus", "--kubeconfig", str(real_kubeconfig),
        "--namespace", "default", "--fault", "pod-delete",
    ]  # fmt: skip
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as actor,
        opened(real_kubeconfig) as found,
    ):
        try:
            if actor.stdout is not None and "is attached" in actor.stdout.readline():
                yield found
        finally:
            actor.terminate()
            _, complaints = actor.communicate(timeout=280)
        assert (actor.returncode, complaints) == (0, "")
        for kind in (kube.CRD, kube.NAMESPACE, kube.SERVICE_ACCOUNT, kube.ROLE):
            assert found.cluster.list(kind, labels=LABEL).items == ()
