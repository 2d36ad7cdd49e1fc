"""How long a person waits before anything shows: ``pytest tests/benchmarks --benchmark-enable``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

Benchmark = Callable[..., Any]


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("run", "--help")], ids=" ".join)
def test_start_up(benchmark: Benchmark, arguments: tuple[str, ...]) -> None:
    def call() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([sys.executable, "-m", "chaoskit", *arguments], check=True, capture_output=True)

    assert benchmark(call).stdout
