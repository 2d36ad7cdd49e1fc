"""What the documents say of one another: names that are nowhere beside, accounts without rights, doubles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from chaoskit.documents import Document, Location, closest
from chaoskit.experiments import bindings
from chaoskit.experiments.faults import CATALOGUE, Fault
from chaoskit.experiments.lint.access import SHAPES
from chaoskit.experiments.lint.names import LITMUS, strange
from chaoskit.experiments.lint.rules import Finding, Look
from chaoskit.experiments.lint.tunables import settings
from chaoskit.experiments.versions import named

Access = tuple[str, str, str]
"""(API group, resource, verb)."""


def together(
    documents: Sequence[Document], home: str = "", broken: Sequence[Document] = ()
) -> tuple[Finding, ...]:
    """Everything that documents say of one another; each of them is valid by itself, but for the `broken`.

    `home` is the namespace of those that name none, "" when that is not known.
    """
    looks = [Look(document) for document in documents]
    engines = [look for look in looks if look.document.kind == "ChaosEngine"]
    return (
        *strange([*looks, *map(Look, broken)]),
        *_twice(looks),
        *_stranded(looks, home),
        *(finding for engine in engines for finding in _around(engine, looks)),
    )


def _twice(looks: Iterable[Look]) -> Iterator[Finding]:
    seen: dict[tuple[str, str, str], Look] = {}
    for look in looks:
        key = (look.document.kind, _home(look), _name(look))
        if key[2] and key in seen and seen[key].document.value != look.document.value:
            yield look.say("twice", ("metadata", "name"), "a name of its own")
        seen[key] = look


def _name(look: Look) -> str:
    return look.text(("metadata", "name"))


def _home(look: Look) -> str:
    """The namespace; "" for documents that go where they are told."""
    return look.text(("metadata", "namespace"))


def _near(look: Look, engine: Look) -> bool:
    """Whether both are in one namespace, as far as they say."""
    return not (_home(look) and _home(engine)) or _home(look) == _home(engine)


def _stranded(looks: Sequence[Look], home: str) -> Iterator[Finding]:
    """What is in another namespace than what is run and gives nothing to accounts there: it is not made."""
    runs = {_home(each) or home for each in looks if each.document.kind in _RUN}
    beside = [each for each in looks if each.document.kind in _PLACED]
    bodies = [each.document.value for each in beside]
    for each in beside if "" not in runs else ():
        given = any(bindings.reaches(each.document.value, bodies, run) for run in runs)
        if runs and _home(each) not in {"", *runs} and not given:
            yield each.say("other-namespace", ("metadata", "namespace"), ", ".join(sorted(runs)))


_RUN = frozenset({"ChaosEngine", "Experiment"})
_PLACED = frozenset({"ChaosExperiment", *(kind for kind in SHAPES if not kind.startswith("Cluster"))})
"""Kinds with a namespace that may stand beside an engine."""


def _around(engine: Look, looks: Sequence[Look]) -> Iterator[Finding]:
    """What an engine names, against what stands beside it."""
    definitions = [each for each in looks if each.document.kind == "ChaosExperiment"]
    for index in range(len(engine.items(("spec", "experiments")))):
        place: Location = ("spec", "experiments", index)
        name = engine.text((*place, "name"))
        if name in LITMUS:
            yield from _named(engine, (*place, "name"), "experiment-absent", definitions)
        mine = next((each for each in definitions if _name(each) == name and _near(each, engine)), None)
        yield from _mandatory(engine, place, CATALOGUE.get(name), mine)
        yield from _versions(engine, place, mine)
    accounts = [each for each in looks if each.document.kind == "ServiceAccount"]
    yield from _named(engine, ("spec", "chaosServiceAccount"), "account-absent", accounts)
    yield from _rights(engine, accounts, looks)


def _named(engine: Look, place: Location, rule: str, beside: Sequence[Look]) -> Iterator[Finding]:
    """A name that must be one of those beside, where any of its kind are."""
    name = engine.text(place)
    same = [each for each in beside if _name(each) == name]
    if name and beside and not same:
        names = sorted(_name(each) for each in beside)
        yield engine.say(rule, place, "one of " + ", ".join(names), hint=closest(name, names))


def _mandatory(engine: Look, place: Location, fault: Fault | None, mine: Look | None) -> Iterator[Finding]:
    """What the fault cannot do without must come from the engine or from the ChaosExperiment."""
    if fault is None:
        return
    env: Location = (*place, "spec", "components", "env")
    given = {*settings(engine, env), *(settings(mine, ("spec", "definition", "env")) if mine else ())}
    for parameter in fault.parameters:
        if parameter.mandatory and parameter.env not in given:
            yield engine.say("env-missing", env, parameter.env, found=f"without {parameter.env}")


def _versions(engine: Look, place: Location, mine: Look | None) -> Iterator[Finding]:
    """Helper and experiment of one version."""
    helper = settings(engine, (*place, "spec", "components", "env")).get("LIB_IMAGE")
    image = mine.text(("spec", "definition", "image")) if mine is not None else ""
    if helper is None or "go-runner:" not in helper.value or "go-runner:" not in image:
        return
    (_, helps), (_, runs) = named(helper.value), named(image)
    if helps != runs:
        yield engine.say("image-differs", helper.where, f"version {runs}, as the ChaosExperiment")


def _rights(engine: Look, accounts: Sequence[Look], looks: Sequence[Look]) -> Iterator[Finding]:
    """An account that stands beside is bound to roles that give it what its faults need."""
    place: Location = ("spec", "chaosServiceAccount")
    name = engine.text(place)
    if not any(_name(each) == name and _near(each, engine) for each in accounts):
        return
    binding = [each for each in looks if each.document.kind.endswith("RoleBinding") and _binds(each, name)]
    if not binding:
        yield engine.say("account-unbound", place, f"a binding of {name} beside it")
        return
    roles = {(each.document.kind, _name(each)): each for each in looks}
    here = [b for b in binding if b.document.kind == "ClusterRoleBinding" or _near(b, engine)]
    bound = [roles.get((b.text(("roleRef", "kind")), b.text(("roleRef", "name")))) for b in here]
    known = [each for each in bound if each is not None]
    if len(known) == len(bound):
        missing = [access for access in _needed(engine) if not _given(access, known)]
        if missing:
            yield engine.say("rights-missing", place, f"an account that may {_spelled(missing)}")


def _binds(binding: Look, account: str) -> bool:
    subjects = binding.items(("subjects",))
    return any(s.get("kind") == "ServiceAccount" and s.get("name") == account for s in subjects)


def _needed(engine: Look) -> Iterator[Access]:
    """What the faults of an engine need, in the catalogue's order."""
    for entry in engine.items(("spec", "experiments")):
        fault = CATALOGUE.get(str(entry.get("name")))
        rules = (*fault.rules, *fault.cluster_rules) if fault is not None else ()
        for rule in (each for each in rules if each.common):
            yield from ((rule.group, each, verb) for each in rule.resources for verb in rule.verbs)


def _given(access: Access, roles: Iterable[Look]) -> bool:
    return any(bindings.gives(rule, *access) for role in roles for rule in role.items(("rules",)))


def _spelled(missing: Sequence[Access]) -> str:
    """``patch nodes, create pods/eviction and 2 more``."""
    told = [f"{verb} {resource}" for _, resource, verb in dict.fromkeys(missing)]
    return ", ".join(told[:3]) + (f" and {len(told) - 3} more" if len(told) > 3 else "")
