"""Fixtures of all tests: real servers, and the simulated cluster."""

from __future__ import annotations

pytest_plugins = ["tests.commandline", "tests.mongo", "tests.servers"]
