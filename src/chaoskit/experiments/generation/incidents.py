"""From what happened to the experiment that reproduces it: a recovery's failure, a run's weakness."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from chaoskit.errors import InvalidInput, NotFound
from chaoskit.experiments.generation.candidates import World
from chaoskit.experiments.generation.past import History
from chaoskit.experiments.generation.proposals import INCIDENT, TRACE, Proposal, marked, proposal
from chaoskit.experiments.generation.steady import Measured
from chaoskit.outcome import Outcome
from chaoskit.secretforms import HIDDEN
from chaoskit.topology import Topology


def reproduce(
    incident: Mapping[str, Any],
    topology: Topology,
    *,
    measured: Measured | None = None,
    installed: Collection[tuple[str, str]] | None = None,
    direct: bool = True,
    top: int = 1,
    now: datetime,
) -> tuple[Proposal, ...]:
    """At most `top` experiments that bring about what a kept run or recovery was about, the nearest first.

    Without `direct` only what Litmus can inject is proposed.

    Raises:
        NotFound: the workload of the recovery is not there any more.
        InvalidInput: the record is neither, or its experiment cannot be written out again.
    """
    match incident["kind"]:
        case "run":
            return (_again(incident),)
        case "recovery":
            world = World(topology, History((), now), installed, direct=direct, measured=bool(measured))
            return _of_recovery(incident, world, measured or {}, top)
        case kind:
            raise InvalidInput(
                f"{incident['id']} is a {kind}: an incident is a run or a recovery",
                hint="chaoskit history --kind recovery",
            )


def _again(run: Mapping[str, Any]) -> Proposal:
    """The experiment of a run, as it was."""
    if not run["experiment"]:
        raise InvalidInput(
            f"run {run['id']} died before its document was kept",
            hint="use the file that it was run from",
        )
    if HIDDEN in str(run["experiment"]):
        raise InvalidInput(
            f"the experiment of run {run['id']} had a secret in it, which history does not keep",
            hint="use the file that it was run from",
        )
    targets = ", ".join(run.get("targets") or ()) or run["name"]
    reason = f"{targets} with {run['fault']}: {Outcome(run['outcome']).words} on {run['at'][:10]}"
    why = f": {run['reason']}" if run.get("reason") else ""
    body = marked(run["experiment"], {INCIDENT: run["id"], TRACE: run["trace_id"]})
    return Proposal(1, 1.0, reason + why, body, targets, run["trace_id"])


def _of_recovery(
    recovery: Mapping[str, Any], world: World, measured: Measured, top: int
) -> tuple[Proposal, ...]:
    namespace, target = recovery["namespace"], recovery["target"]
    workload = world.topology.workloads.get((namespace, target))
    if workload is None:
        raise NotFound(f"{target} of {recovery['id']} is not in namespace {namespace} any more")
    failure = recovery["issue"]
    words = f"{failure.replace('-', ' ')} of {target}, {Outcome(recovery['outcome']).words}"
    marks = {INCIDENT: recovery["id"], TRACE: recovery["trace_id"]}
    found = islice(world.of_failure(workload, failure, 1.0, None), top)
    return tuple(
        proposal(
            rank, each, world.topology, measured, marks=marks, trace=recovery["trace_id"],
            reason=f"{each.target} with {each.fault}: {words} on {recovery['at'][:10]}",
        )
        for rank, each in enumerate(found, 1)
    )  # fmt: skip
