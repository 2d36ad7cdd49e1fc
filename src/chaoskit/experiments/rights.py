"""What a run needs, as objects: least rights of who runs it, and ChaosExperiments and account of Litmus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from chaoskit import kube
from chaoskit.acts import halt
from chaoskit.experiments import checks
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.litmus import RBAC, rules
from chaoskit.experiments.planning import Plan
from chaoskit.ports.cluster import SYSTEM, Access, Object

RUNNER = "chaoskit-run"
"""Name of the account, roles and bindings of who runs chaoskit."""


def manifests(plans: Iterable[Plan]) -> tuple[Object, ...]:
    """Accounts, roles and bindings with which these plans can be run, and no more; for Litmus its own part.

    What is direct only because that part is missing is run by Litmus with it.
    """
    plans = tuple(replace(each, prepared=each.prepared.instead or each.prepared) for each in plans)
    home = plans[0].trial.namespace if plans else "default"
    needed = dict.fromkeys(
        access for each in plans for access in (*each.prepared.needs, *_reading(each), *_of_way(each))
    )
    chaos = (body for each in plans if each.way == "litmus" for body in _chaos_account(each))
    lacking = (body for each in plans for body in each.prepared.lacking)
    found = (_named("v1", "ServiceAccount", RUNNER, home), *_roles(needed, home), *lacking, *chaos)
    return tuple({_key(body): body for body in found}.values())


def guessed(plans: Iterable[Plan]) -> tuple[str, ...]:
    """Which ChaosExperiments of the manifests are of an image that need not go with the operator there."""
    found = (each.prepared.instead or each.prepared for each in plans)
    return tuple(dict.fromkeys(name for each in found for name in each.guessed))


def _reading(plan: Plan) -> Iterator[Access]:
    """What planning, the guards and the steady state look at, beside what the run itself does."""
    home = plan.trial.namespace
    places = dict.fromkeys((home, *(p for each in plan.selections.values() for p in each.places)))
    emptied = any(each.leaving for each in plan.selections.values())
    for place in ("",) if emptied else places:
        for kind in (kube.POD, *kube.WORKLOADS, kube.REPLICA_SET, kube.SERVICE, kube.PDB, kube.HPA):
            yield Access("list", kind.group, kind.plural, place)
    for place in places:
        for kind in kube.WORKLOADS:
            yield Access("get", kind.group, kind.plural, place)
        yield Access("get", "", "configmaps", place, name=halt.NAME)
        yield Access("get", "", "namespaces", "", name=place)
    yield Access("list", kube.CHAOS_ENGINE.group, kube.CHAOS_ENGINE.plural, "")
    yield Access("get", "", "namespaces", "", name=SYSTEM)
    yield Access("get", "", "configmaps", halt.HOME, name=halt.NAME)


def _of_way(plan: Plan) -> Iterator[Access]:
    """What the way looks at before, keeps as evidence, and does itself where nobody else undoes the fault."""
    home, trial = plan.trial.namespace, plan.trial
    if plan.way == "direct":
        yield from checks.logs(dict.fromkeys(p for each in plan.selections.values() for p in each.places))
        return
    for _, wanted in checks.run_likes(trial, plan.selections):
        yield from wanted
    for kind in (kube.CHAOS_ENGINE, kube.CHAOS_EXPERIMENT, kube.CHAOS_RESULT):
        yield Access("get", kube.CRD.group, kube.CRD.plural, name=f"{kind.plural}.{kind.group}")
    for fault in trial.faults:
        yield Access("get", kube.CHAOS_EXPERIMENT.group, kube.CHAOS_EXPERIMENT.plural, home, name=fault)
    yield Access("get", "", kube.SERVICE_ACCOUNT.plural, home, name=plan.prepared.account)
    yield Access("create", "authorization.k8s.io", "subjectaccessreviews")


def _roles(needed: Iterable[Access], home: str) -> Iterator[Object]:
    """One role for each namespace, and a cluster role for what has none."""
    by_place: dict[str, list[Access]] = {}
    for access in needed:
        by_place.setdefault(access.namespace, []).append(access)
    for place, accesses in sorted(by_place.items()):
        kind = "Role" if place else "ClusterRole"
        yield {**_named(RBAC, kind, RUNNER, place), "rules": _rules(accesses)}
        yield _binding(kind, RUNNER, place, RUNNER, home)


def _rules(accesses: Iterable[Access]) -> list[Object]:
    """One rule for each resource (and name), its verbs together."""
    verbs: dict[tuple[str, str, str], list[str]] = {}
    for each in accesses:
        resource = each.resource + (f"/{each.subresource}" if each.subresource else "")
        verbs.setdefault((each.group, resource, each.name), []).append(each.verb)
    return [
        {"apiGroups": [group], "resources": [resource], "verbs": sorted(set(wanted))}
        | ({"resourceNames": [name]} if name else {})
        for (group, resource, name), wanted in sorted(verbs.items())
    ]


def _chaos_account(plan: Plan) -> Iterator[Object]:
    """The account that Litmus works with, with the rules of its faults where they are needed."""
    name, home = plan.prepared.account, plan.trial.namespace
    if plan.trial.brings("ServiceAccount", name):
        return
    yield _named("v1", "ServiceAccount", name, home)
    for fault, selection in plan.selections.items():
        known = CATALOGUE.get(fault)
        if known is None:
            continue
        role = f"{name}-{fault}"
        for place in dict.fromkeys((home, *selection.namespaces)):
            yield {**_named(RBAC, "Role", role, place), "rules": rules(known.rules)}
            yield _binding("Role", role, place, name, home)
        if known.cluster_rules:
            yield {**_named(RBAC, "ClusterRole", role, ""), "rules": rules(known.cluster_rules)}
            yield _binding("ClusterRole", role, "", name, home)


def _binding(kind: str, role: str, place: str, account: str, home: str) -> Object:
    return {
        **_named(RBAC, f"{kind}Binding", role, place),
        "roleRef": {"apiGroup": RBAC.partition("/")[0], "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": home}],
    }


def _named(api: str, kind: str, name: str, namespace: str) -> Object:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": meta}


def _key(body: Object) -> tuple[str, str, str]:
    return body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]
