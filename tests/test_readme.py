"""README is true: its blocks of commands are executed in order, its Python runs, all that it names exists.

The two first commands install from the network: what they install and start is tested, they are not.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.commandline import PROJECT, environment
from tests.mongo import MongoServer
from typer.testing import CliRunner

from chaoskit.cli.app import COMMANDS, app
from chaoskit.flows import simulation

README = (PROJECT / "README.md").read_text(encoding="utf-8")
BLOCKS = [
    [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
    for block in re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
]
THOROUGHLY, QUICKLY = "--hours 168", "--hours 168 --recipe window --no-thorough"
"""Probes and workloads held out are tested where they are made: here they would take minutes."""
PLAYING, OWN_CLUSTER, OWN_SIGNALS, WATCHED, CAREFULLY, OWN_STORE = BLOCKS

pytestmark = pytest.mark.xdist_group("readme")


@dataclass(frozen=True)
class Shell:
    """A shell in a folder with README's files; what one command exports, the next one knows."""

    folder: Path

    def __call__(self, command: str) -> str:
        """What the command wrote to stdout; it ended with 0."""
        script = f". ./exports; {command}\nstatus=$?; export -p > exports; exit $status"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder, env=environment(self.folder), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        return done.stdout

    @property
    def simulator(self) -> Path:
        return self.folder / "state" / "sim"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell beside the environment that the first command makes; a simulator left running is stopped."""
    folder = tmp_path_factory.mktemp("reader")
    venv.create(folder / ".venv", with_pip=False, symlinks=True)
    program = folder / ".venv/bin/chaoskit"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m chaoskit "$@"\n')
    program.chmod(0o755)
    (folder / "exports").touch()
    shutil.copytree(PROJECT / "examples", folder / "examples")
    shutil.copy(PROJECT / "examples/experiments/litmus-pod-delete.yaml", folder / "engine.yaml")
    found = Shell(folder)
    yield found
    simulation.down(found.simulator)


def test_the_commands_to_play_with_work_as_shown(shell: Shell) -> None:
    *commands, last = PLAYING
    assert last == "chaoskit sim down"
    said = {command: shell(command) for command in commands}
    assert shell("cat $KUBECONFIG").startswith("apiVersion: v1")
    assert "passed" in said["chaoskit run examples/experiments/cart-pod-delete.yaml --yes"]
    assert "pod-delete cart-pod-delete" in said["chaoskit history"]
    assert len(list((shell.folder / "experiments").glob("*.yaml"))) == 2


def test_the_commands_for_an_own_cluster_work_on_the_one_that_runs(shell: Shell) -> None:
    running = simulation.status(shell.simulator)
    assert running is not None
    for command in (*OWN_CLUSTER, *CAREFULLY):
        shell(command.replace("http://localhost:9090", running.prometheus).replace(THOROUGHLY, QUICKLY))


def test_the_commands_for_signals_and_predictions_work_on_it(shell: Shell) -> None:
    running = simulation.status(shell.simulator)
    assert running is not None
    for command in (*OWN_SIGNALS, *WATCHED):
        shell(command.replace("http://localhost:9090", running.prometheus))


def test_the_library_answers_as_shown(shell: Shell) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    (shell.folder / "example.py").write_text(code, encoding="utf-8")
    python = (
        f"PYTHONFAULTHANDLER=1 timeout --signal ABRT 280 {shlex.quote(sys.executable)}"  # tells where it is
    )
    predicted, run, *_ = shell(f"{python} -W error example.py").splitlines()
    assert predicted.startswith("deployment/")
    ends = "passed|weakness found|no baseline"  # its leak goes on until then, and may have gone too far
    assert re.search(rf"^[a-z0-9-]+ ({ends}) ", run), run


def test_history_is_kept_in_mongodb_as_shown(shell: Shell, mongo_server: MongoServer) -> None:
    export, *commands = OWN_STORE
    place = "mongodb://USER:PASSWORD@HOST:27017/chaoskit?replicaSet=NAME"
    assert place in export
    shell(export.replace(place, mongo_server.uri_of("readme")))
    try:
        assert [shell(command) for command in commands] == ["nothing yet\nnext  chaoskit demo\n"]
        shell("chaoskit run engine.yaml --yes")
        assert "cart-chaos" in shell("chaoskit history")
    finally:
        shell("unset CHAOSKIT_STORE")


def test_the_simulator_ends_as_shown(shell: Shell) -> None:
    shell(PLAYING[-1])
    assert not shell.simulator.exists()


def test_each_of_the_two_first_commands_sets_everything_up_in_one_line() -> None:
    lines = [line for line in README.splitlines() if line.startswith("    python3 -m venv ")]
    demo, tests = (line.strip().split(" && ") for line in lines)
    assert demo[0] == tests[0] == "python3 -m venv .venv"
    assert demo[-1] == ".venv/bin/chaoskit demo"
    assert tests[-1] == ".venv/bin/python -m pytest -q -n 4 --dist loadfile"


def test_the_gate_runs_the_test_command_that_is_shown() -> None:
    gate = (PROJECT / ".ci/run").read_text(encoding="utf-8")
    found = re.search(r"^command=\$\((sed .*)\)$", gate, re.MULTILINE)
    assert found is not None
    done = subprocess.run(
        ["bash", "-c", found[1]], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    assert done.strip().endswith(".venv/bin/python -m pytest -q -n 4 --dist loadfile")
    assert f"    {done}" in README


def test_every_command_in_the_table_exists() -> None:
    table = README.partition("| command | does |")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines()[1:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == {name for group in COMMANDS.values() for name in group}


def _inline() -> list[str]:
    """Commands that sentences and tables name with arguments or options."""
    text = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    spans = [span.replace("\n", " ").removeprefix("chaoskit ") for span in re.findall(r"`([^`]+)`", text)]
    names = {name for group in COMMANDS.values() for name in group}
    return sorted({span for span in spans if " " in span and span.split()[0] in names})


@pytest.mark.parametrize("words", _inline())
def test_a_command_within_a_sentence_exists_with_its_options(words: str) -> None:
    name, *rest = words.split()
    groups = {"models", "monitor", "runbooks", "sim"}
    done = CliRunner().invoke(app, [name, *(rest[:1] if name in groups else ()), "--help"])
    assert done.exit_code == 0, done.output
    for option in (each for each in rest if each.startswith("-")):
        assert re.search(rf"(^|[\s,]){re.escape(option)}\b", done.output), f"{words}: no {option}"


def test_every_file_and_link_that_is_named_exists() -> None:
    for path in re.findall(r"\bexamples/[\w./-]+\w", README):
        assert (PROJECT / path).exists(), path
    for anchor in re.findall(r"\]\(#([\w-]+)\)", README):
        titles = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
        assert anchor in {title.lower().replace(" ", "-") for title in titles}
