"""A Kubernetes cluster on loopback: API server, controllers, kubelet, Litmus, a demo shop, metrics.

It imports nothing of chaoskit: the product's adapters talk to it over HTTP as to any other cluster.

    cluster.py    composes one and starts it; engine.py is its time, api.py what every actor reaches it by,
                  knobs.py what can be made to go wrong on purpose
    apiserver/    the objects and everything that requests do to them; builtin.py is the table of kinds
    controllers/  what makes objects follow one another, the scheduler included
    node/         kubelets: pods, containers and the programs in them
    litmus/       LitmusChaos, on this cluster or (remote.py) on a real one
    traffic/      requests between pods, and the counters and signals they leave
    shop/         the demo shop and the stories in which it fails
    prometheus/   the signals as Prometheus serves them
"""
