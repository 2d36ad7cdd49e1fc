"""A hundred runs at once in a process of its own, which says what they cost: its time and memory are theirs.

``python many.py KUBECONFIG HOME LASTING`` writes seconds, of the wall and of the CPU, megabytes, how many
requests went over the wire, what a bare one costs here and now, and the reasons of those that did not pass.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import chaoskit
from chaoskit import kube
from chaoskit.experiments import Trial
from chaoskit.experiments.spec import Experiment
from chaoskit.flows.world import World
from chaoskit.ports.cluster import ObjectRef

MANY = 100
PLACE = "many"


def trial(number: int, kind: str, lasting: str = "1s", **parameters: Any) -> Trial:
    """A direct fault on one of the hundred workloads."""
    spec = {
        "fault": {"kind": kind, "parameters": parameters},
        "targets": {"workloads": [f"deployment/w{number}"]},
        "engine": "direct",
        "duration": lasting,
        "blastRadius": {"maxPercent": 100},
    }
    meta = {"name": f"e{number}", "namespace": PLACE}
    return Trial("benchmark", experiment=Experiment.model_validate({"metadata": meta, "spec": spec}))


def rested(world: World) -> None:
    """What was run before keeps nobody waiting: guards have forgotten it."""
    for body in world.cluster.list(kube.LEASE, PLACE).items:
        world.cluster.delete(kube.ref_of(body))


def bare_request(world: World) -> float:
    """Seconds that one question to this server takes on this machine, as busy as both are."""
    began = time.perf_counter()
    for _ in range(_ASKED):
        world.cluster.get(ObjectRef(kube.NAMESPACE, "", PLACE))
    return (time.perf_counter() - began) / _ASKED


_ASKED = 300


def counting() -> Callable[[], int]:
    """Tells how many requests this process has sent since, to the cluster and to Prometheus."""
    sent, putrequest = itertools.count(), HTTPConnection.putrequest

    def counted(connection: HTTPConnection, *arguments: Any, **options: Any) -> None:
        next(sent)
        putrequest(connection, *arguments, **options)

    HTTPConnection.putrequest = counted  # type: ignore[assignment, method-assign]
    return sent.__next__


def megabytes() -> float:
    """The most that this program ever held; `getrusage` would tell of the process that it was forked from."""
    (found,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    return int(found) / 1024


def hundred(world: World, lasting: str) -> dict[str, Any]:
    """What a hundred runs cost that change, for so long, a setting which nobody reads again."""
    changes = {"key": "level", "value": "2", "restart": False}
    trials = [trial(n, "config-mutation", lasting, configMap=f"w{n}", **changes) for n in range(MANY)]
    bare = bare_request(world)
    requests = counting()
    began, used = time.perf_counter(), time.process_time()
    found = chaoskit.AIChaosEngine(world).run_all(trials, parallel=MANY)
    return {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - used,
        "request": bare,
        "requests": requests(),
        "megabytes": megabytes(),
        "failed": [each.reason for each in found if each.outcome.exit_code],
    }


if __name__ == "__main__":
    with chaoskit.connect(kubeconfig=sys.argv[1], namespace=PLACE, home=Path(sys.argv[2])) as connected:
        rested(connected)
        sys.stdout.write(json.dumps(hundred(connected, sys.argv[3])))
