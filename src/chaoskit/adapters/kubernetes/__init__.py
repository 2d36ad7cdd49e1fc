"""A Kubernetes cluster, through the official client's configuration and connections."""

from chaoskit.adapters.kubernetes.cluster import KubernetesCluster, connect

__all__ = ["KubernetesCluster", "connect"]
