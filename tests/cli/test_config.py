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


def test_an_address_is_shown_without_what_logs_in_there(tmp_path: Path) -> None:
    addresses = {
        "CHAOSKIT_PROMETHEUS": "http://me:s3cret@prometheus:9090",
        "CHAOSKIT_STORE": "mongodb://me:s3/cr@et@mongo/chaos",
    }
    shown = CommandLine(tmp_path, more=addresses)("config", "-o", "json").json["settings"]
    assert shown["prometheus"] == "http://(hidden)@prometheus:9090"
    assert shown["store"] == "mongodb://(hidden)@mongo/chaos"


def test_init_writes_a_file_that_every_later_command_reads(tmp_path: Path) -> None:
    assert CommandLine(tmp_path, more={"CHAOSKIT_MAX_PODS": "3"})("config", "init").code == 0
    later = CommandLine(tmp_path)
    shown = later("config", "-o", "json").json
    assert (shown["settings"]["max_pods"], shown["origins"]["max_pods"]) == (3, "chaoskit.yaml")
    again = later("config", "init")
    assert (again.code, "cannot be written" in again.err) == (2, True)


def test_a_line_of_a_settings_file_is_never_quoted(tmp_path: Path) -> None:
    (tmp_path / "chaoskit.yaml").write_text("pagerdutykey: s3cret\n", encoding="utf-8")
    ended = CommandLine(tmp_path)("config")
    assert ended.code == 2
    assert ended.err.startswith("error    chaoskit.yaml:1:1  pagerdutykey is unknown")
    assert "s3cret" not in ended.err


def test_a_variable_that_is_no_setting_is_said(tmp_path: Path) -> None:
    ended = CommandLine(tmp_path, more={"CHAOSKIT_MAXPODS": "3"})("config")
    assert ended.code == 0
    assert "CHAOSKIT_MAXPODS is no setting" in ended.err
