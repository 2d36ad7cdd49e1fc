"""What is set is shown with where it comes from; what is secret is shown as set, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.commandline import CommandLine


@pytest.mark.parametrize("form", ["json", "yaml", "table"])
def test_secrets_are_not_shown(tmp_path: Path, form: str) -> None:
    secrets = {
        "CHAOSKIT_WEBHOOK": "https://hooks.example/s3cret",
        "CHAOSKIT_PROMETHEUS_TOKEN": "s3cret",
    }
    ended = CommandLine(tmp_path, more=secrets)("config", "-o", form)
    assert ended.code == 0
    assert "s3cret" not in ended.out + ended.err
    assert ended.out.count("(set)") == 2
