"""The kubelets of all nodes: pods, their containers, the programs in those, and signs of life."""
