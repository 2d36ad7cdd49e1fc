"""What every namespace gets: its ``default`` service account, and the cluster's root certificate."""

from __future__ import annotations

from chaoskit.simulator.api import Api, ApiError, Object
from chaoskit.simulator.controllers.base import Informers, Key, Reconciler
from chaoskit.simulator.engine import Engine

ROOT_CERTIFICATE = "kube-root-ca.crt"
_NAMES = frozenset({"default", ROOT_CERTIFICATE})
_ABOUT = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints "
    "such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across "
    "distributions of Kubernetes clusters."
)
_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nthe simulator speaks plain HTTP\n-----END CERTIFICATE-----\n"


class ServiceAccounts:
    """Gives namespaces what they get, again when somebody took it away."""

    def __init__(self, api: Api, engine: Engine, informers: Informers) -> None:
        self._api = api
        self._namespaces = informers.of("Namespace")
        self._queue = Reconciler(engine, self._reconcile)
        self._namespaces.on_change(self._changed)
        informers.of("ServiceAccount").on_change(self._lost)
        informers.of("ConfigMap").on_change(self._lost)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if old is None and new is not None:
            self._queue.enqueue(("", new["metadata"]["name"]))

    def _lost(self, old: Object | None, new: Object | None) -> None:
        if new is None and old is not None and old["metadata"]["name"] in _NAMES:
            self._queue.enqueue(("", old["metadata"]["namespace"]))

    def _reconcile(self, key: Key) -> None:
        namespace = self._namespaces.get(key)
        if namespace is None or "deletionTimestamp" in namespace["metadata"]:
            return
        for body in _given(key[1]):
            self._create(body)

    def _create(self, body: Object) -> None:
        try:
            self._api.create(body)
        except ApiError as error:
            if error.code not in {403, 404, 409}:  # there already, or its namespace is going away
                raise


def _given(namespace: str) -> tuple[Object, Object]:
    return (
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": namespace},
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": ROOT_CERTIFICATE,
                "namespace": namespace,
                "annotations": {"kubernetes.io/description": _ABOUT},
            },
            "data": {"ca.crt": _CERTIFICATE},
        },
    )
