"""Prometheus' past as files, from the command line, and back again."""

from __future__ import annotations

import io
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from tests.commandline import CommandLine

from chaoskit.cli import collect
from chaoskit.flows.collecting import Collected
from chaoskit.prediction.reading.chunks import Chunk

WANTED = ("--signal", "memory_usage", "--signal", "ready", "--signal", "error_ratio")


def test_what_is_collected_is_read_by_its_own_mapping(chaoskit: CommandLine) -> None:
    ended = chaoskit(
        "collect", "-n", "shop", "--hours", 1, "--chunk", "30m", "--out", "m", *WANTED, "-o", "json"
    )
    assert ended.code == 0, ended.err
    assert ended.json["signals"] == ["error_ratio", "memory_usage", "ready"]
    assert ended.json["rows"] > 500
    assert "collect" in ended.err
    read = chaoskit("predict", "--data", "m", "--mapping", "m/mapping.yaml", "-o", "json")
    assert read.code == 0, read.err
    assert {each["target"] for each in read.json["predictions"]} >= {"deployment/cart", "deployment/orders"}


def test_the_last_line_can_be_pasted(chaoskit: CommandLine) -> None:
    out = chaoskit("collect", "-n", "shop", "--hours", 0.5, "--out", "a b", *WANTED).out
    _, *words = shlex.split(out.splitlines()[-1].removeprefix("next  "))
    assert words == ["train", "--data", "a b", "--mapping", "a b/mapping.yaml"]
    ended = chaoskit(*words, "--no-thorough", "--recipe", "evidence")
    assert ended.code == 8, ended.err  # half an hour is too little to learn from


def test_what_cannot_be_collected_is_said(chaoskit: CommandLine) -> None:
    assert chaoskit("collect", "-n", "shop", "--out", "m", "--signal", "memry_usage").code == 2
    assert chaoskit("collect", "-n", "shop", "--out", "m", "--step", "7s", "--chunk", "60s").code == 2
    late = chaoskit("collect", "-n", "shop", "--out", "m", "--from", "2050-01-01")
    assert (late.code, "nothing lies between" in late.err) == (2, True)
    for option in ("--from", "--to"):
        vague = chaoskit("collect", "-n", "shop", "--out", "m", option, "yesterday")
        assert (vague.code, f"for {option}: 'yesterday' is no ISO 8601 time" in vague.err) == (2, True), (
            vague.err
        )
    nobody = chaoskit("collect", "-n", "nobody", "--hours", 0.1, "--out", "n", "--signal", "ready")
    assert (nobody.code, "no signal has a sample in namespace nobody" in nobody.err) == (4, True)


def test_what_is_one_is_counted_as_one() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    one = Chunk(noon, noon + timedelta(hours=1), "a.csv", 1, sampled=("cpu_usage",))
    text = io.StringIO()
    collect._table(Console(file=text, soft_wrap=True), Collected(Path("col"), Path("col/m.yaml"), (one,), 1))
    assert text.getvalue().splitlines()[:2] == [
        "1 line of 1 signal, 2026-03-01 12:00 to 2026-03-01 13:00 UTC  col",
        "1 file, 1 stretch fetched now; read by col/m.yaml",
    ]
