"""Network policies enforced: pods that one isolates get no traffic, or send none, until it is gone.

Only a policy that lets nothing in (or nothing out but lookups of names) has an effect here: who may talk to
whom in between nobody tests against.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaoskit.simulator import selectors
from chaoskit.simulator.api import Api, Change, Object
from chaoskit.simulator.effects import Effect, Effects
from chaoskit.simulator.selectors import Predicate
from chaoskit.simulator.traffic.view import ClusterView

KIND = "NetworkPolicy.networking.k8s.io"
_DNS = frozenset({53, "53", "dns"})
Key = tuple[str, str]


class Policies:
    """Follows policies and pods, and keeps one effect on each pod that is cut off."""

    def __init__(self, api: Api, effects: Effects, view: ClusterView) -> None:
        self._api = api
        self._effects = effects
        self._view = view
        self._isolating: dict[Key, Predicate] = {}
        self._cut: dict[Key, Effect] = {}

    def start(self) -> None:
        """Policies are enforced from now on."""
        self._api.watch(KIND, self._changed)
        self._view.listeners.append(self._enforce)

    def _changed(self, change: Change, body: Object) -> None:
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        self._isolating.pop(key, None)
        if change != "DELETED" and isolates(body["spec"]):
            self._isolating[key] = selectors.of(body["spec"].get("podSelector") or {})
        self._enforce()

    def _enforce(self) -> None:
        wanted = {key for key in self._view.pods if self._is_cut_off(key)} if self._isolating else set()
        for key in set(self._cut) - wanted:
            self._effects.end(self._cut.pop(key))
        for key in wanted - set(self._cut):
            self._cut[key] = Effect("network-cut", *key, 100.0)
            self._effects.start(self._cut[key])

    def _is_cut_off(self, key: Key) -> bool:
        pod = self._view.pods[key]
        return any(takes(pod.labels) for place, takes in self._isolating.items() if place[0] == pod.namespace)


def isolates(spec: Mapping[str, Any]) -> bool:
    """Whether the policy lets nothing in, or nothing out but lookups of names."""
    types = spec.get("policyTypes") or ("Ingress",)
    if "Ingress" in types and not spec.get("ingress"):
        return True
    return "Egress" in types and all(_only_names(rule) for rule in spec.get("egress") or ())


def _only_names(rule: Mapping[str, Any]) -> bool:
    ports = [port.get("port") for port in rule.get("ports") or ()]
    return bool(ports) and set(ports) <= _DNS
