"""ENV that a fault does not read: they would have limited it, or are misspelt."""

from __future__ import annotations

from collections.abc import Container, Mapping

from chaoskit.documents import closest
from chaoskit.experiments.faults import EVERYWHERE, Fault, Parameter

LIMITS: Mapping[str, tuple[str, ...]] = {
    # what Litmus 1.x called them
    "APP_NODE": ("TARGET_NODE", "TARGET_NODES"),
    "APP_NODES": ("TARGET_NODES", "TARGET_NODE"),
    "TARGET_POD": ("TARGET_PODS",),
    "TARGET_HOSTS": ("DESTINATION_HOSTS", "TARGET_HOSTNAMES"),
    "KILL_COUNT": ("PODS_AFFECTED_PERC",),
    "CONTAINER_PATH": (),
    # what people call them
    "POLICY": ("POLICY_TYPES",),
    "TAINT_LABEL": ("TAINTS",),
    "TARGET_SERVICE": ("DESTINATION_HOSTS",),
    "DESTINATION_PROTOCOL": (),
    "PROCESS_NAME": (),
    # what other faults read
    "TARGET_NODE": ("TARGET_NODES",),
    "TARGET_NODES": ("TARGET_NODE",),
    "TARGET_PODS": (),
    "PODS_AFFECTED_PERC": ("APP_AFFECT_PERC", "NODES_AFFECTED_PERC"),
    "NODE_LABEL": (),
    "DESTINATION_HOSTS": ("TARGET_HOSTNAMES",),
    "DESTINATION_IPS": (),
    "DESTINATION_PORTS": (),
    "SOURCE_PORTS": (),
}
"""ENV that would limit a fault, and those that may be meant where it does not read them."""

_NO_LIMIT = frozenset({("PODS_AFFECTED_PERC", "100"), ("KILL_COUNT", "1")})
"""What is so anyway where nobody reads it."""

_OF_PODS = frozenset({"PODS_AFFECTED_PERC", "TARGET_PODS"})
_ALIKE = 0.7


def parameter_of(fault: Fault, env: str) -> Parameter | None:
    """The parameter behind an ENV: the fault's own, or one that every fault of its kind reads."""
    if env in _OF_PODS and fault.scope != "pod":
        return fault.parameter(env)
    return fault.parameter(env) or next((each for each in EVERYWHERE if each.env == env), None)


def limits_nothing(fault: Fault, env: str, value: str, given: Container[str]) -> bool:
    """Whether one of these ENV, which the fault does not read, would limit it, and nothing given does so."""
    return (env, value) not in _NO_LIMIT and not any(each in given for each in _read_instead(fault, env))


def meant(fault: Fault, env: str, given: Container[str]) -> str:
    """``did you mean X?`` for what the fault reads instead and is not given yet; "" when there is nothing."""
    if env in LIMITS:
        return next((f"did you mean {each}?" for each in _read_instead(fault, env)), "")
    hint = closest(env, [each.env for each in (*fault.parameters, *EVERYWHERE)], likeness=_ALIKE)
    return "" if hint.removeprefix("did you mean ").rstrip("?") in given else hint


def _read_instead(fault: Fault, env: str) -> tuple[str, ...]:
    return tuple(each for each in LIMITS[env] if parameter_of(fault, each) is not None)
