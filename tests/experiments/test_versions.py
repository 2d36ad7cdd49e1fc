"""No fault is asked of a Litmus that is older than it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.experiments.test_litmus import experiment

from chaoskit.experiments import checks
from chaoskit.experiments.checks import Check
from chaoskit.experiments.trials import Trial, load
from chaoskit.experiments.versions import before


@pytest.mark.parametrize(
    ("version", "other", "older"),
    [
        ("3.18.0", "3.20", True),
        ("v3.9.1", "3.20", True),
        ("2.14.0-alpine", "3.0", True),
        ("3.20.0", "3.20", False),
        ("3.0.0-beta8", "3.0", False),
        ("3", "3.20", False),
        ("latest", "3.20", False),
        ("", "3.20", False),
    ],
)
def test_what_is_no_version_is_not_older(version: str, other: str, older: bool) -> None:
    assert before(version, other) is older


def checked(trial: Trial, image: str) -> Check:
    return defined(trial, {"spec": {"definition": {"image": image}}})


def defined(trial: Trial, definition: dict[str, Any]) -> Check:
    (found,) = checks.definitions(trial, dict.fromkeys(trial.faults, definition))
    return found


def engine(fault: str, **components: Any) -> Trial:
    spec = {"experiments": [{"name": fault, "spec": {"components": components}}]}
    return Trial("t.yaml", engine={"metadata": {"name": "e", "namespace": "lab"}, "spec": spec})


@pytest.mark.parametrize(
    ("fault", "image", "state"),
    [
        ("pod-network-rate-limit", "litmuschaos/go-runner:3.18.0", "blocked"),
        ("pod-network-rate-limit", "kept.at:5000/litmuschaos/go-runner:3.18.0@sha256:aa", "blocked"),
        ("pod-network-rate-limit", "litmuschaos/go-runner:3.20.0", "ok"),
        ("pod-network-rate-limit", "litmuschaos/go-runner:latest", "ok"),
        ("pod-network-rate-limit", "kept.at:5000/litmuschaos/go-runner", "ok"),
        ("pod-network-rate-limit", "kept.at/our-runner:1.0.0", "ok"),
        ("pod-http-latency", "litmuschaos/go-runner:2.12.0", "blocked"),
        ("pod-delete", "litmuschaos/go-runner:2.0.0", "ok"),
        ("our-own", "litmuschaos/go-runner:1.0.0", "ok"),
    ],
)
def test_a_fault_that_the_image_of_its_definition_does_not_know_yet_is_blocked(
    fault: str, image: str, state: str
) -> None:
    assert checked(engine(fault), image).state == state


def test_the_command_that_makes_what_is_missing_asks_for_the_variables_of_its_file(tmp_path: Path) -> None:
    path, text = tmp_path / "x.yaml", json.dumps(experiment().document())
    path.write_text(text.replace('"lab"', '"${place}"'))
    (trial,) = load([str(path)], variables={"place": "lab"})
    (found,) = checks.definitions(trial, {"pod-delete": None})
    assert found.mend == f"chaoskit plan {path} --var place=VALUE --rbac | kubectl apply -f -"


def test_a_fault_of_ours_is_as_new_as_what_it_needs_of_litmus() -> None:
    own = {"kind": "database-connection-loss", "parameters": {"database": "db.lab.svc|5432"}}
    trial = Trial("t.yaml", experiment=experiment(fault=own))
    assert checks.since(trial, "pod-network-loss") == "3.20", "what makes the ChaosExperiment goes by it too"
    found = checked(trial, "litmuschaos/go-runner:3.18.0")
    assert found.state == "blocked"
    words = "ChaosExperiment pod-network-loss runs go-runner 3.18.0: database-connection-loss is there"
    assert found.words == f"{words} since 3.20"
    assert found.mend == "give it an image of go-runner 3.20 or newer"
    assert checked(trial, "litmuschaos/go-runner:3.20.0").state == "ok"


@pytest.mark.parametrize("empty", [{}, {"spec": None}, {"spec": {"definition": {}}}])
def test_a_definition_without_an_image_runs_nothing_unless_the_engine_names_one(
    empty: dict[str, Any],
) -> None:
    found = defined(engine("pod-delete"), empty)
    words = "ChaosExperiment pod-delete names no image, and so nothing would run"
    assert (found.state, found.words) == ("blocked", words)
    own = engine("pod-delete", experimentImage="litmuschaos/go-runner:3.20.0")
    assert defined(own, empty).state == "ok"
