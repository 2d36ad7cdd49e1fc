"""Runs that are handed over: who does that waits until a controller has answered, and no longer."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.acts.fake import FakeCluster
from tests.cli.made import experiment

from chaoskit import kube
from chaoskit.acts import handover
from chaoskit.acts.accounts import ACCEPTED, accounts
from chaoskit.clock import ManualClock
from chaoskit.documents import Document, parse
from chaoskit.errors import CannotStart
from chaoskit.experiments import Trial, trials
from chaoskit.flows.detached import PATIENCE, hand_over, packed, unpacked
from chaoskit.flows.world import World
from chaoskit.governor import Limits
from chaoskit.ports.cluster import Identity, ObjectRef


@pytest.fixture
def trial() -> Trial:
    (found,) = trials([Document("x.yaml", yaml.safe_load(experiment("x")), {}, {})])
    return found


def _world(folder: Path) -> World:
    nothing: Any = None
    return World(FakeCluster(), None, nothing, nothing, ManualClock(), Limits(), folder)


def test_who_hands_over_a_run_hears_that_it_is_accepted_though_nobody_has_a_hand_for_it(
    tmp_path: Path, trial: Trial
) -> None:
    world, wall = _world(tmp_path), ManualClock()

    def accept() -> None:
        (account,) = handover.handed(world.cluster, "shop")
        handover.accept(world.cluster, account, "busy:1:controller")

    wall.call_at(PATIENCE / 2, accept)
    found = hand_over(world, trial, stop=threading.Event(), wall=wall)
    assert (found.accepted, found.holder, found.state) == ("busy:1:controller", "", "handed")
    assert accounts(world.cluster) == (found,)
    handed, expected, known = unpacked(handover.document_of(world.cluster, found))
    assert (handed.name, expected, known) == (trial.name, "", world.cluster.identity())


def test_what_is_secret_of_a_run_is_secret_to_the_controller_too() -> None:
    text = experiment("x", hypothesis="Nobody guesses ${password}.")
    (given,) = trials(parse(text, "x.yaml", variables={"password": "hunter2secret", "name": "whatever"}))
    taken, *_ = unpacked(packed(given, "", Identity("here", "", "")))
    assert given.secrets == taken.secrets == {"hunter2secret"}


def test_a_run_that_no_controller_answers_for_is_withdrawn(tmp_path: Path, trial: Trial) -> None:
    world, wall = _world(tmp_path), ManualClock()
    with pytest.raises(CannotStart, match="no controller took the run over within 10 s") as raised:
        hand_over(world, trial, stop=threading.Event(), wall=wall)
    assert f"chaoskit controller -n {trial.namespace}," in str(raised.value.hint)
    assert wall.monotonic() == pytest.approx(PATIENCE, abs=0.3)
    assert accounts(world.cluster) == ()


@pytest.mark.parametrize(("note", "accepted"), [(ACCEPTED, True), ("somebody.io/else", False)])
def test_what_is_accepted_at_the_last_moment_is_told_and_nothing_else_keeps_a_run_waiting(
    tmp_path: Path, trial: Trial, note: str, *, accepted: bool
) -> None:
    world, wall = _world(tmp_path), ManualClock()
    cluster = world.cluster
    assert isinstance(cluster, FakeCluster)

    def change(verb: str, ref: ObjectRef) -> None:
        if (verb, ref.kind) == ("patch", kube.LEASE):  # its withdrawal is on the way
            cluster.before_write = lambda _verb, _ref: None
            cluster.patch(ref, {"metadata": {"annotations": {note: "late:1:controller"}}})

    cluster.before_write = change
    if accepted:
        found = hand_over(world, trial, stop=threading.Event(), wall=wall)
        assert (found.accepted, accounts(cluster)) == ("late:1:controller", (found,))
        return
    with pytest.raises(CannotStart, match="no controller"):
        hand_over(world, trial, stop=threading.Event(), wall=wall)
    assert accounts(cluster) == ()
