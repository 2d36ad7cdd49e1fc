"""Every file in examples/ is used as a reader would use it; no file is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.commandline import PROJECT, CommandLine, Watched
from tests.servers import shared_folder

EXAMPLES = PROJECT / "examples"
EXPERIMENTS = sorted((EXAMPLES / "experiments").iterdir())
RUNBOOKS = sorted((EXAMPLES / "runbooks").iterdir())
SIGNALS = sorted((EXAMPLES / "signals").iterdir())
MAPPINGS = sorted((EXAMPLES / "data").iterdir())
DATA = {
    "dbsherlock-tpcc": (shared_folder() / "data/dbsherlock-tpcc", "database"),
    "nezha-ob": (shared_folder() / "data/nezha-ob-tt", "online-boutique"),
    "nezha-tt": (shared_folder() / "data/nezha-ob-tt", "train-ticket"),
    "redis-prevent": (shared_folder() / "data/redis-prevent", "redis"),
    "sockshop-k8s": (PROJECT / "tests/prediction/data/sockshop-slice", "sock-shop"),
}
"""By mapping: the folder with its data, and the namespace that it tells of."""
PIPELINES = sorted((EXAMPLES / "ci").iterdir())  # tested in test_ci.py


def _name(path: Path) -> str:
    return path.name


def test_there_is_a_test_for_every_example() -> None:
    files = {path for path in EXAMPLES.rglob("*") if path.is_file()}
    assert files == {*EXPERIMENTS, *RUNBOOKS, *SIGNALS, *MAPPINGS, *PIPELINES}


@pytest.mark.parametrize("path", SIGNALS, ids=_name)
def test_signals_are_recorded_by_rules_of_their_own(stranger: CommandLine, path: Path) -> None:
    rules = stranger("monitor", "rules", env={"CHAOSKIT_SIGNALS": str(path)})
    assert rules.code == 0, rules.err
    assert f"chaoskit:{path.stem}_" in rules.out


@pytest.mark.parametrize("path", EXPERIMENTS, ids=_name)
def test_an_experiment_has_no_fault_that_can_be_read_off_it(stranger: CommandLine, path: Path) -> None:
    ended = stranger("validate", path, "--strict")
    assert ended.code == 0, ended.out
    assert ended.out == "1 document, 0 errors, 0 warnings\n"


@pytest.mark.parametrize("path", EXPERIMENTS, ids=_name)
def test_an_experiment_is_planned_and_holds_on_the_shop(
    chaoskit: CommandLine, simulated: Watched, path: Path
) -> None:
    planned = chaoskit("plan", path, "-o", "json")
    assert planned.code == 0, planned.out
    (plan,) = planned.json["plans"]
    ended = chaoskit("run", path, "--plan", plan["hash"], "--yes")
    assert ended.code == 0, ended.out + ended.err
    assert ended.out.startswith("passed  ")
    assert simulated.left() == []


@pytest.mark.parametrize("path", RUNBOOKS, ids=_name)
def test_a_runbook_is_loaded_before_the_shipped_ones(stranger: CommandLine, path: Path) -> None:
    listed = stranger("runbooks", "list", "--load", path, "-o", "json").json["runbooks"]
    first = listed[0]["metadata"]["name"]
    assert first == path.stem
    shown = stranger("runbooks", "show", first, "--load", path)
    assert shown.yaml["kind"] == "Runbook"


@pytest.mark.parametrize("path", RUNBOOKS, ids=_name)
def test_what_is_shown_of_a_runbook_is_a_runbook_again(stranger: CommandLine, path: Path) -> None:
    shown = stranger("runbooks", "show", path.stem, "--load", path)
    copy = stranger.home / "copy.yaml"
    copy.write_text(shown.out, encoding="utf-8")
    assert stranger("runbooks", "show", path.stem, "--load", copy).out == shown.out


@pytest.mark.parametrize("path", RUNBOOKS, ids=_name)
def test_a_runbooks_own_instructions_work(stranger: CommandLine, path: Path) -> None:
    told = [line for line in path.read_text(encoding="utf-8").splitlines() if "chaoskit " in line]
    for line in told:
        words = line.partition("chaoskit ")[2].split()
        ended = stranger(*[PROJECT / each if each.startswith("examples/") else each for each in words])
        assert ended.code == 0, f"{line}\n{ended.err}"


@pytest.mark.parametrize("path", MAPPINGS, ids=_name)
def test_a_mapping_file_reads_its_data(stranger: CommandLine, path: Path) -> None:
    """Without a model rules answer: the columns are found and mean what the file says."""
    folder, namespace = DATA[path.stem]
    if not folder.is_dir():
        pytest.skip(f"no data in {folder}")
    ended = stranger("predict", "--data", folder, "--mapping", path, "-o", "json")
    assert ended.code == 0, ended.err
    assert {each["model"] for each in ended.json["predictions"]} == {"rules"}
    assert {each["namespace"] for each in ended.json["predictions"]} == {namespace}
