"""Faults on pods as a whole: deleted, killed, multiplied."""

from __future__ import annotations

from dataclasses import replace

from chaoskit.experiments.faults.model import Fault
from chaoskit.experiments.faults.parts import (
    IN_POD,
    ON_POD,
    ON_PODS,
    RAMP,
    RUNTIME,
    SCALING,
    SELF_HEALING,
    choice,
    flag,
    graded,
    lasting,
    levels,
    span,
    whole,
)

_AFTER = "after 3.31.0"

FAULTS = (
    Fault(
        "pod-delete", "pods vanish and must be replaced", "pod-crash",
        (
            lasting(15),
            span("interval", "CHAOS_INTERVAL", 5, "between deletions; a range needs random", "seconds", 1),
            flag("force", "FORCE", "false", "delete without grace"),
            flag("random", "RANDOMNESS", "false", "an interval at random from its range"),
            replace(
                choice("order", "POD_TERMINATION_ORDER", "", "of the pods of a round", "random",
                       "alphabetical", "reverse"),
                since=_AFTER,
            ),
            replace(
                whole("pause", "INTER_POD_KILL_INTERVAL_SECONDS", "", "between pods of a round", "seconds"),
                since=_AFTER,
            ),
            *ON_POD,
        ),
        ON_PODS, SELF_HEALING,
        presets=graded(force=(False, False, True, True), interval=(15, 5, 5, 1)),
        disrupts=True, deletes=True, overhead=26, recorded=True,
    ),
    Fault(
        "container-kill", "a container dies and is started again", "pod-crash",
        (
            lasting(20),
            whole("interval", "CHAOS_INTERVAL", 10, "between kills", "seconds", 1),
            choice("signal", "SIGNAL", "SIGKILL", "what is sent", "SIGKILL", "SIGTERM"),
            whole("apiTimeout", "CONTAINER_API_TIMEOUT", -1, "for an answer; -1: no limit", "seconds", -1),
            *IN_POD, *RUNTIME,
        ),
        ON_PODS, SELF_HEALING, helper="runtime socket; privileged with crio",
        presets=graded(signal=("SIGTERM", "SIGKILL", "SIGKILL", "SIGKILL"), interval=(10, 10, 5, 2)),
        disrupts=True, overhead=58, recorded=True,
    ),
    Fault(
        "pod-autoscaler", "many replicas are asked for at once", "capacity",
        (
            lasting(60),
            whole("replicas", "REPLICA_COUNT", 5, "asked for", "", 1),
            whole("percent", "APP_AFFECT_PERC", 100, "of the workloads with the label", "percent", 1, 100),
            RAMP,
        ),
        SCALING, "the number of replicas is restored", "the number of replicas stays",
        presets=levels("replicas", 3, 5, 10, 20), scope="workload", overhead=30,
    ),
)  # fmt: skip
