"""What exactly would happen: real targets, what is missing, who may do it, how long; nothing changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chaoskit import kube
from chaoskit.clock import Clock, WallClock
from chaoskit.errors import CannotStart, Forbidden, InvalidInput, Refused
from chaoskit.experiments import checks, impact, litmus
from chaoskit.experiments.checks import Check
from chaoskit.experiments.direct.faults import DIRECT, EVERY
from chaoskit.experiments.direct.preparing import directly
from chaoskit.experiments.faults import CATALOGUE, Fault
from chaoskit.experiments.impact import After
from chaoskit.experiments.preparing import Prepared, Way, by_litmus
from chaoskit.experiments.selection import Selection
from chaoskit.experiments.trials import Trial
from chaoskit.governor import Governor, within_radius
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster, Identity, ObjectRef
from chaoskit.ports.metrics import MetricsSource
from chaoskit.redaction import nameless
from chaoskit.steadystate.conditions import Condition, WorkloadCondition, WorkloadElsewhere

HASH_CHARACTERS = 8
"""So many of a plan's hash at least tell one plan from another."""

ENGINE_WAIT = 120.0
"""Seconds that Litmus may take beside the fault and two status checks before it is late."""

LOOKS_A_SECOND = 10
"""So many workloads are looked at in a second to see whether they are whole, however many were hit."""

HEALS = 120.0
"""Seconds in which a workload that was hit directly must have as many ready pods as before."""

DIRECT_WAIT = 120.0
"""The same for a fault that chaoskit injects itself."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do. `hash` stays the same while only pods' names change.

    It covers the cluster, documents, workloads and numbers of pods, and who injects: Litmus with its account
    and what each ChaosExperiment runs, or chaoskit itself.
    """

    trial: Trial
    prepared: Prepared
    checks: tuple[Check, ...]
    hash: str
    afterwards: tuple[After, ...]
    cluster: Identity

    @property
    def way(self) -> Way:
        """Who injects."""
        return self.prepared.way

    @property
    def selections(self) -> Mapping[str, Selection]:
        """What each fault may hit."""
        return self.prepared.selections

    @property
    def env(self) -> Mapping[str, litmus.Env]:
        """What each of Litmus' faults will see; nothing for direct ones."""
        return self.prepared.env

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
    def touched(self) -> tuple[ObjectRef, ...]:
        """What nobody else may work on meanwhile: workloads, what is changed beside them, who feels it."""
        return tuple(dict.fromkeys((*self.aimed, *self.prepared.beside)))

    @property
    def aimed(self) -> tuple[ObjectRef, ...]:
        """The workloads and nodes that are the targets."""
        found = (ref for each in self.selections.values() for ref in each.workloads)
        return tuple(dict.fromkeys(found))

    @property
    def names(self) -> frozenset[str]:
        """What things are called by in it: those of its trial, the cluster, and what was found there."""
        found = self.selections.values()
        there = (word for each in found for word in (*each.names, *each.places, *each.namespaces))
        return self.trial.names.union(there, map(str, self.touched), [self.cluster.name])

    @property
    def secrets(self) -> frozenset[str]:
        """What is hidden in all that is said of it."""
        return nameless(self.trial.secrets, self.names)

    @property
    def seconds(self) -> float:
        """How long it takes, as far as is known, with the time for what shows the fault late."""
        return self.prepared.expected_seconds + max((each.lag for each in self.trial.conditions), default=0.0)

    @property
    def timeout(self) -> float:
        """Seconds after which the run is called late."""
        asked = self.trial.experiment.spec.timeout if self.trial.experiment is not None else None
        checks = litmus.check_seconds(self.trial.engine) if self.trial.engine is not None else litmus.CHECKS
        slack = ENGINE_WAIT + 2 * checks if self.way == "litmus" else DIRECT_WAIT
        return asked or self.prepared.expected_seconds + slack

    @property
    def too_late(self) -> tuple[Check, ...]:
        """A warning for each signal that may show what happens only when nobody looks any more."""
        lasting, found = self.prepared.chaos_seconds, list[Check]()
        for each in self.trial.conditions:
            late = each.prometheus.late if each.prometheus is not None and each.during else 0.0
            if lasting + each.lag < late:
                shows = f"{each.title} shows a fault up to {late:g} s late"
                words = f"{shows}: one of {lasting:g} s may be over before"
                mend = f"lag: {late - lasting:g}s beside it, or a longer fault"
                found.append(Check("steady state", "warning", words, mend))
        return tuple(found)

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
        if self.way == "direct":
            return ()
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
            "cluster": self.cluster.document(),
            "faults": list(self.trial.faults),
            "engine": self.way,
            "serviceAccount": self.prepared.account,
            "targets": {name: list(each.names) for name, each in self.selections.items()},
            "hit": {name: each.hit for name, each in self.selections.items()},
            "leaving": {name: _leaving(each) for name, each in self.selections.items() if each.nodes},
            "pinned": all(each.pinned for each in self.selections.values()),
            "workloads": sorted({str(ref) for each in self.selections.values() for ref in each.workloads}),
            "checks": [check.document() for check in self.checks],
            "warnings": [str(each) for each in self.trial.warnings],
            "changes": list(self.prepared.changes),
            "expectedSeconds": round(self.seconds),
            "timeoutSeconds": round(self.timeout),
            "outcome": self.outcome.value if self.outcome is not None else None,
            "afterwards": [each.document() for each in self.afterwards],
            "privileged": list(self.privileged),
            "undo": list(self.undo),
        }


