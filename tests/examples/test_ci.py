"""The CI examples parse, their commands exist with these options, and their reports are kept."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tests.commandline import PROJECT

from chaoskit.cli.app import COMMANDS, app
from chaoskit.outcome import Outcome
from chaoskit.reports.formats import FORMATS

FILES = sorted((PROJECT / "examples/ci").iterdir())
NAMES = {name for group in COMMANDS.values() for name in group}


def _commands(path: Path) -> list[list[str]]:
    """The words of every line that calls chaoskit, without what the shell keeps for itself."""
    lines = re.findall(r"^\s*-?\s*(chaoskit .*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return [shlex.split(re.sub(r"\s*>\s*\S+$", "", line)) for line in lines]


COMMANDS_OF = [(path, words) for path in FILES for words in _commands(path)]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_example_is_of_its_format(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.suffix not in {".yaml", ".yml"}:
        assert text.count("{") == text.count("}")
        assert "pipeline {" in text
        return
    documents = list(yaml.safe_load_all(text))
    assert all(isinstance(each, dict) for each in documents)
    inside = {line.strip() for each in documents for string in _strings(each) for line in string.splitlines()}
    written = re.findall(r"^\s*-?\s*(chaoskit .*)$", text, re.MULTILINE)
    assert {line.strip() for line in written} <= inside, "a command is in no string of the document"


@pytest.mark.parametrize(
    ("path", "words"), COMMANDS_OF, ids=[f"{path.name} {words[1]}" for path, words in COMMANDS_OF]
)
def test_a_command_is_understood_by_the_real_command_line(path: Path, words: list[str]) -> None:
    _, name, *arguments = words
    group: Any = typer.main.get_command(app)
    command = group.get_command(None, name)
    assert command is not None, f"{path.name}: there is no command {name}"
    command.make_context(name, arguments)  # fails on an option, a value or an argument that it does not take


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_call_is_left_out(path: Path) -> None:
    code = "\n".join(
        line
        for line in path.read_text(encoding="utf-8").splitlines()
        if not re.match(r"\s*(#|//)|.*`chaoskit", line)
    )
    calls = re.findall(rf"chaoskit (?:{'|'.join(NAMES)})\b", code)
    assert len(calls) == len(_commands(path)) > 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_installed_is_what_its_user_keeps_and_no_name_that_anyone_may_take(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    installed = re.findall(r"pip install (?:--quiet )?(\S+?)'?$", text, re.MULTILINE)
    assert set(installed) == {'"$CHAOSKIT_WHEEL"'}
    assert re.search(r"^(#|//) chaoskit is on no package index yet: CHAOSKIT_WHEEL is ", text, re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_a_run_reports_is_kept_by_the_pipeline(path: Path) -> None:
    (run,) = [words for words in _commands(path) if words[1] == "run"]
    files = [after for word, after in pairwise(run) if word.removeprefix("--") in FORMATS]
    assert files
    text = path.read_text(encoding="utf-8")
    rest = text.replace(re.findall(r"chaoskit run .*", text)[0], "")
    folder_is_kept = re.search(r"(path|paths|workspaces?): ?\[?(reports|source)\b", rest) is not None
    assert all(file in rest or folder_is_kept for file in files)
    assert "--yes" in run, "nobody can be asked there"
    assert "--timeout" in run


def test_exit_codes_that_are_named_mean_what_the_comments_say() -> None:
    gitlab = yaml.safe_load((PROJECT / "examples/ci/gitlab-ci.yml").read_text(encoding="utf-8"))
    assert gitlab["resilience"]["allow_failure"]["exit_codes"] == [
        Outcome.REFUSED.exit_code, Outcome.NO_BASELINE.exit_code,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["plan", "run"])
def test_jenkins_takes_what_proves_nothing_for_unstable_wherever_it_is_found_out(name: str) -> None:
    codes = [each.exit_code for each in (Outcome.REFUSED, Outcome.CANNOT_START, Outcome.NO_BASELINE)]
    called = rf"sh returnStatus: true, script: '''\s+chaoskit {name} [^']+'''\s+ends code, (\[.+?\])"
    assert re.findall(called, (PROJECT / "examples/ci/Jenkinsfile").read_text(encoding="utf-8")) == [
        str(codes)
    ]


def _whatever_happened(path: Path) -> list[Any]:
    """What the pipeline does after the run, be it cancelled or killed."""
    text = path.read_text(encoding="utf-8")
    if path.name == "Jenkinsfile":
        return re.findall(r"^( *)always \{(.+?)^\1\}", text, re.MULTILINE | re.DOTALL)
    documents = list(yaml.safe_load_all(text))
    match path.stem:
        case "github-actions":
            steps = documents[0]["jobs"]["experiments"]["steps"]
            return [each for each in steps if each.get("if", "").startswith("always()")]
        case "gitlab-ci":
            return [job["after_script"] for job in documents[0].values() if "after_script" in job]
        case "tekton":
            named = [each["taskRef"]["name"] for each in documents[-1]["spec"]["finally"]]
            return [each for each in documents if each["metadata"]["name"] in named]
        case _:
            spec = documents[0]["spec"]["workflowSpec"]
            return [each for each in spec["templates"] if each["name"] == spec["onExit"]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_run_that_is_cancelled_or_killed_is_finished_by_the_pipeline(path: Path) -> None:
    assert "chaoskit rescue" in str(_whatever_happened(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_rescue_of_one_namespace_says_that_others_need_theirs(path: Path) -> None:
    above = path.read_text(encoding="utf-8").partition("chaoskit rescue --namespace shop\n")[0]
    words = "one for each namespace of your experiments, whatever the others end with"
    assert re.search(rf"(#|//) {words}$", above, re.MULTILINE)
