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
from chaoskit.simulator.litmus.installation import LABEL

ACTOR = (sys.executable, "-m", "chaoskit.simulator.litmus")


@pytest.fixture(scope="module")
def laboratory(real_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """The real cluster with Litmus' actor attached, which takes out again what it has put there."""
    if not LITMUS.is_dir():
        pytest.skip("the recordings of a real cluster are not on this machine")
    root = tmp_path_factory.mktemp("image")
    names = subprocess.run((*ACTOR, "images", root), check=True, capture_output=True, text=True).stdout
    for name in names.splitlines():
        subprocess.run([cluster_script(), "image", name, root], check=True, capture_output=True, timeout=60)
    attach = (*ACTOR, "attach", "--kubeconfig", real_kubeconfig, "--namespace", "default")
    with (
        subprocess.Popen(
            (*attach, "--fault", "pod-delete"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as actor,
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
