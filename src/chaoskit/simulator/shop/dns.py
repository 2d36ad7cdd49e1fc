"""The cluster's DNS as manifests: what kubeadm installs, as far as anybody looks at it."""

from __future__ import annotations

from typing import Any

from chaoskit.simulator.traffic.view import DNS

Manifest = dict[str, Any]

LABELS = {"k8s-app": "kube-dns"}
IMAGE = "registry.k8s.io/coredns/coredns:v1.12.0"


def manifests() -> tuple[Manifest, ...]:
    """A deployment of two pods and the service kube-dns in front of them."""
    namespace, name = DNS
    container = {
        "name": name,
        "image": IMAGE,
        "ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP"}],
        "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
        "readinessProbe": {
            "httpGet": {"path": "/ready", "port": 8181, "scheme": "HTTP"},
            "periodSeconds": 10,
        },
    }
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": LABELS},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {"priorityClassName": "system-cluster-critical", "containers": [container]},
        },
    }
    meta = {"name": name, "namespace": namespace, "labels": LABELS}
    ports = [{"name": "dns", "port": 53, "targetPort": 53, "protocol": "UDP"}]
    service = {"name": "kube-dns", "namespace": namespace, "labels": LABELS}
    return (
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": service,
            "spec": {"selector": LABELS, "ports": ports},
        },
    )
