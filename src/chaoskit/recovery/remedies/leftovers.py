"""What ended chaos left in the network: policies, and services that it led astray."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Literal

from chaoskit import kube
from chaoskit.acts import changes
from chaoskit.acts.accounts import Account, accounts
from chaoskit.acts.changes import Change
from chaoskit.acts.trail import UID_LABEL, works
from chaoskit.errors import CannotStart, Forbidden
from chaoskit.ports.cluster import Access, Cluster, Object, ObjectRef
from chaoskit.recovery.remedies.remedy import Hands, Remedy, Rung, Scene, Step, access

_OURS = "chaoskit.io/"
"""Keys of a service's selector that only chaoskit sets."""


class RemoveNetworkPolicy(Step):
    """Remove network policies and service selectors that a chaos run left behind on the workload's pods."""

    action: Literal["remove-network-policy"]


def _plan(step: RemoveNetworkPolicy, scene: Scene) -> Rung | str:
    if scene.workload is None:
        return "there is no workload whose pods a policy could select"
    return Rung(step, (scene.workload.ref,), "removes what an ended experiment left behind, if anything")


def _changes(_step: RemoveNetworkPolicy, _rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    """Removing what an ended run owed is that run's undo: to put it back would inject the fault again."""
    have = _labels(target, hands)
    found = hands.cluster.list(kube.NETWORK_POLICY, target.namespace).items
    policies = [each for each in found if _is_left_over(each, have, hands)]
    services = [
        each
        for each in hands.cluster.list(kube.SERVICE, target.namespace).items
        if _astray(each, have, hands)
    ]
    if not (policies or services):
        raise CannotStart(f"no experiment left anything on {target}")
    for each in policies:
        ref = kube.ref_of(each, kube.NETWORK_POLICY)
        yield Change(ref, f"removed {ref.name}", partial(hands.cluster.delete, ref))
    for each in services:
        ref = kube.ref_of(each, kube.SERVICE)
        selector = {k: v for k, v in each["spec"]["selector"].items() if not k.startswith(_OURS)}
        found_change = changes.field(hands.cluster, hands.clock, each, ref, ("spec", "selector"), selector)
        yield Change(ref, f"led {ref} back to its pods", found_change.do)


def _labels(target: ObjectRef, hands: Hands) -> list[Mapping[str, str]]:
    """The labels of the workload's template and of its pods: a partition labels pods alone."""
    body = hands.cluster.get(target)
    pods = hands.cluster.list(kube.POD, target.namespace, labels=kube.selector_of(body)).items
    return [kube.labels_of(body["spec"]["template"]), *(kube.labels_of(pod) for pod in pods)]


def _is_left_over(policy: Object, have: list[Mapping[str, str]], hands: Hands) -> bool:
    """Whether chaos made the policy for these pods, and its run or engine is over.

    Engine and ledger stand in the run's own namespace, which need not be the policy's: all are looked at.
    """
    labels, place = kube.labels_of(policy), policy["metadata"]["namespace"]
    if not any(kube.selects(policy["spec"].get("podSelector") or {}, each) for each in have):
        return False
    if labels.get(kube.MANAGED_BY) == "chaoskit":
        return labels.get(kube.RUN_LABEL, "") not in _under_way(hands.cluster, place)
    if UID_LABEL not in labels:
        return False
    working = {each["metadata"]["uid"] for each in _engines(hands.cluster, place) if works(each)}
    return labels[UID_LABEL] not in working


def _astray(service: Object, have: list[Mapping[str, str]], hands: Hands) -> bool:
    """Whether an ended run of chaoskit turned the service away from these pods."""
    selector = service["spec"].get("selector") or {}
    runs = {value for key, value in selector.items() if key.startswith(_OURS)}
    rest = {key: value for key, value in selector.items() if not key.startswith(_OURS)}
    if not runs or not any(rest.items() <= each.items() for each in have):
        return False
    return runs.isdisjoint(_under_way(hands.cluster, service["metadata"]["namespace"]))


def _under_way(cluster: Cluster, place: str) -> set[str]:
    return {each.id for each in _accounts(cluster, place) if each.state == "active"}


def _accounts(cluster: Cluster, place: str) -> tuple[Account, ...]:
    try:
        return accounts(cluster)
    except Forbidden:
        return accounts(cluster, place)  # all that this caller can know: its chaos is at home here as well


def _engines(cluster: Cluster, place: str) -> tuple[Object, ...]:
    try:
        return cluster.list(kube.CHAOS_ENGINE).items
    except Forbidden:
        return cluster.list(kube.CHAOS_ENGINE, place).items


def _needs(_step: Step, target: ObjectRef) -> Iterator[Access]:
    yield from access("list delete", "networking.k8s.io", "networkpolicies", target.namespace)
    yield from access("list get patch", "", "services", target.namespace)
    yield from access("list", "", "pods", target.namespace)


REMOVE_NETWORK_POLICY = Remedy(RemoveNetworkPolicy, _plan, _changes, _needs)
