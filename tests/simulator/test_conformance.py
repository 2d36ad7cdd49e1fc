"""What a real API server does is done here too: the shared conformance suite, against a simulated cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chaoskit.simulator.cluster import SimulatedCluster

SHARED = Path(os.environ.get("CHAOSKIT_SHARED") or Path(__file__).parents[2].parent / "shared")
SUITE = SHARED / "conformance" / "test_kubernetes_api.py"


@pytest.mark.no_cover  # a suite of its own, whose subject others cover
@pytest.mark.skipif(not SUITE.exists(), reason=f"the conformance suite is not at {SUITE}")
def test_the_simulator_passes_every_check_of_the_conformance_suite(tmp_path: Path) -> None:
    with SimulatedCluster(shop=False) as cluster:
        config = cluster.kubeconfig(tmp_path / "kubeconfig")
        own = {
            n: v for n, v in os.environ.items() if not n.startswith(("PYTEST_", "COV"))
        }  # another project's suite
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, SUITE],
            cwd=tmp_path,
            env={**own, "CHAOSKIT_TEST_KUBECONFIG": str(config), "CHAOSKIT_TEST_SLOW": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
    assert cluster.engine.failures == []
    assert done.returncode == 0, done.stdout[-4000:]
    assert "85 passed" in done.stdout
