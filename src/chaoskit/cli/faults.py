"""List the faults, or show one with its parameters and undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaoskit.cli.render import columns, emit, next_step, told
from chaoskit.cli.session import Session, command, new_app
from chaoskit.documents import closest
from chaoskit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from chaoskit.experiments.faults import Fault, Parameter, Rule, Value

app = new_app(__doc__)


@command(
    app,
    places=(),
    examples=(
        "chaoskit faults",
        "chaoskit faults show pod-network-loss",
        "chaoskit faults -o json",
    ),
)
def faults(
    session: Session,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[show] NAME", help="Show this one; all when left out.")
    ] = None,
) -> None:
    """List the faults that experiments can name, or show one: parameters, severities, rights, undo."""
    from chaoskit.experiments.direct.faults import EVERY

    kind = _asked(words or [])
    if not kind:
        emit(session, "faults", {"faults": [_plain(each) for each in EVERY.values()]}, _list)
        return
    if kind not in EVERY:
        near = closest(kind, EVERY)
        raise InvalidInput(f"there is no fault {kind}", hint=near or "chaoskit faults lists them")
    fault = EVERY[kind]
    emit(session, "fault", _plain(fault), lambda out: _one(out, fault))


def _asked(words: list[str]) -> str:
    """The fault that is asked for, "" for all: ``show`` before it says nothing more."""
    names = words[1:] if words and words[0] == "show" else words
    if len(names) > 1 or words == ["show"]:
        raise typer.BadParameter("name one fault: chaoskit faults show pod-delete")
    return names[0] if names else ""


def _plain(fault: Fault) -> dict[str, Any]:
    return {**fault.document(), "engines": list(_engines(fault))}


def _engines(fault: Fault) -> tuple[str, ...]:
    """Who can inject it."""
    from chaoskit.experiments.direct.faults import DIRECT
    from chaoskit.experiments.faults import CATALOGUE

    ways = {"litmus": CATALOGUE, "direct": DIRECT}
    return tuple(name for name, faults in ways.items() if fault.kind in faults)


def _list(out: Console) -> None:
    from chaoskit.experiments.direct.faults import EVERY

    rows = [
        (each.kind, each.failure, each.scope, ", ".join(_engines(each)), each.purpose)
        for each in EVERY.values()
    ]
    columns(out, ("fault", "failure", "hits", "engine", "purpose"), rows, wrap=4)
    next_step(out, "chaoskit faults show pod-delete")


def _one(out: Console, fault: Fault) -> None:
    told(out, f"{fault.kind}  ", fault.purpose, style="bold")
    for name, value in _facts(fault):
        told(out, f"{name:<12} ", value)
    rows = [
        (p.name, p.default or ("mandatory" if p.mandatory else "-"), p.expected, p.env, _meaning(p))
        for p in fault.parameters
    ]
    columns(out, ("parameter", "default", "expected", "env", "meaning"), rows, wrap=4)
    presets = [(severity, _spelled(values)) for severity, values in fault.presets.items()]
    rights = [
        (where, rule.group or "core", ", ".join(rule.resources), ", ".join(rule.verbs))
        for where, rule in _rules(fault)
    ]
    if presets:
        out.print()
        columns(out, ("severity", "sets"), presets, wrap=1)
    if rights:
        out.print()
        columns(out, ("rights in", "group", "resources", "verbs"), rights, wrap=3)


def _facts(fault: Fault) -> list[tuple[str, str]]:
    known = "" if fault.recorded else "; known from its source, not recorded"
    engines = _engines(fault)
    facts = {
        "failure": fault.failure,
        "hits": _HITS[fault.scope],
        "undo": fault.undo,
        "left behind": fault.leftovers,
        "helper": fault.helper,
        "engine": " or ".join(engines),
        "runs as": fault.runs,
        "needs": _needs(fault),
        "never set": "; ".join(f"{env}: {why}" for env, why in fault.harmful.items()),
        "Litmus": f"{fault.since} or newer{known}" if fault.since else "",
    }
    return [(name, value) for name, value in facts.items() if value]


_HITS = {
    "pod": "pods, which can be named",
    "label": "all pods with one label",
    "workload": "workloads with one label",
    "node": "nodes",
}


def _needs(fault: Fault) -> str:
    secrets = [f"secret {name}" for name, _ in fault.secrets]
    return ", ".join([*secrets, *(["another node for its own pods"] if fault.elsewhere else [])])


def _meaning(parameter: Parameter) -> str:
    since = f" (Litmus {parameter.since})" if parameter.since else ""
    return parameter.meaning + since


def _spelled(values: Mapping[str, Value]) -> str:
    return ", ".join(
        f"{name}: {str(value).lower() if isinstance(value, bool) else value}"
        for name, value in values.items()
    )


def _rules(fault: Fault) -> list[tuple[str, Rule]]:
    own = [("namespace", rule) for rule in fault.rules]
    return own + [("cluster", rule) for rule in fault.cluster_rules]
