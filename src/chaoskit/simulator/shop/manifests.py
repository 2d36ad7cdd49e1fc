"""The demo shop as Kubernetes manifests: what each service does is said by its pods' environment.

The variables are those of an ordinary small service: ``NAME``, ``UPSTREAMS`` and ``DB`` (URLs called for
each request), ``DB_POOL``, ``WORK_MS``, ``LOAD_URL``/``LOAD_RPS`` (a load generator) and ``FAULT``. Traffic
reads them from the pods of the cluster, not from here, so any workload that sets them is part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]

NAMESPACE = "shop"
IMAGE = "chaoskit-shop:1"


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the shop. `calls` gives the share of its requests that call each upstream.

    `database` is the service that it keeps a pool of connections to, empty for none.
    """

    name: str
    replicas: int
    work_ms: float
    heap_mb: int
    calls: tuple[tuple[str, float], ...] = ()
    database: str = ""
    pool: int = 10
    cpu: str = "500m"
    memory: str = "256Mi"
    budget: bool = False
    extra: tuple[tuple[str, str], ...] = ()


SHOP = (
    Service("load", 1, 1, 20, extra=(("LOAD_URL", "http://frontend/"), ("LOAD_RPS", "80"))),
    Service(
        "frontend",
        3,
        6,
        90,
        calls=(
            ("catalog", 0.9),
            ("cart", 0.5),
            ("search", 0.4),
            ("recommendations", 0.6),
            ("orders", 0.25),
        ),
        budget=True,
        extra=(("RETRIES", "1"),),
    ),
    Service("catalog", 3, 5, 80, calls=(("cache", 0.8),), database="db", budget=True),
    Service("cart", 2, 6, 70, calls=(("cache", 1.0),), database="db", budget=True),
    Service(
        "orders",
        3,
        11,
        110,
        calls=(("payments", 1.0), ("shipping", 0.7)),
        database="db",
        budget=True,
    ),
    Service("search", 3, 14, 120, calls=(("cache", 0.6),), database="db", memory="320Mi"),
    Service("recommendations", 2, 9, 100, calls=(("catalog", 0.5), ("cache", 0.5))),
    Service("payments", 2, 9, 60, database="db", pool=8, budget=True, memory="192Mi"),
    Service("shipping", 2, 8, 60, database="db", pool=8, memory="192Mi"),
    Service("cache", 1, 0.4, 160, memory="384Mi"),
    Service(
        "db",
        1,
        0.5,
        260,
        cpu="1500m",
        memory="768Mi",
        extra=(("MAX_CONNECTIONS", "160"),),
    ),
)


def manifests(services: Sequence[Service] = SHOP) -> tuple[Manifest, ...]:
    """Everything that makes the shop, in the order in which it can be created."""
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {"kubernetes.io/metadata.name": NAMESPACE}},
    }
    parts = [_deployment(service) for service in services]
    parts += [_service(service) for service in services]
    parts += [_budget(service) for service in services if service.budget]
    return (namespace, _settings(), *parts)


def _labels(name: str) -> dict[str, str]:
    return {"app": name, "app.kubernetes.io/part-of": "shop"}


def _meta(name: str) -> dict[str, Any]:
    return {"name": name, "namespace": NAMESPACE, "labels": _labels(name)}


def _settings() -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "shop-settings", "namespace": NAMESPACE, "labels": _labels("shop")},
        "data": {"currency": "EUR", "LOG_LEVEL": "info"},
    }


def _deployment(service: Service) -> Manifest:
    called = [name for name, _ in service.calls] + ([service.database] if service.database else [])
    spec: dict[str, Any] = {
        "replicas": service.replicas,
        "progressDeadlineSeconds": 120,
        "selector": {"matchLabels": {"app": service.name}},
        "template": {
            "metadata": {
                "labels": _labels(service.name),
                "annotations": {"chaoskit.io/calls": ",".join(called)},
            },
            "spec": {"containers": [_container(service)]},
        },
    }
    if any(name == "MAX_CONNECTIONS" for name, _ in service.extra):
        spec["strategy"] = {"type": "Recreate"}  # two databases on one volume would corrupt it
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(service.name),
        "spec": spec,
    }


def _container(service: Service) -> dict[str, Any]:
    probe = {"port": "http", "scheme": "HTTP"}
    return {
        "name": service.name,
        "image": IMAGE,
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": name, "value": value} for name, value in _environment(service)],
        "envFrom": [{"configMapRef": {"name": "shop-settings"}}],
        "resources": {
            "requests": {"cpu": "100m", "memory": f"{service.heap_mb}Mi"},
            "limits": {"cpu": service.cpu, "memory": service.memory},
        },
        "readinessProbe": {"httpGet": {"path": "/readyz", **probe}, "periodSeconds": 2},
        "livenessProbe": {
            "httpGet": {"path": "/healthz", **probe},
            "periodSeconds": 5,
            "failureThreshold": 3,
        },
        "securityContext": {
            "runAsUser": 65534,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
        },
    }


def _environment(service: Service) -> tuple[tuple[str, str], ...]:
    environment = [("NAME", service.name)]
    if service.calls:
        environment.append(("UPSTREAMS", ",".join(f"http://{name}/" for name, _ in service.calls)))
        shares = ",".join(f"{name}={share:g}" for name, share in service.calls)
        environment.append(("SHARES", shares))
    if service.database:
        environment += [("DB", f"http://{service.database}/"), ("DB_POOL", str(service.pool))]
    environment += [("WORK_MS", f"{service.work_ms:g}"), ("HEAP_MB", str(service.heap_mb))]
    return (*environment, *service.extra)


def _service(service: Service) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(service.name),
        "spec": {
            "selector": {"app": service.name},
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
        },
    }


def _budget(service: Service) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _meta(service.name),
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": service.name}}},
    }
