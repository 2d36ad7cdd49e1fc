"""Signs of life of a node: its Lease every ten seconds, its conditions every five minutes."""

from __future__ import annotations

from chaoskit.simulator.api import Api, ApiError, Object
from chaoskit.simulator.engine import Engine, Script
from chaoskit.simulator.node import nodes
from chaoskit.simulator.objects import micro_timestamp, timestamp

_RENEW = 10.0
_REPORT = 300.0
_DURATION = 40


def heartbeat(api: Api, engine: Engine, node: str) -> Script:
    """The script that keeps `node` alive; whoever cancels it lets the node fall silent."""
    _report(api, engine, node)
    reported = engine.now()
    while True:
        _renew(api, engine, node)
        yield _RENEW
        if engine.now() - reported >= _REPORT:
            _report(api, engine, node)
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


def _report(api: Api, engine: Engine, node: str) -> None:
    """The node's own conditions are true as of now; one that turned keeps the time it turned at."""
    body = api.get("Node", None, node)
    if body is None:
        return
    before = {c["type"]: c for c in body.get("status", {}).get("conditions") or ()}
    found = nodes.conditions(engine.now())
    for condition in found:
        old = before.pop(condition["type"], None)
        if old is not None and condition["type"] == "MemoryPressure":
            condition.update(old)  # whoever watches the node's memory says so
        if old is not None and old["status"] == condition["status"]:
            condition["lastTransitionTime"] = old["lastTransitionTime"]
        condition["lastHeartbeatTime"] = timestamp(engine.now())
    status = {"conditions": found + list(before.values())}
    api.patch("Node", None, node, {"status": status}, "status")
