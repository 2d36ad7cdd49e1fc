"""Faults on nodes: busy, emptied, tainted, without their services, restarted, switched off."""

from __future__ import annotations

from dataclasses import replace

from chaoskit.experiments.faults.model import Fault
from chaoskit.experiments.faults.parts import (
    DRAINING,
    LOAD_ENDS,
    NODE,
    NODES,
    OWN,
    PLAIN_ON_NODE,
    SEEING_NODES,
    TAINT,
    TAINTING,
    WITH_SECRETS,
    graded,
    lasting,
    levels,
    percent,
    span,
    text,
    whole,
)

_KEY = ("id-rsa", "/mnt/")
"""The secret with the key that logs in on nodes (``ssh-privatekey``), and where Litmus looks for it."""

_LONGER = levels("duration", 30, 60, 120, 300)
_TAINTS = tuple(
    f"chaoskit.io/chaos=node-taint:{effect}"
    for effect in ("PreferNoSchedule", "NoSchedule", "NoExecute", "NoExecute")
)
_POWER_OFF = (
    '-o ServerAliveInterval=1 -o ServerAliveCountMax=1 "sudo systemctl poweroff --force --force" ; true'
)
_SSH = (
    text("user", "SSH_USER", "root", "who logs in"),
    text("address", "TARGET_NODE_IP", "", "of the node; found by its name when empty"),
)


def _service_kill(kind: str, purpose: str) -> Fault:
    return Fault(
        kind, purpose, "node", (lasting(60), *NODE), OWN,
        "the helper starts the service again", "the service stays stopped; the node stays NotReady",
        "privileged, host path / and /var/run", levels("duration", 30, 60, 120, 240),
        SEEING_NODES, "node", disrupts=True, elsewhere=True, helper_image="ubuntu:16.04", overhead=45,
    )  # fmt: skip


FAULTS = (
    Fault(
        "node-cpu-hog", "a node's CPU is saturated", "node",
        (
            lasting(60),
            span("cores", "NODE_CPU_CORE", 0, "cores kept busy; 0 is all", "cores"),
            percent("load", "CPU_LOAD", 100, "of each of these cores"),
            *NODES,
        ),
        OWN, LOAD_ENDS, "none: the load dies with the helper", PLAIN_ON_NODE,
        levels("load", 40, 70, 90, 100), SEEING_NODES, "node", overhead=40,
    ),
    Fault(
        "node-memory-hog", "a node's memory fills up", "node",
        (
            lasting(120),
            percent("percent", "MEMORY_CONSUMPTION_PERCENTAGE", 30, "of the node's memory taken"),
            span("mebibytes", "MEMORY_CONSUMPTION_MEBIBYTES", "", "taken instead", "MiB"),
            span("workers", "NUMBER_OF_WORKERS", 1, "processes that take it", "", 1),
            *NODES,
        ),
        OWN, LOAD_ENDS, "pods that were evicted meanwhile", PLAIN_ON_NODE,
        levels("percent", 20, 50, 80, 95), SEEING_NODES, "node", overhead=40,
    ),
    Fault(
        "node-io-stress", "a node's disk is kept busy", "disk-full",
        (
            lasting(120),
            percent("percent", "FILESYSTEM_UTILIZATION_PERCENTAGE", 10, "of the free space written"),
            span("gigabytes", "FILESYSTEM_UTILIZATION_BYTES", "", "written instead of a share", "GB"),
            span("workers", "NUMBER_OF_WORKERS", 4, "processes that write", "", 1),
            whole("memoryWorkers", "VM_WORKERS", 1, "processes that take memory", "", 1),
            whole("cores", "CPU", 1, "cores used", "cores", 1),
            *NODES,
        ),
        OWN, LOAD_ENDS, "none: the load dies with the helper", PLAIN_ON_NODE,
        levels("percent", 10, 25, 50, 90), SEEING_NODES, "node", overhead=40,
    ),
    Fault(
        "node-drain", "a node is emptied", "node", (lasting(60), *NODE), OWN,
        "the node is uncordoned", "the node stays cordoned, and evicted pods where they went",
        presets=_LONGER, cluster_rules=DRAINING, scope="node", disrupts=True, elsewhere=True, overhead=35,
    ),
    Fault(
        "node-taint", "a node refuses or evicts pods", "node",
        (
            lasting(60),
            replace(
                text("taints", "TAINTS", "", "what the node gets; NoExecute when no effect is said", TAINT,
                     "key=value:NoSchedule"),
                mandatory=True,
            ),
            *NODE,
        ),
        OWN, "the taint is removed", "the taint stays",
        presets=graded(taints=_TAINTS, duration=(60, 60, 60, 300)), cluster_rules=TAINTING,
        scope="node", disrupts=True, elsewhere=True, overhead=35,
    ),
    Fault(
        "node-restart", "a node is started again", "node",
        (
            lasting(60),
            text("command", "REBOOT_COMMAND", "sudo systemctl reboot; true", "run on the node"),
            *_SSH, *NODE,
        ),
        WITH_SECRETS, "the node comes back by itself", "the node may stay down", "a plain pod with ssh",
        _LONGER, SEEING_NODES, "node", disrupts=True, elsewhere=True, secrets=(_KEY,), overhead=60,
    ),
    Fault(
        "node-poweroff", "a node is switched off", "node",
        (
            lasting(60),
            text("command", "REBOOT_COMMAND", _POWER_OFF, "options of ssh and what is run on the node"),
            *_SSH, *NODE,
        ),
        WITH_SECRETS, "none: somebody must switch it on", "the node is down", "a plain pod with ssh",
        _LONGER, SEEING_NODES, "node", disrupts=True, elsewhere=True, secrets=(_KEY,), overhead=60,
    ),
    _service_kill("kubelet-service-kill", "a node's kubelet stops"),
    _service_kill("docker-service-kill", "a node's Docker stops"),
)  # fmt: skip
