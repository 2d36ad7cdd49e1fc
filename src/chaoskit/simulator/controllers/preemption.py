"""Which pods have to go so that one of a higher priority fits. Pure; budgets do not hold them back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from chaoskit.simulator.api import Object
from chaoskit.simulator.controllers import placement
from chaoskit.simulator.controllers.placement import Used


def choose(
    pod: Object, nodes: Iterable[Object], there: Mapping[str, Sequence[Object]]
) -> tuple[str, list[Object]]:
    """The node where it hurts least, and who is to end there; no node and nobody when that is not enough.

    `there` are the pods by node. Those that end already come first, so that asking again adds nobody.
    """
    named = {node["metadata"]["name"]: node for node in nodes}
    found = [(name, victims(pod, node, there.get(name, ()))) for name, node in named.items()]
    return min((each for each in found if each[1]), key=lambda each: _harm(each[1]), default=("", []))


def victims(pod: Object, node: Object, there: Sequence[Object]) -> list[Object]:
    """Who has to go from the node; as many stay as can, the most important ones first."""
    used, found = Used(), []
    for other in there:
        if priority(other) >= priority(pod):
            used.add(placement.requests(other["spec"]))
    if placement.refusal(pod["spec"], node, used) is not None:
        return []
    for other in sorted((each for each in there if priority(each) < priority(pod)), key=_stays):
        asked = placement.requests(other["spec"])
        used.add(asked)
        if placement.refusal(pod["spec"], node, used) is not None:
            used.add(asked, -1)
            found.append(other)
    return found


def priority(pod: Object) -> int:
    """What its class gives it."""
    return int(pod["spec"].get("priority") or 0)


def ends(pod: Object) -> bool:
    """True when it is on its way out already."""
    return "deletionTimestamp" in pod["metadata"]


def _stays(pod: Object) -> tuple[bool, int, str]:
    return ends(pod), -priority(pod), pod["metadata"]["creationTimestamp"]


def _harm(found: Sequence[Object]) -> tuple[int, int, int]:
    new = [priority(pod) for pod in found if not ends(pod)]
    return max(new, default=-1), sum(new), len(new)
