"""What was sent and not answered is owed, what others did alike is not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.acts.fake import CART, deployment
from tests.acts.test_resize import LESS, OWN, POD, Resizing

from chaoskit import kube
from chaoskit.acts import changes, resize, rollout
from chaoskit.acts.doubts import LONG_AGO, after_a_loss, after_nothing, of_the_dead
from chaoskit.acts.entries import Entry
from chaoskit.acts.fields import REPLICAS
from chaoskit.acts.trail import ENGINE
from chaoskit.clock import ManualClock
from chaoskit.errors import Conflict
from chaoskit.ports.cluster import Object, ObjectRef

SCALED = Entry("field", CART, REPLICAS, 3, 5)
AGAIN = replace(SCALED, before=5, after=7)
PAUSED = Entry("field", CART, ("spec", "paused"), None, True)
THEIRS = {"limits": {"memory": "800Mi"}}
MADE = Entry("created", CART, after="run1")


def doubted(entry: Entry) -> Entry:
    return replace(entry, doubted=True)


def test_a_loss_brings_in_doubt_what_was_tried_and_nothing_else() -> None:
    assert after_a_loss((SCALED, PAUSED), (SCALED,)) == (doubted(SCALED), PAUSED)


def test_of_what_was_so_already_the_last_is_owed_no_more_unless_it_is_in_doubt() -> None:
    assert after_nothing((SCALED, PAUSED, AGAIN), (AGAIN,)) == (SCALED, PAUSED)
    assert after_nothing((SCALED, doubted(AGAIN)), (AGAIN,)) == (SCALED, doubted(AGAIN))


@pytest.mark.parametrize(("uid", "heard"), [("", 1), ("uid", 2)])
def test_a_dead_process_had_an_answer_to_all_that_is_older_than_its_engine(uid: str, heard: int) -> None:
    owed = (MADE, Entry(ENGINE, ObjectRef(kube.CHAOS_ENGINE, "shop", "e", uid)), SCALED)
    died = datetime(2026, 1, 1, tzinfo=UTC)
    renewed = kube.timestamp(died)
    found = of_the_dead(owed, renewed, died + LONG_AGO)
    assert found == (*owed[:heard], *map(doubted, owed[heard:]))
    assert of_the_dead(found, renewed, died + LONG_AGO + timedelta(seconds=1)) == owed


# ---------------------------------------------------------------- writes for one version


def _resources(resources: Object) -> Object:
    return {"spec": {"containers": [{"name": "c", "resources": resources}]}}


def _template(image: str) -> Object:
    return {"spec": {"containers": [{"name": "c", "image": image}]}}


@dataclass(frozen=True)
class Way:
    """A write for the version that was read; how others put it `back`, and set something of `theirs`."""

    do: Callable[[Resizing], object]
    back: Callable[[Resizing], object]
    theirs: Callable[[Resizing], object]


def _set(**spec: object) -> Callable[[Resizing], object]:
    return lambda cluster: cluster.patch(CART, {"spec": spec})


WAYS = {
    "field": Way(
        lambda cluster: changes.field(
            cluster, ManualClock(), cluster.get(CART), CART, REPLICAS, 0
        ).do(),
        _set(replicas=3),
        _set(replicas=7),
    ),
    "template": Way(
        lambda cluster: rollout.change(cluster, cluster.get(CART), _template("a:2")),
        _set(template=_template("a:1")),
        _set(template=_template("theirs")),
    ),
    "resources": Way(
        lambda cluster: resize.change(cluster, cluster.get(POD), {"c": LESS}).do(),
        lambda cluster: cluster.patch(POD, _resources(OWN), type="strategic"),
        lambda cluster: cluster.patch(POD, _resources(THEIRS), type="strategic"),
    ),
}  # fmt: skip


def _lost(cluster: Resizing, then: Callable[[Resizing], object]) -> None:
    """The next write is stored, overwritten by others and, sent again, answered with a conflict."""
    store = cluster.store

    def stored(verb: str, ref: ObjectRef, body: Object) -> Object:
        store(verb, ref, body)
        cluster.store = store  # type: ignore[method-assign]
        then(cluster)
        error = Conflict(f"{ref} has changed")
        error.harmless = False
        raise error

    cluster.store = stored  # type: ignore[method-assign]


@pytest.fixture
def cluster() -> Resizing:
    body = copy.deepcopy(deployment())
    body["spec"]["template"] = _template("a:1")
    cluster = Resizing()
    cluster.create(body)
    return cluster


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_was_put_back_after_a_lost_answer_is_written_again(cluster: Resizing, way: Way) -> None:
    _lost(cluster, way.back)
    assert way.do(cluster)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_others_set_after_a_lost_answer_is_a_conflict_that_is_not_harmless(
    cluster: Resizing, way: Way
) -> None:
    _lost(cluster, way.theirs)
    with pytest.raises(Conflict) as raised:
        way.do(cluster)
    assert not raised.value.harmless


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_no_conflict_is_harmless_after_a_lost_answer_however_many_came_since(
    cluster: Resizing, way: Way
) -> None:
    _lost(cluster, way.back)
    writes = iter(range(3))

    def meanwhile(_verb: str, _ref: ObjectRef) -> None:
        if next(writes, 0) == 2:  # the first is ours, the second puts it back
            way.theirs(cluster)

    cluster.before_write = meanwhile
    with pytest.raises(Conflict) as raised:
        way.do(cluster)
    assert not raised.value.harmless


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("lost", [True, False])
def test_what_never_stands_still_is_harmless_unless_an_answer_was_lost(
    cluster: Resizing, way: Way, *, lost: bool
) -> None:
    if lost:
        _lost(cluster, way.back)

    undisturbed = iter(range(int(lost)))

    def touch(_verb: str, ref: ObjectRef) -> None:
        if next(undisturbed, None) is None:
            cluster.store("touch", ref, cluster.get(ref))

    cluster.before_write = touch
    with pytest.raises(Conflict, match="changes faster") as raised:
        way.do(cluster)
    assert raised.value.harmless is not lost
