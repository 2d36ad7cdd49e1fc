"""What the account that the chaos runs under must be allowed to do: the catalogue's rules as questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chaoskit import kube
from chaoskit.errors import Forbidden, NotFound
from chaoskit.experiments.bindings import binds, gives
from chaoskit.experiments.faults import CATALOGUE, Fault, Rule
from chaoskit.experiments.faults.parts import OWN
from chaoskit.experiments.selection import Selection
from chaoskit.experiments.trials import Trial
from chaoskit.ports.cluster import Access, Cluster, Object, ObjectRef

_LITMUS = "litmuschaos.io"
_CHANGES = frozenset({"create", "patch", "update"})

Either = tuple[Access, ...]
"""Questions of which one yes is enough: a field can be patched or updated."""


def needed(trial: Trial, selections: Mapping[str, Selection]) -> Iterator[Either]:
    """What runner, experiment and helper cannot do without."""
    home = trial.namespace
    for verbs, group, resource in _RUNNER:
        yield from ((Access(verb, group, resource, home),) for verb in verbs.split())
    for kind, selection in selections.items():
        for place in selection.namespaces:
            yield from ((Access(verb, "", "pods", place),) for verb in ("get", "list"))
        if kind in CATALOGUE:
            yield from _of_fault(CATALOGUE[kind], home, selection)


_RUNNER = (
    ("get update", _LITMUS, "chaosengines"),
    ("get", _LITMUS, "chaosexperiments"),
    ("create get update", _LITMUS, "chaosresults"),
    ("create get", "batch", "jobs"),
    ("get list", "", "pods"),
    ("create", "", "events"),
)


def _of_fault(fault: Fault, home: str, selection: Selection) -> Iterator[Either]:
    """What the fault itself changes: pods by deleting or commands, other things as its own rules say."""
    for place in selection.namespaces:
        if fault.deletes:
            yield (Access("delete", "", "pods", place),)
        if fault.execs:
            yield (Access("create", "", "pods", place, "exec"),)
        for rule in (each for each in fault.rules if each not in OWN and each.common):
            yield from _changed(rule, place, selection)
    for rule in fault.cluster_rules:
        yield from _changed(rule, "", selection)
    if fault.helper != "none":
        yield from ((Access(verb, "", "pods", home),) for verb in ("create", "delete"))


def _changed(rule: Rule, place: str, selection: Selection) -> Iterator[Either]:
    """One question for each resource that the rule lets be changed, if there is such a target."""
    kinds = {ref.kind.plural for ref in selection.workloads}
    for resource in rule.resources:
        ways = [verb for verb in rule.verbs if verb in _CHANGES]
        if ways and (rule.group != "apps" or resource in kinds):
            yield tuple(_access(verb, rule.group, resource, place) for verb in ways)
        if "create" in ways and "delete" in rule.verbs:
            yield (_access("delete", rule.group, resource, place),)


def usual(trial: Trial, selections: Mapping[str, Selection]) -> Iterator[Access]:
    """Everything that the catalogue gives an account for these faults, as Litmus' charts do."""
    for kind in (each for each in selections if each in CATALOGUE):
        fault, selection = CATALOGUE[kind], selections[kind]
        for place in dict.fromkeys((trial.namespace, *selection.namespaces)):
            yield from _all(fault.rules, place)
        yield from _all(fault.cluster_rules, "")


def _all(rules: Iterable[Rule], place: str) -> Iterator[Access]:
    for rule in (each for each in rules if each.common):
        for resource in rule.resources:
            yield from (_access(verb, rule.group, resource, place) for verb in rule.verbs)


def _access(verb: str, group: str, resource: str, place: str) -> Access:
    name, _, subresource = resource.partition("/")
    return Access(verb, group, name, place, subresource)


# ---------------------------------------------------------------- what documents beside give


class Brought:
    """What the bindings beside an engine give its account; `unknown` says which roles cannot be read."""

    def __init__(self, cluster: Cluster, trial: Trial, account: str) -> None:
        self.unknown: list[str] = []
        self._rules: list[tuple[str, Mapping[str, Any]]] = []
        for binding in trial.beside:
            if binding["kind"].endswith("RoleBinding") and binds(binding, account, trial.namespace):
                place = binding["metadata"].get("namespace", "") if binding["kind"] == "RoleBinding" else ""
                role = self._role(cluster, trial, binding)
                self._rules += [(place, rule) for rule in role.get("rules") or ()]

    def has(self, access: Access) -> bool:
        """Whether it is given by them."""
        resource = access.resource + (f"/{access.subresource}" if access.subresource else "")
        return any(
            place in {"", access.namespace} and gives(rule, access.group, resource, access.verb)
            for place, rule in self._rules
        )

    def _role(self, cluster: Cluster, trial: Trial, binding: Object) -> Object:
        """The role beside, or the one in the cluster."""
        kind, name = binding["roleRef"]["kind"], binding["roleRef"]["name"]
        place = binding["metadata"].get("namespace", "") if kind == "Role" else ""
        for body in trial.beside:
            there = body["metadata"].get("namespace", "") if kind == "Role" else ""
            if (body["kind"], body["metadata"]["name"], there) == (kind, name, place):
                return body
        try:
            return cluster.get(ObjectRef(kube.ROLE if kind == "Role" else kube.CLUSTER_ROLE, place, name))
        except NotFound:
            self.unknown.append(f"{kind} {name} is nowhere")
        except Forbidden:
            self.unknown.append(f"{kind} {name} may not be read by you")
        return {}
