"""A recovery that dies without a word at any step is finished from the cluster, and is not done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from tests.recovery.simulated import Scene, scene
from tests.servers import until

from chaoskit import kube, recovery
from chaoskit.acts.accounts import accounts
from chaoskit.acts.rescue import rescue
from chaoskit.events import Event, Step
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.recovery import Issue, Options, Plan

STEPS = {
    "before-anything": ("issue", "note"),
    "before-the-act": ("roll-back", "begun"),
    "after-the-act": ("roll-back", "done"),
    "before-the-end": ("roll-back", "held"),
}
"""By namespace, the step at which the recovery in it dies."""


class Killed(BaseException):
    """As good as a SIGKILL: nothing of ours runs after it."""


def _dies_at(name: str, mark: str) -> Callable[[Event], None]:
    def listen(event: Event) -> None:
        if isinstance(event, Step) and (event.name, event.mark) == (name, mark):
            raise Killed

    return listen


def _web(namespace: str) -> Object:
    container = {"name": "web", "image": "registry.example/web:1", "env": []}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
        },
    }


def _ref(namespace: str) -> ObjectRef:
    return ObjectRef(kube.DEPLOYMENT, namespace, "web")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A cluster with a deployment in each namespace that crashes since its last rollout."""
    with scene(tmp_path_factory.mktemp("killed"), history=1, rate=8) as found:
        for place in STEPS:
            found.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}})
            found.cluster.create(_web(place))
        for place in STEPS:
            until(partial(_stands, found, place), 30, f"web is not ready in {place}")
            env = [{"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": _FAULT}]
            found.cluster.patch(_ref(place), env, type="json")
        yield found


_FAULT = {"name": "FAULT", "value": "exit=3"}


def _stands(scene_: Scene, place: str) -> bool:
    return kube.ready_replicas(scene_.cluster.get(_ref(place))) == 2


def _issue(scene_: Scene, place: str) -> Issue | None:
    issues = recovery.detect_issues(scene_.cluster, None, scene_.clock, place)
    return next((each for each in issues if each.confidence >= 0.9), None)


def _crash(scene_: Scene, place: str) -> Issue:
    """The crash, once it is seen."""
    return until(lambda: _issue(scene_, place), 60, f"no crash is seen in {place}")


def _plan(scene_: Scene, place: str) -> Plan:
    issue = _crash(scene_, place)
    (decision,) = recovery.plan_for((issue,), scene_.reach, namespace=place)
    assert isinstance(decision, Plan), decision
    return decision


def _broken(scene_: Scene, place: str) -> bool:
    template = scene_.cluster.get(_ref(place))["spec"]["template"]
    return _FAULT in template["spec"]["containers"][0]["env"]


@pytest.mark.parametrize("place", STEPS)
def test_after_a_kill_at_any_step_the_next_process_finishes_and_nothing_is_done_twice(
    cluster: Scene, place: str
) -> None:
    with pytest.raises(Killed):
        recovery.recover(_plan(cluster, place), cluster.reach, Options(listen=_dies_at(*STEPS[place])))
    acted = place in {"after-the-act", "before-the-end"}
    assert _broken(cluster, place) is not acted
    left = [each for each in accounts(cluster.cluster, place) if each.state == "active"]
    assert len(left) == (place != "before-anything")

    done = rescue(cluster.cluster, cluster.clock, namespace=place)
    assert [each.undo.left for each in done] == [()] * len(left)
    assert _broken(cluster, place)
    assert [each.actions for each in accounts(cluster.cluster, place)] == [("roll-back",)] * acted

    issue = _crash(cluster, place)
    (decision,) = recovery.plan_for((issue,), cluster.reach, namespace=place)
    record = recovery.recover(decision, cluster.reach)
    wanted = (Outcome.REFUSED, "cool-down") if acted else (Outcome.RECOVERED, "roll-back")
    assert (record.outcome, record.reason.replace(":", " ").split()[0]) == wanted, record.reason
    assert _broken(cluster, place) is acted
