"""Litmus' objects in a real cluster, put there for the attached actor and taken out again after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from chaoskit.simulator.api import Api, ApiError, Object
from chaoskit.simulator.litmus import manifests
from chaoskit.simulator.litmus.definitions import DEFINITIONS
from chaoskit.simulator.litmus.kinds import ENGINE, EXPERIMENT, JOB

LABEL = "chaoskit.io/attached-litmus"
"""Label of everything that is put there; what bears it goes again, also what a killed actor has left."""

_DEFINITION = "CustomResourceDefinition.apiextensions.k8s.io"
_OPERATOR = "Deployment.apps"
_REMOVED = (
    _OPERATOR,
    EXPERIMENT,
    "RoleBinding.rbac.authorization.k8s.io",
    "Role.rbac.authorization.k8s.io",
    "ServiceAccount",
    _DEFINITION,
    "Namespace",
)
"""In the order of their removal."""
_LOOK_AGAIN = 0.2
_PATIENCE = 60.0
_TEARDOWN = 200.0
"""Seconds for the engines to end: the operator waits up to 180 for the pods of one."""


class InstallationError(Exception):
    """Litmus cannot be put into this cluster; the message says why."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Litmus in a cluster: operator in a namespace of its own, faults and accounts where chaos is to be."""

    api: Api
    namespaces: tuple[str, ...] = ()
    faults: tuple[str, ...] = manifests.BY_STUBS
    operator_namespace: str = "litmus"

    def put(self) -> None:
        """Everything is there and served, what was there before included; the operator's pod is ready.

        Raises `InstallationError` where another Litmus runs, a namespace is missing, or its images are.
        """
        self._refuse_another()
        for namespace in self.namespaces:
            if self.api.get("Namespace", None, namespace) is None:
                raise InstallationError(f"namespace {namespace} is missing")
        self._put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.operator_namespace}})
        self._put_all(map(lenient, DEFINITIONS))
        if not _until(self._served, _PATIENCE):
            raise InstallationError("the server does not serve Litmus' definitions")
        for namespace in self.namespaces:
            self._put_all(manifests.chaos(namespace, self.faults))
        self._put_all(manifests.operator(self.operator_namespace))
        if not _until(self._ready, _PATIENCE):
            raise InstallationError("the operator's pod does not get ready: are its images on the nodes?")

    def remove(self) -> tuple[str, ...]:
        """What is left, as ``Kind namespace/name``: what does not go, and jobs that engines retained.

        The operator must still be at work: it lets the engines go. Engines of definitions that are not of
        this installation stay, and as long as there are engines everything does.
        """
        if self._ours(_DEFINITION):
            for engine in self._engines():
                self._delete(ENGINE, engine)
            _until(lambda: not self._engines(), _TEARDOWN)
        if engines := self._engines():
            return _names(ENGINE, engines)
        for kind in _REMOVED:
            for body in self._ours(kind):
                self._delete(kind, body)
        _until(lambda: not any(self._ours(kind) for kind in _REMOVED), _PATIENCE)
        left = [name for kind in _REMOVED for name in _names(kind, self._ours(kind))]
        return (*left, *_names(JOB, self.api.list(JOB, labels="chaosUID")))

    def _refuse_another(self) -> None:
        for deployment in self.api.list(_OPERATOR):
            meta = deployment["metadata"]
            images = [c["image"] for c in deployment["spec"]["template"]["spec"]["containers"]]
            if any("chaos-operator" in image for image in images) and LABEL not in meta.get("labels", {}):
                raise InstallationError(f"Litmus runs in namespace {meta['namespace']} already")

    def _served(self) -> bool:
        return self._found(ENGINE) is not None

    def _engines(self) -> tuple[Object, ...]:
        return self._found(ENGINE) or ()

    def _ours(self, kind: str) -> tuple[Object, ...]:
        return self._found(kind, LABEL) or ()

    def _found(self, kind: str, labels: str = "") -> tuple[Object, ...] | None:
        """The objects of a kind; None while the server has no such kind."""
        try:
            return self.api.list(kind, labels=labels)
        except ApiError as error:
            if error.code != 404:
                raise
            return None

    def _ready(self) -> bool:
        operator = self.api.get(_OPERATOR, self.operator_namespace, "chaos-operator-ce") or {}
        return bool(operator.get("status", {}).get("readyReplicas"))

    def _put_all(self, bodies: Iterable[Object]) -> None:
        for body in bodies:
            self._put(body)

    def _put(self, body: Object) -> None:
        meta = body["metadata"]
        labels = meta.get("labels", {}) | {LABEL: "true"}
        manifests.put(self.api, body | {"metadata": meta | {"labels": labels}})

    def _delete(self, kind: str, body: Object) -> None:
        self.api.delete(kind, body["metadata"].get("namespace"), body["metadata"]["name"])


def lenient(schema: Any) -> Any:
    """The definition with every text nullable: a 1.20 server built by Go 1.18 or later takes "" for null."""
    if isinstance(schema, list):
        return [lenient(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    text = {"nullable": True} if schema.get("type") == "string" else {}
    return {key: lenient(value) for key, value in schema.items()} | text


def _names(kind: str, bodies: Iterable[Object]) -> tuple[str, ...]:
    metas = (body["metadata"] for body in bodies)
    return tuple(f"{kind.partition('.')[0]} {m.get('namespace', '')}/{m['name']}" for m in metas)


def _until(holds: Callable[[], object], seconds: float) -> bool:
    """True as soon as `holds()`; False when it does not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_AGAIN)
    return True
