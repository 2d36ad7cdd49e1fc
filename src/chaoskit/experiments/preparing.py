"""What one way of injecting knows before a run: its targets, what is missing, how long it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chaoskit import topology
from chaoskit.acts.aims import wanted
from chaoskit.errors import Forbidden, Refused
from chaoskit.experiments import checks, litmus, onnodes, operators, targets
from chaoskit.experiments.checks import Check
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.podsecurity import pod_security
from chaoskit.experiments.selection import Selection
from chaoskit.experiments.trials import Trial, chaos_seconds, overhead_seconds
from chaoskit.ports.cluster import Access, Cluster, Object, ObjectRef
from chaoskit.sharing import made
from chaoskit.topology import Topology

Way = Literal["litmus", "direct"]
"""Who injects: Litmus' operator, or chaoskit itself."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A trial as one way would inject it. `identity` is what its hash covers beside documents and targets.

    `needs` is what the caller must be allowed to do, `lacking` has the ChaosExperiments that are missing and
    that chaoskit knows; `guessed` names those of them whose image need not go with the operator, as its
    version is not known, or older than the fault. `instead` is the trial as Litmus would inject it once what
    `plan --rbac` makes is there, where nothing else keeps it from that. `changes` says in words what the way
    itself will change, where that is known before, `changed` has those of it that are neither pods nor made
    anew, `felt` the workloads that are no targets and feel it.
    """

    way: Way
    selections: Mapping[str, Selection]
    topologies: Mapping[str, Topology]
    checks: tuple[Check, ...]
    chaos_seconds: float
    expected_seconds: float
    identity: Mapping[str, Any]
    needs: tuple[Access, ...]
    account: str = ""
    env: Mapping[str, litmus.Env] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    changed: tuple[ObjectRef, ...] = ()
    felt: tuple[ObjectRef, ...] = ()
    lacking: tuple[Object, ...] = ()
    guessed: tuple[str, ...] = ()
    instead: Prepared | None = None

    @property
    def beside(self) -> tuple[ObjectRef, ...]:
        """What is disturbed beside the targets: nobody else works on it meanwhile."""
        return (*self.changed, *self.felt)


def by_litmus(trial: Trial, cluster: Cluster) -> Prepared:
    """The trial as Litmus would run it.

    Raises:
        Refused: the targets' namespace cannot be read.
    """
    account = checks.account_of(cluster, trial)
    definitions = {name: checks.definition(cluster, trial, name) for name in trial.faults}
    env = {
        each["name"]: litmus.effective_env(each, _known(definitions[each["name"]]))
        for each in trial.experiments
    }
    seen = _topologies(cluster, trial, env)
    selections = {name: _selection(trial, name, env[name], seen) for name in trial.faults}
    lasting = chaos_seconds(trial, env, max((each.hit for each in selections.values()), default=1))
    needs = tuple(dict.fromkeys(checks.needs_of_caller(trial, selections)))
    lacking, guessed = _lacking(trial, cluster, definitions)
    return Prepared(
        way="litmus",
        selections=selections,
        topologies=seen,
        checks=(
            *checks.litmus(cluster, trial.namespace, selectors=trial.experiment is not None),
            *checks.definitions(trial, definitions),
            *checks.account(cluster, trial, account),
            *checks.engine(cluster, trial),
            *checks.targets(selections),
            *checks.kept(cluster, selections, seen),
            *checks.rights_of_account(cluster, trial, account, selections),
            *checks.permitted(cluster, needs, trial.namespace),
            *checks.lost_without(cluster, trial, selections),
            *pod_security(cluster, trial, definitions),
        ),
        chaos_seconds=lasting,
        expected_seconds=lasting + overhead_seconds(trial),
        identity={
            "account": account,
            "definitions": {name: _defined(body) for name, body in definitions.items()},
        },
        needs=needs,
        account=account,
        env=env,
        lacking=lacking,
        guessed=guessed,
    )


def _lacking(
    trial: Trial, cluster: Cluster, definitions: Mapping[str, Object | Literal["unknown"] | None]
) -> tuple[tuple[Object, ...], tuple[str, ...]]:
    """The ChaosExperiments that are missing, and of which no image that goes with the operator is known."""
    names = [name for name, body in definitions.items() if body is None and name in CATALOGUE]
    images = {
        name: operators.runner_image(cluster, trial.namespace, checks.since(trial, name)) for name in names
    }
    made = (
        litmus.chaos_experiment(CATALOGUE[name], trial.namespace, image=image or litmus.IMAGE)
        for name, image in images.items()
    )
    return tuple(made), tuple(name for name, image in images.items() if not image)


def looked_at(cluster: Cluster, namespace: str) -> Topology:
    """The topology of a namespace, or of all of them (""), as it is now: guards go by it.

    Raises:
        Refused: it may not be read (guard ``permission``).
    """
    try:
        return made(
            cluster,
            ("topology", namespace),
            lambda beneath: topology.snapshot(beneath, namespace),
            fresh=True,
        )
    except Forbidden as error:
        where = "the targets' namespace" if namespace else "all namespaces: their pods leave with a node"
        raise Refused(str(error), guard="permission", hint=f"read rights on {where}") from error


def _topologies(cluster: Cluster, trial: Trial, env: Mapping[str, litmus.Env]) -> dict[str, Topology]:
    """By namespace; where nodes are emptied all namespaces, which "" has together."""
    places = {trial.namespace}
    if trial.engine is not None:
        places = {part.namespace for part in wanted(trial.engine)}
    found = {place: looked_at(cluster, place) for place in sorted(places)}
    if any(onnodes.empties(fault, env[fault]) for fault in trial.faults):
        every = looked_at(cluster, "")
        found = (
            dict.fromkeys((pod["metadata"]["namespace"] for pod in every.pods), every) | {"": every} | found
        )
    return found


def _selection(trial: Trial, fault: str, env: litmus.Env, topologies: Mapping[str, Topology]) -> Selection:
    if trial.experiment is not None:
        return targets.of_experiment(trial.experiment, topologies.get("") or topologies[trial.namespace])
    return targets.of_engine(trial.engine or {}, env, fault, topologies)


def _known(definition: Object | Literal["unknown"] | None) -> Object | None:
    return None if definition == "unknown" else definition


def _defined(body: Object | Literal["unknown"] | None) -> object:
    """What a ChaosExperiment runs: image, command, ENV, rights it asks for; or that it cannot be known."""
    return litmus.definition_of(body) if isinstance(body, Mapping) else body
