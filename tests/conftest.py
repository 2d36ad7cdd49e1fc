"""Fixtures of all tests: real servers, and the simulated cluster."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

hypothesis.settings.register_profile("same each time", derandomize=True)
hypothesis.settings.load_profile("same each time")  # --hypothesis-profile=default looks elsewhere

pytest_plugins = ["tests.servers", "tests.commandline", "tests.mongo"]

ON_THE_REAL_NODE = {
    "tests/attached/test_runs.py",
    "tests/contract/test_cluster.py",
    "tests/experiments/test_direct_real.py",
    "tests/experiments/test_exporting.py",
    "tests/recovery/test_servers.py",
    "tests/recovery/test_shop_real.py",
    "tests/simulator/test_api_remote.py",
}
"""Files with tests on the real Kubernetes: it has one node, and some of them drain it."""

PACED = (
    "tests/adapters/test_prometheus.py",
    "tests/attached/",
    "tests/cli/",
    "tests/contract/test_cluster.py",
    "tests/examples/",
    *(f"tests/experiments/test_{name}.py" for name in ("direct", "direct_real", "exporting")),
    *(f"tests/experiments/test_{name}.py" for name in ("killed_in_pods", "killed_runs")),
    *(f"tests/experiments/test_{name}.py" for name in ("native_runs", "recorded_documents")),
    *(f"tests/flows/test_{name}.py" for name in ("drills", "library", "nights", "notifying", "restoring")),
    *(f"tests/recovery/test_{name}.py" for name in ("executor", "killed_recoveries", "remedies")),
    *(f"tests/recovery/test_{name}.py" for name in ("servers", "shop_real", "simulated")),
    "tests/simulator/test_scraped.py",
    "tests/test_readme.py",
)
"""Tests that follow the pace of a running cluster: one that is late on a busy machine gets a second try."""


LONG = (*PACED, "tests/benchmarks/", "tests/prediction/", "tests/simulator/")
"""Files that take minutes: last, one worker would still be at them when the others have nothing left."""


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Whether a test failed is known when it is torn down."""
    report = yield
    item.stash[_FAILED] = report.failed
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """A second try gets a cluster of its own: the first one's is as that left it, and may refuse for it."""
    tries = getattr(item, "execution_count", 0)
    if item.get_closest_marker("flaky") and item.stash.get(_FAILED, False) and tries == 1:
        item.session._setupstate.teardown_exact(None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A second try is a mark of those tests alone; it is counted and can be listed (``-rR``)."""
    for item in items:
        if item.nodeid.startswith(PACED):
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=3))
    if hasattr(config, "workerinput"):
        items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    """What the real node does in turn comes first, then what takes long."""
    if item.nodeid.partition("::")[0] in ON_THE_REAL_NODE:
        return 0
    return 1 if item.nodeid.startswith(LONG) else 2


class OneRealNode(LoadFileScheduling):  # type: ignore[misc]
    """The tests of a file stay on one worker, and those on the real node stay on one worker together."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "the real node" if file in ON_THE_REAL_NODE else file


def pytest_configure() -> None:
    """Signals that a shell's background ignores are heard here, and by every process that tests begin."""
    if threading.current_thread() is threading.main_thread():
        for number, heard in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, heard)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneRealNode | None:
    """Where ``--dist loadfile`` is asked for, files that share the real node are taken for one."""
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # in the order of the collection: the long ones first
    return OneRealNode(config, log)
