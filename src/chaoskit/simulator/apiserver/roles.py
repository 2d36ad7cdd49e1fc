"""The rules of roles and their bindings: what they must be, in Kubernetes' words."""

from __future__ import annotations

from collections.abc import Iterator

from chaoskit.simulator.apiserver import labelling
from chaoskit.simulator.apiserver.apierrors import Cause, required, unsupported, wrong
from chaoskit.simulator.apiserver.strategies import printed
from chaoskit.simulator.objects import Object


def role(role: Object) -> Iterator[Cause]:
    """It grants verbs on resources that it names, in groups that it names, and no paths."""
    yield from _policy(role, namespaced=True)


def cluster_role(role: Object) -> Iterator[Cause]:
    """It grants verbs, on resources or on paths, and gathers the rules of roles that it can select."""
    yield from _policy(role, namespaced=False)
    if role.get("aggregationRule") is None:
        return
    path, listed = "aggregationRule.clusterRoleSelectors", role["aggregationRule"].get("clusterRoleSelectors")
    if not listed:
        yield required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil")
    for index, selector in enumerate(listed or ()):
        yield from labelling.selector(f"{path}[{index}]", selector)


def _policy(role: Object, *, namespaced: bool) -> Iterator[Cause]:
    for index, rule in enumerate(role.get("rules") or ()):
        path, urls = f"rules[{index}]", rule.get("nonResourceURLs")
        if not rule.get("verbs"):
            yield required(f"{path}.verbs", "verbs must contain at least one value")
        if urls and namespaced:
            detail = "namespaced rules cannot apply to non-resource URLs"
            yield wrong(f"{path}.nonResourceURLs", printed(urls), detail)
        if urls and any(rule.get(name) for name in ("apiGroups", "resources", "resourceNames")):
            detail = "rules cannot apply to both regular resources and non-resource URLs"
            yield wrong(f"{path}.nonResourceURLs", printed(urls), detail)
        for name, one in (("apiGroups", "api group"), ("resources", "resource")):
            if not urls and not rule.get(name):
                yield required(f"{path}.{name}", f"resource rules must supply at least one {one}")


def binding(binding: Object) -> Iterator[Cause]:
    """It grants a role that has a name."""
    reference = binding["roleRef"]
    if not reference.get("name"):
        yield required("roleRef.name")
    if reference.get("kind") not in {"Role", "ClusterRole"}:
        kinds = ("Role", "ClusterRole")
        yield unsupported("roleRef.kind", str(reference.get("kind") or ""), kinds)
