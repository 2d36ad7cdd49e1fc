"""Signs of life of a node: its Lease every ten seconds, its conditions every five minutes."""

from __future__ import annotations

from collections.abc import Callable, Collection

from chaoskit.simulator.api import Api, ApiError, Object
from chaoskit.simulator.engine import Engine, Script
from chaoskit.simulator.node import nodes
from chaoskit.simulator.objects import micro_timestamp

_RENEW = 10.0
_REPORT = 300.0
_DURATION = 40


def heartbeat(api: Api, engine: Engine, node: str, short: Callable[[], Collection[str]]) -> Script:
    """The script that keeps `node` alive; whoever cancels it lets the node fall silent.

    `short` gives the conditions that say what the node is short of.
    """
    _report(api, engine, node, short())
    reported = engine.now()
    while True:
        _renew(api, engine, node)
        yield _RENEW
        if engine.now() - reported >= _REPORT:
            _report(api, engine, node, short())
            reported = engine.now()


def _renew(api: Api, engine: Engine, node: str) -> None:
    now = micro_timestamp(engine.now())
    try:
        api.patch("Lease.coordination.k8s.io", nodes.LEASES, node, {"spec": {"renewTime": now}})
    except ApiError as error:
        if error.code != 404:
            raise
        _first(api, node, now)


def _first(api: Api, node: str, now: str) -> None:
    owner = api.get("Node", None, node)
    if owner is None:
        return
    body: Object = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": node,
            "namespace": nodes.LEASES,
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Node", "name": node, "uid": owner["metadata"]["uid"]}
            ],
        },
        "spec": {"holderIdentity": node, "leaseDurationSeconds": _DURATION, "renewTime": now},
    }
    try:
        api.create(body)
    except ApiError as error:
        if error.code not in {404, 409}:  # the namespace comes up with the cluster
            raise


def _report(api: Api, engine: Engine, node: str, short: Collection[str]) -> None:
    body = api.get("Node", None, node)
    if body is not None:
        nodes.report(api, body, engine.now(), short)
