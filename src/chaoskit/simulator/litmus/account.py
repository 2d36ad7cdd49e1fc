"""The API with no more rights than one service account has: as the runner and the experiments see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaoskit.simulator.api import Access, ApiError, Object
from chaoskit.simulator.apiserver.builtin import BUILT_IN
from chaoskit.simulator.apiserver.definitions import stored_key
from chaoskit.simulator.litmus.definitions import DEFINITIONS

_ACTIONS = {"Eviction.policy": "pods/eviction", "PodExecOptions": "pods/exec"}
RESOURCES = {
    **{resource.key: resource.plural for resource in BUILT_IN},
    **{stored_key(definition): str(definition["spec"]["names"]["plural"]) for definition in DEFINITIONS},
    **_ACTIONS,
}
"""What Litmus' own programs touch, and what a k8sProbe may look for."""


class Account:
    """Asks the API server with a SubjectAccessReview before each call, and refuses as it would."""

    def __init__(self, api: Access, namespace: str, name: str) -> None:
        self._api = api
        self._groups = [
            "system:serviceaccounts",
            f"system:serviceaccounts:{namespace}",
            "system:authenticated",
        ]
        self._user = f"system:serviceaccount:{namespace}:{name}"

    def get(self, kind: str, namespace: str | None, name: str) -> Object | None:
        """As `Api.get`; 403 without the right."""
        self.require("get", kind, namespace, name)
        return self._api.get(kind, namespace, name)

    def list(self, kind: str, namespace: str | None = None, labels: str = "") -> tuple[Object, ...]:
        """As `Api.list`; 403 without the right."""
        self.require("list", kind, namespace)
        return self._api.list(kind, namespace, labels)

    def create(self, body: Object) -> Object:
        """As `Api.create`; 403 without the right."""
        kind, meta = kind_of(body), body["metadata"]
        self.require("create", kind, meta.get("namespace"), meta["name"] if kind in _ACTIONS else "")
        return self._api.create(body)

    def update(self, body: Object, subresource: str = "") -> Object:
        """As `Api.update`; 403 without the right."""
        meta = body["metadata"]
        self.require("update", kind_of(body), meta.get("namespace"), meta["name"])
        return self._api.update(body, subresource)

    def patch(
        self,
        kind: str,
        namespace: str | None,
        name: str,
        patch: Mapping[str, Any],
        subresource: str = "",
    ) -> Object:
        """As `Api.patch`; 403 without the right."""
        self.require("patch", kind, namespace, name)
        return self._api.patch(kind, namespace, name, patch, subresource)

    def delete(
        self,
        kind: str,
        namespace: str | None,
        name: str,
        *,
        grace: int | None = None,
        propagation: str = "Background",
        uid: str | None = None,
    ) -> None:
        """As `Api.delete`; 403 without the right."""
        self.require("delete", kind, namespace, name)
        self._api.delete(kind, namespace, name, grace=grace, propagation=propagation, uid=uid)

    def require(self, verb: str, kind: str, namespace: str | None, name: str = "") -> None:
        """Returns if the account may do that to what has this name, or to any; `ApiError` 403 otherwise."""
        resource, _, below = RESOURCES[kind].partition("/")
        group = "" if resource == "pods" else kind.partition(".")[2]
        attributes = {"verb": verb, "group": group, "resource": resource, "subresource": below}
        attributes |= {"namespace": namespace} if namespace else {}
        attributes |= {"name": name} if name else {}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "metadata": {},
            "spec": {
                "user": self._user,
                "groups": self._groups,
                "resourceAttributes": attributes,
            },
        }
        if not self._api.create(review)["status"]["allowed"]:
            where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
            what = f"{resource}.{group}" if group else resource
            what += f' "{name}"' if name else ""
            message = (
                f'{what} is forbidden: User "{self._user}" cannot {verb} resource "{resource}" '
                f'in API group "{group}" {where}'
            )
            raise ApiError(403, "Forbidden", message)


def kind_of(body: Object) -> str:
    """The kind as the API port names it, from apiVersion and kind."""
    group, slash, _ = body["apiVersion"].partition("/")
    return f"{body['kind']}.{group}" if slash else str(body["kind"])
