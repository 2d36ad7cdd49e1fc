"""What exactly would happen: real targets, what is missing, who may do it, how long; nothing changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chaoskit import kube, topology
from chaoskit.errors import CannotStart, Forbidden, Refused
from chaoskit.experiments import checks, impact, litmus, targets
from chaoskit.experiments.checks import Check
from chaoskit.experiments.direct.faults import EVERY
from chaoskit.experiments.faults import Fault
from chaoskit.experiments.impact import After
from chaoskit.experiments.selection import Selection
from chaoskit.experiments.trials import Trial, chaos_seconds, overhead_seconds
from chaoskit.governor import Governor, within_radius
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster, Object
from chaoskit.topology import Topology

ENGINE_WAIT = 2 * 180.0 + 120.0
"""Seconds that Litmus may take beside the fault before it is late: two status checks, and slack."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do. `hash` stays the same while only pods' names change.

    It covers the documents, workloads and numbers of pods, the account and what each ChaosExperiment runs.
    """

    trial: Trial
    selections: Mapping[str, Selection]
    checks: tuple[Check, ...]
    env: Mapping[str, litmus.Env]
    account: str
    expected_seconds: float
    chaos_seconds: float
    hash: str
    afterwards: tuple[After, ...]

    @property
    def outcome(self) -> Outcome | None:
        """What a run would end with at once; None when it may start.

        A guard's no comes first: what must not be done needs nothing that is missing to be mended.
        """
        states = {check.state for check in self.checks}
        if "refused" in states:
            return Outcome.REFUSED
        return Outcome.CANNOT_START if "blocked" in states else None

    @property
    def problem(self) -> Check | None:
        """The first check that keeps it from starting."""
        wanted = "blocked" if self.outcome is Outcome.CANNOT_START else "refused"
        return next((check for check in self.checks if check.state == wanted), None)

    @property
    def selection(self) -> Selection:
        """The first fault's targets."""
        return next(iter(self.selections.values()))

    @property
    def timeout(self) -> float:
        """Seconds after which the run is called late."""
        asked = self.trial.experiment.spec.timeout if self.trial.experiment is not None else None
        return asked or self.expected_seconds + ENGINE_WAIT

    @property
    def undo(self) -> tuple[str, ...]:
        """How each known fault is taken back, and what stays where that fails, in words."""
        return tuple(
            f"{fault.undo}; where that fails: {fault.leftovers}" if fault.leftovers != "none" else fault.undo
            for fault in self._known_faults
        )

    @property
    def privileged(self) -> tuple[str, ...]:
        """What the helper pods of the faults may do, in words; empty without helpers."""
        return tuple(fault.helper for fault in self._known_faults if fault.helper != "none")

    @property
    def _known_faults(self) -> tuple[Fault, ...]:
        return tuple(EVERY[name] for name in self.trial.faults if name in EVERY)

    def document(self) -> dict[str, Any]:
        """The plan as JSON."""
        return {
            "schema": "chaoskit.io/plan/v1",
            "hash": self.hash,
            "name": self.trial.name,
            "namespace": self.trial.namespace,
            "faults": list(self.trial.faults),
            "serviceAccount": self.account,
            "targets": {name: list(each.names or each.nodes) for name, each in self.selections.items()},
            "hit": {name: each.hit for name, each in self.selections.items()},
            "pinned": all(each.pinned for each in self.selections.values()),
            "workloads": sorted({str(ref) for each in self.selections.values() for ref in each.workloads}),
            "checks": [check.document() for check in self.checks],
            "expectedSeconds": round(self.expected_seconds),
            "timeoutSeconds": round(self.timeout),
            "outcome": self.outcome.value if self.outcome is not None else None,
            "afterwards": [each.document() for each in self.afterwards],
            "privileged": list(self.privileged),
            "undo": list(self.undo),
        }


