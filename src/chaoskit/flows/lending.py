"""What a controller does for others: faults on workloads of their namespace, and nothing with its own rights.

Who may write a Lease and a Secret in a namespace may hand runs over, and nobody signs either: there is no
submitter whose rights could be reviewed. So what a run says of commands, accounts, images and nodes is
refused, whoever wrote it; what the faults of the catalogue do by themselves is what is handed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chaoskit.errors import CannotStart
from chaoskit.experiments import Trial, batch
from chaoskit.experiments.direct.faults import EVERY
from chaoskit.experiments.litmus import probes_of
from chaoskit.ports.cluster import Object

_RUNNER = {
    "type",
    "imagePullPolicy",
    "runnerAnnotations",
    "runnerLabels",
    "nodeSelector",
    "tolerations",
    "resources",
}
_POD = {"statusCheckTimeouts", "env", "experimentAnnotations", "nodeSelector", "tolerations", "resources"}
"""What an engine may say of Litmus' own pods: nothing of images, commands, or what is mounted into them."""

_OTHERS = {"TARGETS", "APP_NAMESPACE", "CHAOS_NAMESPACE", "CHAOS_SERVICE_ACCOUNT"}
"""ENV with which an experiment would work elsewhere, or as somebody else, than its engine says."""

_SHELL = frozenset('$`\\"')
"""Litmus runs a promProbe as a line of a shell, between double quotes."""


def refuse_foreign(trial: Trial, namespace: str) -> None:
    """The run stays within the namespace in which it was handed over, and borrows nobody's rights.

    Raises:
        CannotStart: it does not.
    """
    if trial.beside:
        brought = ", ".join(f"{each['kind']} {each['metadata']['name']}" for each in trial.beside)
        raise CannotStart(
            f"what stands beside an engine is not handed over with it: {brought}",
            hint="apply it first, or run it without --detach",
        )
    places = {place for place, _ in batch.touched(trial)} | {trial.namespace}
    nodes = [f for f in trial.faults if f not in EVERY or EVERY[f].scope == "node"]
    if nodes or places != {namespace}:
        beyond = ", ".join(nodes or sorted(places - {namespace}))
        raise CannotStart(
            f"a controller runs faults on workloads of namespace {namespace} alone, not {beyond}",
            hint="run it without --detach",
        )
    borrowed = tuple(dict.fromkeys(_borrowed(trial)))
    if borrowed:
        raise CannotStart(
            f"a controller lends its rights to nobody: {', '.join(borrowed)} cannot be handed over",
            hint="run it without --detach",
        )


def _borrowed(trial: Trial) -> Iterator[str]:
    """What of a run could do more than its faults, in words."""
    if any(each.command for each in trial.conditions):
        yield "a steady state that runs commands on this machine or in pods"
    if trial.experiment is not None:
        spec = trial.experiment.spec
        yield from _account(trial, spec.litmus.service_account)
        if spec.litmus.image:
            yield f"image {spec.litmus.image}"
        known = EVERY[spec.fault.kind]
        named = (known.parameter(name) for name in spec.fault.parameters)
        yield from _env(
            each.env if each else name for name, each in zip(spec.fault.parameters, named, strict=True)
        )
    if trial.engine is not None:
        yield from _of_engine(trial, trial.engine["spec"])
    for each in trial.experiments:
        for probe in probes_of(each):
            yield from _probe(probe)


def _account(trial: Trial, name: str) -> Iterator[str]:
    """An account that is not there for these faults: its rights are not its borrower's."""
    own = {f"{fault}-sa" for fault in trial.faults} | {f"chaoskit-{fault}" for fault in trial.faults}
    if name and name not in own | {"litmus-admin"}:
        yield f"service account {name}"


def _of_engine(trial: Trial, spec: Object) -> Iterator[str]:
    yield from _account(trial, str(spec.get("chaosServiceAccount") or "default"))
    components = spec.get("components") or {}
    yield from (f"components.{name}" for name in sorted(components.keys() - {"runner"}))
    yield from _beyond("components.runner", components.get("runner"), _RUNNER)
    for each in trial.experiments:
        own = (each.get("spec") or {}).get("components") or {}
        yield from _beyond("components", own, _POD)
        entries = own.get("env") or ()
        yield from (f"{entry['name']} from elsewhere" for entry in entries if entry.get("valueFrom"))
        yield from _env(entry["name"] for entry in entries)


def _beyond(place: str, given: Mapping[str, Any] | None, allowed: set[str]) -> Iterator[str]:
    yield from (f"{place}.{name}" for name in sorted((given or {}).keys() - allowed))


def _env(names: Iterator[str]) -> Iterator[str]:
    yield from (name for name in names if name in _OTHERS or name.endswith(("IMAGE", "COMMAND")))


def _probe(probe: Mapping[str, Any]) -> Iterator[str]:
    """A probe that does more than look: Litmus runs it in a pod of the chaos account."""
    kind, name = probe.get("type"), probe.get("name")
    inputs = probe.get(f"{kind}/inputs") or {}
    line = f"{inputs.get('endpoint')}{inputs.get('query')}{inputs.get('queryPath')}"
    writes = kind == "k8sProbe" and inputs.get("operation") in {"create", "delete"}
    if kind == "cmdProbe" or writes or (kind == "promProbe" and _SHELL & set(line)):
        yield f"{kind} {name}"
