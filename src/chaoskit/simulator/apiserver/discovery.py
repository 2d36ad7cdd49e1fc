"""The documents by which clients learn what is served: groups, resources, version, a bare OpenAPI."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chaoskit.simulator.apiserver.resources import Registry, Resource
from chaoskit.simulator.apiserver.reviews import REVIEWS
from chaoskit.simulator.objects import Object

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

VERSION: Object = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2-simulator",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2026-08-21T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "linux/amd64",
}

_STATUS_VERBS = ["get", "patch", "update"]
_SUBRESOURCES: dict[str, tuple[str, str, str, list[str]]] = {
    "binding": ("", "", "Binding", ["create"]),
    "eviction": ("policy", "v1", "Eviction", ["create"]),
    "exec": ("", "", "PodExecOptions", ["create", "get"]),
    "finalize": ("", "", "", ["update"]),
    "log": ("", "", "", ["get"]),
    "resize": ("", "", "", ["get", "patch", "update"]),
    "scale": ("autoscaling", "v1", "Scale", _STATUS_VERBS),
    "status": ("", "", "", _STATUS_VERBS),
    "token": ("authentication.k8s.io", "v1", "TokenRequest", ["create"]),
}


def health(path: str) -> str:
    """What ``/livez?verbose`` and its like say: the checks of a server that has no parts to check."""
    return f"[+]ping ok\n[+]log ok\n{path.strip('/')} check passed\n"


def core_versions(address: str) -> Object:
    """``/api``."""
    servers = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": servers}


def groups(registry: Registry) -> Object:
    """``/apis``: every group but the core one."""
    found = [_group(name, versions) for name, versions in _all_groups(registry).items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def group(registry: Registry, name: str) -> Object | None:
    """``/apis/<name>``; None when nothing of that group is served."""
    versions = _all_groups(registry).get(name)
    if not versions:
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)}


def resources(registry: Registry, group_name: str, version: str) -> Object | None:
    """``/apis/<group>/<version>`` or ``/api/v1``; None when it is not served."""
    entries = [e for r in _served(registry, group_name, version) for e in _entries(r)]
    entries += _review_entries(group_name, version)
    if not entries:
        return None
    api_version = f"{group_name}/{version}" if group_name else version
    head = {"kind": "APIResourceList"} | ({"apiVersion": "v1"} if group_name else {})
    return (
        head
        | {"groupVersion": api_version}
        | {"resources": sorted(entries, key=lambda entry: str(entry["name"]))}
    )


def aggregated(registry: Registry, *, core: bool) -> Object:
    """All of `groups` and `resources` in one document, for clients that ask for it."""
    items = []
    for name, versions in _all_groups(registry).items():
        if bool(name) is core:
            continue
        served = [_aggregated_version(registry, name, version) for version in versions]
        items.append({"metadata": {"name": name} if name else {}, "versions": served})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def openapi_index(registry: Registry) -> Object:
    """``/openapi/v3``: where each group version's document is."""
    paths = {}
    for name, versions in _all_groups(registry).items():
        for version in versions:
            path = f"apis/{name}/{version}" if name else f"api/{version}"
            paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash=0"}
    return {"paths": paths}


def openapi(registry: Registry, group_name: str, version: str) -> Object:
    """The operations of a group version, without schemas: enough for kubectl to see what it may ask.

    kubectl looks for the parameters ``dryRun`` and ``fieldValidation`` of PATCH before it uses them.
    """
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for name in ("dryRun", "fieldManager", "fieldValidation")
    ]
    paths = {}
    for resource in _served(registry, group_name, version):
        kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
        operation = {"x-kubernetes-group-version-kind": kind, "parameters": parameters}
        paths[_object_path(resource)] = {"patch": operation | {"x-kubernetes-action": "patch"}}
    info = {"title": "Kubernetes", "version": VERSION["gitVersion"]}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}


def _object_path(resource: Resource) -> str:
    base = f"/apis/{resource.group}" if resource.group else "/api"
    where = "namespaces/{namespace}/" if resource.namespaced else ""
    return f"{base}/{resource.version}/{where}{resource.plural}/{{name}}"


def _all_groups(registry: Registry) -> dict[str, tuple[str, ...]]:
    found = registry.group_versions()
    for group_name, _ in REVIEWS:
        found.setdefault(group_name, ("v1",))
    return found


def _group(name: str, versions: Iterable[str]) -> Object:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _served(registry: Registry, group_name: str, version: str) -> list[Resource]:
    return [r for r in registry.all() if (r.group, r.version) == (group_name, version)]


def singular(resource: Resource) -> str:
    """The resource's name for one object."""
    return resource.singular or resource.kind.lower()


def _entries(resource: Resource) -> Iterable[Object]:
    entry: Object = {
        "name": resource.plural,
        "singularName": singular(resource),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    yield entry | _optional(resource)
    for name in resource.subresources:
        group_name, version, kind, verbs = _SUBRESOURCES[name]
        below: Object = {
            "name": f"{resource.plural}/{name}",
            "singularName": "",
            "namespaced": resource.namespaced,
        }
        if group_name:
            below |= {"group": group_name, "version": version}
        yield below | {"kind": kind or resource.kind, "verbs": list(verbs)}


def _optional(resource: Resource) -> Object:
    lists = {"shortNames": resource.short_names, "categories": resource.categories}
    return {key: list(value) for key, value in lists.items() if value}


def _review_entries(group_name: str, version: str) -> list[Object]:
    if version != "v1":
        return []
    return [
        {
            "name": plural,
            "singularName": kind.lower(),
            "namespaced": plural.startswith("local"),
            "kind": kind,
            "verbs": ["create"],
        }
        for (owner, plural), (kind, _) in REVIEWS.items()
        if owner == group_name
    ]


def _aggregated_version(registry: Registry, group_name: str, version: str) -> Object:
    found: list[Object] = []
    for resource in _served(registry, group_name, version):
        main, *below = _entries(resource)
        entry = _aggregated_entry(main)
        if below:
            entry["subresources"] = [_aggregated_subresource(item) for item in below]
        found.append(entry | _optional(resource))
    found += [_aggregated_entry(entry) for entry in _review_entries(group_name, version)]
    return {"version": version, "resources": found, "freshness": "Current"}


def _aggregated_entry(entry: Object) -> Object:
    return {
        "resource": entry["name"],
        "responseKind": {"group": "", "version": "", "kind": entry["kind"]},
        "scope": "Namespaced" if entry["namespaced"] else "Cluster",
        "singularResource": entry["singularName"],
        "verbs": entry["verbs"],
    }


def _aggregated_subresource(entry: Object) -> Any:
    kind = {
        "group": entry.get("group", ""),
        "version": entry.get("version", ""),
        "kind": entry["kind"],
    }
    name = str(entry["name"]).partition("/")[2]
    return {"subresource": name, "responseKind": kind, "verbs": entry["verbs"]}