def plan(trial: Trial, cluster: Cluster, *, governor: Governor | None = None) -> Plan:
    """The plan for a trial against the cluster as it is now; whatever keeps it from starting is in `checks`.

    Raises:
        Refused: pods, workloads, services or disruption budgets of the targets' namespace cannot be read.
        Unavailable: the cluster cannot be reached.
    """
    account = checks.account_of(cluster, trial)
    definitions = {name: checks.definition(cluster, trial, name) for name in trial.faults}
    env = {
        each["name"]: litmus.effective_env(each, _known(definitions[each["name"]]))
        for each in trial.experiments
    }
    topologies = _topologies(cluster, trial)
    selections = {name: _selection(trial, name, env[name], topologies) for name in trial.faults}
    after = impact.afterwards(selections, topologies)
    found = [
        *checks.litmus(cluster),
        *checks.definitions(trial, definitions),
        *checks.account(cluster, trial, account),
        *checks.engine(cluster, trial),
        *checks.targets(selections),
        *checks.rights_of_account(cluster, trial, account, selections),
        *checks.rights_of_caller(cluster, trial, selections),
        *impact.checks(trial, after),
        *_guards(trial, selections, governor),
    ]
    hit = max((each.hit for each in selections.values()), default=1)
    lasting = chaos_seconds(trial, env, hit)
    return Plan(
        trial=trial,
        selections=selections,
        checks=tuple(found),
        env=env,
        account=account,
        expected_seconds=lasting + overhead_seconds(trial),
        chaos_seconds=lasting,
        hash=_hash(trial, selections, account, definitions),
        afterwards=after,
    )


def _known(definition: Object | Literal["unknown"] | None) -> Object | None:
    return None if definition == "unknown" else definition


def _topologies(cluster: Cluster, trial: Trial) -> dict[str, Topology]:
    places = {trial.namespace}
    if trial.engine is not None:
        places = {part.namespace for part in targets.wanted(trial.engine)}
    try:
        return {place: topology.snapshot(cluster, place) for place in sorted(places)}
    except Forbidden as error:
        raise Refused(str(error), guard="permission", hint="read rights on the targets' namespace") from error


def _selection(trial: Trial, fault: str, env: litmus.Env, topologies: Mapping[str, Topology]) -> Selection:
    if trial.experiment is not None:
        return targets.of_experiment(trial.experiment, topologies[trial.namespace])
    return targets.of_engine(trial.engine or {}, env, fault, topologies)


def _hash(
    trial: Trial,
    selections: Mapping[str, Selection],
    account: str,
    definitions: Mapping[str, Object | Literal["unknown"] | None],
) -> str:
    """Twelve letters over what would be done, to whom, by which definitions and under which account.

    Pods' names and objects' versions are no part of it: they change by themselves.
    """
    parts = {
        "document": trial.document,
        "beside": trial.beside,
        "account": account,
        "definitions": {name: _defined(body) for name, body in definitions.items()},
        "workloads": sorted(
            (ref.namespace, str(ref))
            for each in selections.values()
            for ref in each.workloads
            if ref.kind != kube.POD
        ),
        "hit": {name: [each.hit, each.total] for name, each in selections.items()},
    }
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _defined(body: Object | Literal["unknown"] | None) -> object:
    """What a ChaosExperiment runs: image, command, ENV, rights it asks for; or that it cannot be known."""
    return body["spec"].get("definition") if isinstance(body, Mapping) else body


def _guards(trial: Trial, selections: Mapping[str, Selection], governor: Governor | None) -> list[Check]:
    """What the document's own radius and the governor say."""
    found: list[Check] = []
    for selection in selections.values():
        if selection.missing:
            continue
        try:
            admitted(trial, selection, governor)
        except Refused as error:
            words = error.message + (f" until {error.until}" if error.until else "")
            found.append(Check(error.guard, "refused", words, error.hint))
        except Forbidden as error:
            found.append(Check("guards", "refused", str(error), "without it no guard can be asked"))
        except CannotStart as error:
            found.append(Check("guards", "blocked", error.message, error.hint))
    return [*found, *_blind(selections, governor)]


def _blind(selections: Mapping[str, Selection], governor: Governor | None) -> list[Check]:
    """What the governor cannot see here and lets pass; each thing once."""
    if governor is None:
        return []
    try:
        unseen = [
            words
            for each in selections.values()
            for place in each.namespaces
            for words in governor.blind("chaos", each.workloads, place)
        ]
    except Forbidden:
        return []  # refused already: not even one namespace's ledgers can be read
    return [Check("guards", "warning", words) for words in dict.fromkeys(unseen)]


def admitted(trial: Trial, selection: Selection, governor: Governor | None) -> None:
    """The document's radius and the governor allow it.

    Raises:
        Refused: with the guard that says no.
    """
    pods, percent = 0, 0.0
    if trial.experiment is not None:
        radius = trial.experiment.spec.blast_radius
        pods, percent = radius.max_pods, radius.max_percent
    if governor is None:
        within_radius(selection.hit, selection.hits, max_pods=pods, max_percent=percent)
        return
    for namespace in selection.namespaces:
        governor.admit(
            "chaos",
            selection.workloads,
            namespace,
            at_once=selection.hit,
            hits=selection.hits,
            max_pods=pods,
            max_percent=percent,
        )
