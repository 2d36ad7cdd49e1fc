"""A Kubernetes cluster on loopback: API server, controllers, kubelet, Litmus, a demo shop, metrics.

It imports nothing of chaoskit: the product's adapters talk to it over HTTP as to any other cluster.
"""
