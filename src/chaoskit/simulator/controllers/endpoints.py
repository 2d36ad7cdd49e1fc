"""Which pods stand behind a service: its EndpointSlice and its (older) Endpoints."""

from __future__ import annotations

from collections.abc import Sequence

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.controllers import pods
from chaoskit.simulator.controllers.base import Informers, Key, Reconciler, key_of
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import is_finished, owned_by, suffix

_SERVICE_LABEL = "kubernetes.io/service-name"
_SLICE = "EndpointSlice.discovery.k8s.io"
_MANAGER = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}


class Endpoints:
    """Keeps one slice and one Endpoints object for each service that has a selector."""

    def __init__(self, api: Api, engine: Engine, informers: Informers) -> None:
        self._api = api
        self._engine = engine
        self._services = informers.of("Service")
        self._pods = informers.of("Pod")
        self._slices = informers.of(_SLICE)
        self._endpoints = informers.of("Endpoints")
        self._queue = Reconciler(engine, self._reconcile)
        self._services.index("namespace", pods.namespace_of)
        self._pods.index("labels", pods.labelled)
        self._slices.index("service", _service_of)
        self._services.on_change(lambda old, new: self._queue.enqueue(key_of(new or old or {})))
        self._pods.on_change(self._pod_changed)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        """Only a change that a slice shows matters: labels, address, readiness, going away."""
        if old is not None and new is not None and _shown(old) == _shown(new):
            return
        told = [pod["metadata"].get("labels") or {} for pod in (old, new) if pod is not None]
        namespace = (new or old or {})["metadata"]["namespace"]
        for service in self._services.find("namespace", namespace):
            selector = service["spec"].get("selector")
            if selector and any(selector.items() <= labels.items() for labels in told):
                self._queue.enqueue(key_of(service))

    def _reconcile(self, key: Key) -> None:
        service = self._services.get(key)
        if service is None or not service["spec"].get("selector"):
            return  # what a deleted service leaves is collected with its owner
        selector = {"matchLabels": service["spec"]["selector"]}
        behind = [
            pod
            for pod in pods.selected(self._pods, key[0], selector)
            if pod["status"].get("podIP") and not is_finished(pod)
        ]
        self._write_slice(service, behind)
        self._write_endpoints(service, behind)

    def _write_slice(self, service: Object, behind: Sequence[Object]) -> None:
        meta = service["metadata"]
        ports = _ports(service, behind)
        made = {"endpoints": [_endpoint(service, pod) for pod in behind] or None, "ports": ports or None}
        found = self._slices.find("service", f"{meta['namespace']}/{meta['name']}")
        if found:
            if {name: found[0].get(name) for name in made} != made:
                self._api.patch(_SLICE, *key_of(found[0]), made)
            return
        labels = (meta.get("labels") or {}) | _MANAGER | {_SERVICE_LABEL: meta["name"]}
        self._api.create(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": f"{meta['name']}-{suffix(self._engine.random)}",
                    "generateName": meta["name"] + "-",
                    "namespace": meta["namespace"],
                    "labels": labels,
                    "ownerReferences": [owned_by(service)],
                },
                "addressType": "IPv4",
            }
            | made
        )

    def _write_endpoints(self, service: Object, behind: Sequence[Object]) -> None:
        meta = service["metadata"]
        subsets = _subsets(service, behind)
        found = self._endpoints.get(key_of(service))
        if found is None:
            body = {
                "apiVersion": "v1",
                "kind": "Endpoints",
                "metadata": {
                    "name": meta["name"],
                    "namespace": meta["namespace"],
                    "labels": (meta.get("labels") or {})
                    | {"endpoints.kubernetes.io/managed-by": "endpoint-controller"},
                    "ownerReferences": [owned_by(service)],
                },
            }
            self._api.create(body | ({"subsets": subsets} if subsets else {}))
        elif (found.get("subsets") or []) != subsets:
            self._api.patch("Endpoints", *key_of(service), {"subsets": subsets or None})


def _service_of(body: Object) -> tuple[str, ...]:
    name = (body["metadata"].get("labels") or {}).get(_SERVICE_LABEL)
    return (f"{body['metadata']['namespace']}/{name}",) if name else ()


def _shown(pod: Object) -> tuple[object, ...]:
    meta, status = pod["metadata"], pod["status"]
    return (
        meta.get("labels"),
        status.get("podIP"),
        pods.is_ready(pod),
        pods.is_terminating(pod),
        is_finished(pod),
    )


def _takes_all(service: Object) -> bool:
    """Whether pods are told, ready or not: members of a database find each other before they are."""
    return bool(service["spec"].get("publishNotReadyAddresses"))


def _endpoint(service: Object, pod: Object) -> Object:
    serving, going = pods.is_ready(pod), pods.is_terminating(pod)
    ready = _takes_all(service) or (serving and not going)
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": serving, "terminating": going},
        "nodeName": pod["spec"].get("nodeName"),
        "targetRef": _target(pod),
    }


def _target(pod: Object) -> Object:
    meta = pod["metadata"]
    return {
        "kind": "Pod",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
    }


def _ports(service: Object, behind: Sequence[Object]) -> list[Object]:
    found = []
    for port in service["spec"].get("ports") or ():
        number = _number(port, behind)
        if number is not None:
            found.append(
                {
                    "name": port.get("name", ""),
                    "port": number,
                    "protocol": port.get("protocol", "TCP"),
                }
            )
    return found


def _number(port: Object, behind: Sequence[Object]) -> int | None:
    """The port on the pods: given as a number, or by the name that a container gives it."""
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    for pod in behind:
        for container in pod["spec"]["containers"]:
            for item in container.get("ports") or ():
                if item.get("name") == target:
                    return int(item["containerPort"])
    return None


def _subsets(service: Object, behind: Sequence[Object]) -> list[Object]:
    def shown(pod: Object) -> Object:
        return {
            "ip": pod["status"]["podIP"],
            "nodeName": pod["spec"].get("nodeName"),
            "targetRef": _target(pod),
        }

    told = behind if _takes_all(service) else [pod for pod in behind if not pods.is_terminating(pod)]
    ready = [pod for pod in told if _takes_all(service) or pods.is_ready(pod)]
    found: Object = {
        "addresses": [shown(pod) for pod in ready],
        "notReadyAddresses": [shown(pod) for pod in told if pod not in ready],
    }
    subset = {name: items for name, items in found.items() if items}
    if not subset:
        return []
    ports = _ports(service, behind)
    return [subset | ({"ports": ports} if ports else {})]
