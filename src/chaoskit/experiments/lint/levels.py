"""Where a field belongs that is known, but not where it was written: too far in, or too far out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from chaoskit.documents import Location, nearest
from chaoskit.experiments.lint.rules import Finding, Look

if TYPE_CHECKING:
    from chaoskit.experiments.lint.shapes import Shape

Level = tuple[Location, "Shape"]
"""A mapping of a document, and what may stand in it."""

_DEEPEST = 4
"""So many mappings further in is looked: from the root of an engine to the ENV of its experiment."""

_MOST = 10
"""So many entries of a list are looked into: who has more of them has not only lost an indent."""

_TELLING = frozenset({
    "appinfo", "appkind", "applabel", "appns", "components", "definition", "env", "experiments",
    "permissions", "probe", "runner", "selectors", "sidecar", "spec", "tolerations",
})  # fmt: skip
"""Names that say by themselves what they are for, besides those of several words."""


def unknowns(
    look: Look, names: Collection[str], here: Level, above: tuple[Level, ...], likeness: float
) -> Iterator[Finding]:
    """Findings about the fields of a mapping that it does not know; what a bare one lost is told with it."""
    location, shape = here
    homes = ((name, _held(look, (*location, name), names, above)) for name in names)
    unheld = {name: home for name, home in homes if home is not None}
    for name in names:
        if name in unheld:
            yield _misplaced(look, (*location, name), unheld[name][0])
        elif not any(name in known.fields for _, known in unheld.values()):
            yield _unknown(look, (*location, name), shape, above, likeness)


def _held(look: Look, location: Location, beside: Collection[str], above: tuple[Level, ...]) -> Level | None:
    """Where a bare key belongs, further out, when what it would hold stands beside it; None otherwise."""
    name = str(location[-1])
    homes = [
        ((*place, name), known.fields[name])
        for place, known in reversed(above)
        if name in known.fields and look.at((*place, name)) is None
    ]
    lost = {each for each in beside if look.at((*location[:-1], each)) not in (None, "", {}, [])}
    held = (home for home in homes if look.bare(location) and lost & home[1].fields.keys())
    return next(held, None)


def _misplaced(look: Look, location: Location, meant: Location) -> Finding:
    wanted = f"it under {look.spelled(meant[:-1])}" if meant[1:] else "it at the document's root"
    found = "at the wrong level"
    return look.say("field-misplaced", location, wanted, found=found, key=True, meant=meant)


def _unknown(
    look: Look, location: Location, shape: Shape, above: tuple[Level, ...], likeness: float
) -> Finding:
    """A field that the shape does not know: one of old, of another level, misspelt, or nothing like that.

    `likeness` is how alike it must be to a known one to be called misspelt. With an empty field nothing is
    lost: it is no more than unknown.
    """
    former = shape.former.get(str(location[-1]))
    if former is not None:
        return look.say("litmus-1x", location, former, found="unknown", key=True)
    lost = look.at(location) not in (None, "", {}, [])
    meant = _home(look, location, shape, above) if lost else None
    if meant is not None:
        return _misplaced(look, location, meant)
    near = nearest(str(location[-1]), shape.fields, likeness=likeness)
    misspelt = bool(near) and lost
    return look.say(
        "field-misspelt" if misspelt else "field-unknown",
        location,
        "one of " + ", ".join(sorted(shape.fields)),
        found="unknown",
        hint=f"did you mean {near}?" if near else "",
        key=True,
        meant=(*location[:-1], near) if misspelt else None,
    )


def _home(look: Look, location: Location, shape: Shape, above: tuple[Level, ...]) -> Location | None:
    """Where an unknown field belongs; None when no level near knows it, or when it is set there already.

    `shape` is that of the mapping where it stands, `above` those around it, the outermost first. Names that
    may mean anything (`timeout`, `command`) are looked for only where what should hold them stands, though
    it be bare.
    """
    name = str(location[-1])
    here: Level = (location[:-1], shape)
    for place, known in _near(look, here, above, far=_telling(name)):
        inner = known.fields.get(name)
        if inner is None or not inner.fits(look.at(location)) or look.at((*place, name)) is not None:
            continue
        if _telling(name) or look.mapping(place) or look.bare(place):
            return (*place, name)
    return None


def _telling(name: str) -> bool:
    return name in _TELLING or "/" in name or name.lower() != name


def _near(look: Look, here: Level, above: tuple[Level, ...], *, far: bool) -> Iterator[Level]:
    """The levels further in, nearest first; then those further out, `far` with what else is in them."""
    level = [here]
    for _ in range(_DEEPEST if far else 1):
        level = [inner for each in level for inner in _inside(look, *each)]
        yield from level
    for outer in reversed(above):
        yield outer
        if far:
            yield from (each for each in _inside(look, *outer) if each[0] != here[0])


def _inside(look: Look, place: Location, shape: Shape) -> Iterator[Level]:
    """The mappings directly in a level; of a list that has none, the first that it would have."""
    for name, each in shape.fields.items():
        if each.fields and (not each.rare or look.bare((*place, name))):
            yield (*place, name), each
        elif each.kind is list and each.values is not None and each.values.fields:
            count = min(_MOST, max(0 if each.values.rare else 1, len(look.items((*place, name)))))
            yield from (((*place, name, index), each.values) for index in range(count))
