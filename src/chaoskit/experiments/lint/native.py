"""Traps in a chaoskit Experiment that is valid as such."""

from __future__ import annotations

from collections.abc import Iterator

from chaoskit.documents import Document, Location
from chaoskit.experiments.direct.faults import DIRECT, EVERY
from chaoskit.experiments.faults import CATALOGUE, Fault
from chaoskit.experiments.lint import tunables
from chaoskit.experiments.lint.rules import Finding, Look
from chaoskit.experiments.litmus import chosen
from chaoskit.experiments.spec import Experiment, ExperimentSpec

_FAULT: Location = ("spec", "fault")
_PARAMETERS: Location = (*_FAULT, "parameters")


def native(document: Document, experiment: Experiment) -> tuple[Finding, ...]:
    """Everything that is a trap in an Experiment document."""
    look, fault = Look(document), EVERY[experiment.spec.fault.kind]
    if fault.kind not in CATALOGUE or experiment.spec.engine == "direct":
        return tuple(_spec(look, fault, experiment))
    settings = _settings(look, fault, experiment)
    return (*_spec(look, fault, experiment), *tunables.tuned(look, fault.kind, settings, _FAULT))


def _spec(look: Look, fault: Fault, experiment: Experiment) -> Iterator[Finding]:
    spec = experiment.spec
    if not spec.steady_state:
        yield look.say("no-steady-state", ("spec", "steadyState"), "a condition")
    if fault.kind == "scale-down":
        yield from _vacuous(look, spec)
    radius = spec.blast_radius.max_pods
    if fault.scope == "pod" and spec.targets.percent is None and 0 < radius < spec.targets.pods:
        yield look.say("radius", ("spec", "targets", "pods"), f"at most blastRadius.maxPods, {radius}")
    by_litmus = fault.kind not in DIRECT or spec.engine == "litmus"
    if fault.elsewhere and by_litmus and not spec.litmus.node_selector:
        wanted = "labels of other nodes than those that are hit"
        yield look.say("elsewhere", ("spec", "litmus", "nodeSelector"), wanted)
    if spec.litmus.image:
        place: Location = ("spec", "litmus", "image")
        yield from tunables.images(look, [tunables.Setting("image", spec.litmus.image, place, place)])


def _vacuous(look: Look, spec: ExperimentSpec) -> Iterator[Finding]:
    """Conditions under the fault that ask a workload for the very number of pods that the fault sets."""
    for place, each in enumerate(spec.steady_state):
        asked = each.kubernetes if each.during else None
        if asked is None or asked.ready is not None or asked.condition:
            continue
        if any(_are_one(asked.workload, target) for target in spec.targets.workloads):
            field: Location = ("spec", "steadyState", place, "kubernetes")
            yield look.say("own-doing", field, "ready: how many must stay ready, or mode: edges")


def _are_one(one: str, other: str) -> bool:
    """Whether these names, with a kind or without, can be of one workload."""
    shorter, longer = sorted((one, other), key=len)
    return longer == shorter or longer.endswith(f"/{shorter}")


def _settings(look: Look, fault: Fault, experiment: Experiment) -> tunables.Settings:
    """What Litmus will be told: where it was written, or the fault for what follows from it."""
    given = look.mapping(_PARAMETERS)
    names = {(found.env if (found := fault.parameter(name)) else name): name for name in given}
    places = {env: (*_PARAMETERS, names[env]) if env in names else _FAULT for env in chosen(experiment)}
    return {
        env: tunables.Setting(env, value, places[env], places[env])
        for env, value in chosen(experiment).items()
        if env != "LIB_IMAGE"
    }