def _leaving(selection: Selection) -> list[str]:
    """The pods that leave the nodes: ``shop/cart-7b5-x2k``."""
    return [f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" for pod in selection.pods]


def plan(
    trial: Trial,
    cluster: Cluster,
    *,
    governor: Governor | None = None,
    clock: Clock | None = None,
    metrics: MetricsSource | None = None,
    known: Identity | None = None,
) -> Plan:
    """The plan for a trial against the cluster as it is now; whatever keeps it from starting is in `checks`.

    `known` is the cluster as an earlier plan knew it, whose maker may read more of it, or less: its hash is
    made with that, unless it was another one.
    Where the targets' namespace is protected, or not there, that is their only check.

    Raises:
        Refused: pods, workloads, services or disruption budgets of the targets' namespace cannot be read.
        InvalidInput: the experiment asks for a direct fault that there is none of.
        Unavailable: the cluster cannot be reached.
    """
    prepared = _prepared(trial, cluster, clock or WallClock(), metrics)
    after = impact.afterwards(prepared.selections, prepared.topologies, trial.namespace)
    where = _which(cluster.identity(), known)
    if alone := _protected(prepared, governor) or _nowhere(trial, prepared, cluster):
        return Plan(trial, prepared, (alone,), _hash(trial, prepared, where), after, where)
    found = (
        *prepared.checks,
        *impact.checks(trial, after),
        *_guards(trial, prepared, governor),
    )
    made = Plan(trial, prepared, found, _hash(trial, prepared, where), after, where)
    return replace(made, checks=(*found, *_too_short(made), *made.too_late))


def _which(found: Identity, known: Identity | None) -> Identity:
    """The cluster as it was known before, unless it is certainly another."""
    if known is None or (found.uid and known.uid and found.uid != known.uid):
        return found
    return known


def _too_short(made: Plan) -> Iterator[Check]:
    """A run that is stopped before it can have ended proves nothing."""
    if made.timeout < made.prepared.expected_seconds:
        words = f"{made.timeout:g} s are less than the {made.prepared.expected_seconds:.0f} s that it takes"
        yield Check("timeout", "warning", words, "a longer spec.timeout, or none")


def _prepared(trial: Trial, cluster: Cluster, clock: Clock, metrics: MetricsSource | None) -> Prepared:
    """As the experiment asks; where it leaves it open, by Litmus if nothing of that is missing here."""
    wanted = "litmus" if trial.experiment is None else trial.experiment.spec.engine
    possible = trial.faults[0] in DIRECT if trial.experiment is not None else False
    if wanted == "direct" or (possible and trial.faults[0] not in CATALOGUE):
        return directly(trial, cluster, clock, metrics)
    prepared = by_litmus(trial, cluster)
    blocked = [each for each in prepared.checks if each.state == "blocked"]
    lacking = [each for each in blocked if each.name in _LITMUS]
    if wanted != "auto" or not possible or not lacking:
        return prepared
    stays = [each for each in blocked if not each.made]
    why = next((each for each in lacking if each in stays), lacking[0])
    mend = why.mend if why in stays or not stays else ""
    told = Check("engine", "ok", f"direct, without Litmus: {why.words}", mend)
    direct = directly(trial, cluster, clock, metrics)
    return replace(direct, checks=(told, *direct.checks), instead=None if stays else prepared)


def wholeness(made: Plan) -> tuple[Condition, ...]:
    """What must hold after a fault, asked for or not: as many pods are ready as before it.

    Litmus looks at this itself, but not at those that leave a node. What does not heal is a weakness.
    """
    if made.way == "litmus" and not any(each.nodes for each in made.selections.values()):
        return ()
    named = {each.kubernetes.workload for each in made.trial.conditions if each.kubernetes is not None}
    hit = [
        each
        for each in made.afterwards
        if each.serving and (each.namespace or not named & {each.workload, each.workload.rpartition("/")[2]})
    ]
    return tuple(_whole_again(each, max(1.0, len(hit) / LOOKS_A_SECOND)) for each in hit)


def _whole_again(after: After, interval: float) -> Condition:
    wanted: dict[str, Any] = {"workload": after.workload, "ready": after.serving}
    there, where = WorkloadCondition(**wanted), ""
    if after.namespace:
        there, where = WorkloadElsewhere(**wanted, namespace=after.namespace), f" in {after.namespace}"
    return Condition(
        name=f"{after.workload}{where} whole again",
        kubernetes=there,
        mode="after",
        interval=interval,
        recovers_within=HEALS,
    )


_LITMUS = frozenset({"litmus", "experiment", "service account", "rights", "pod security"})
"""Checks of what Litmus alone needs."""


def _hash(trial: Trial, prepared: Prepared, where: Identity) -> str:
    """Twelve letters over what would be done, where, to whom and by whom.

    Names of pods and jobs and objects' versions are no part of it: they change by themselves.
    """
    parts = {
        "cluster": where.key,
        "document": trial.document,
        "beside": trial.beside,
        "engine": prepared.way,
        **prepared.identity,
        "workloads": sorted(
            (ref.namespace, str(ref))
            for each in prepared.selections.values()
            for ref in each.workloads
            if ref.kind not in {kube.POD, kube.JOB}
        ),
        "hit": {name: [each.hit, each.total] for name, each in prepared.selections.items()},
    }
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def refuse_short(hash_: str) -> None:
    """So much of a plan's hash tells it from another one.

    Raises:
        InvalidInput: it is too little, wherever the plan was made.
    """
    if len(hash_) < HASH_CHARACTERS:
        message = f"plan {hash_}: {HASH_CHARACTERS} characters of its hash at least"
        raise InvalidInput(message, hint="chaoskit plan shows it")


def _protected(prepared: Prepared, governor: Governor | None) -> Check | None:
    """That no fault is injected there, said alone: nobody is to mend anything for one that must not be."""
    places = dict.fromkeys(place for each in prepared.selections.values() for place in each.namespaces)
    try:
        if governor is not None:
            governor.refuse_protected(
                places, [hit for each in prepared.selections.values() for hit in each.hits]
            )
    except Refused as error:
        return _refusal(error)
    return None


def _nowhere(trial: Trial, prepared: Prepared, cluster: Cluster) -> Check | None:
    """That a namespace in which nothing is found is not there, said alone: all else follows from it."""
    missed = [each.namespaces for each in prepared.selections.values() if each.missing]
    for place in dict.fromkeys(place for places in missed for place in (trial.namespace, *places)):
        if checks.found(cluster, kube.NAMESPACE, "", place) is None and not trial.brings("Namespace", place):
            return Check("namespace", "blocked", f"there is no namespace {place}", "-n names another")
    return None


def _refusal(error: Refused) -> Check:
    until = f" until {error.until}" if error.until else ""
    return Check(error.guard, "refused", error.message + until, error.hint)


def _guards(trial: Trial, prepared: Prepared, governor: Governor | None) -> list[Check]:
    """What the document's own radius and the governor say, of the cluster as it is at one moment."""
    found: list[Check] = []
    governor = governor and governor.glance()
    for selection in prepared.selections.values():
        if selection.missing:
            continue
        try:
            admitted(trial, selection, governor, prepared.beside)
        except Refused as error:
            found.append(_refusal(error))
        except Forbidden as error:
            found.append(Check("guards", "refused", str(error), "without it no guard can be asked"))
        except CannotStart as error:
            found.append(Check("guards", "blocked", error.message, error.hint))
    return [*found, *_blind(prepared.selections, governor)]


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


def admitted(
    trial: Trial, selection: Selection, governor: Governor | None, beside: tuple[ObjectRef, ...] = ()
) -> None:
    """The document's radius and the governor allow it; `beside` is what is disturbed beside the workloads.

    Raises:
        Refused: with the guard that says no.
    """
    pods, percent = 0, 0.0
    if trial.experiment is not None:
        radius = trial.experiment.spec.blast_radius
        pods, percent = radius.max_pods, radius.max_percent
    if governor is None:
        within_radius(selection.at_once, selection.hits, max_pods=pods, max_percent=percent)
        return
    for namespace in selection.namespaces:
        governor.admit(
            "chaos",
            tuple(dict.fromkeys((*selection.workloads, *beside))),
            namespace,
            at_once=selection.at_once,
            hits=selection.hits,
            max_pods=pods,
            max_percent=percent,
            engine=ObjectRef(kube.CHAOS_ENGINE, trial.namespace, trial.name) if trial.engine else None,
        )
