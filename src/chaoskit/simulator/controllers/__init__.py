"""The controllers of kube-controller-manager and the scheduler, one module each; all level-based."""

from __future__ import annotations

from chaoskit.simulator.api import Api
from chaoskit.simulator.controllers.aggregation import Aggregation
from chaoskit.simulator.controllers.autoscaler import Autoscalers
from chaoskit.simulator.controllers.base import Informers
from chaoskit.simulator.controllers.claims import VolumeClaims
from chaoskit.simulator.controllers.daemonset import DaemonSets
from chaoskit.simulator.controllers.deployment import Deployments
from chaoskit.simulator.controllers.disruption import Disruption
from chaoskit.simulator.controllers.endpoints import Endpoints
from chaoskit.simulator.controllers.expiry import Expiry
from chaoskit.simulator.controllers.garbage import Garbage
from chaoskit.simulator.controllers.job import Jobs
from chaoskit.simulator.controllers.kinds import Kinds
from chaoskit.simulator.controllers.namespaces import Namespaces
from chaoskit.simulator.controllers.nodelifecycle import NodeLifecycle
from chaoskit.simulator.controllers.replicaset import ReplicaSets
from chaoskit.simulator.controllers.serviceaccounts import ServiceAccounts
from chaoskit.simulator.controllers.statefulset import StatefulSets
from chaoskit.simulator.engine import Engine


def start_all(api: Api, engine: Engine) -> None:
    """Every controller follows what there is and will be."""
    informers = Informers(api)
    kinds = Kinds(informers)
    for controller in (
        Deployments,
        ReplicaSets,
        StatefulSets,
        DaemonSets,
        Jobs,
        Endpoints,
        Disruption,
        ServiceAccounts,
        NodeLifecycle,
        Autoscalers,
        VolumeClaims,
        Aggregation,
    ):
        controller(api, engine, informers)
    Namespaces(api, engine, informers, kinds)
    informers.start()
    Garbage(api, engine, kinds).start()
    Expiry(api, engine).start()
