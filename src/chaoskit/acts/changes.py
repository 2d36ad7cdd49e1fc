"""One thing to be done to one target: its undo is said before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chaoskit import kube
from chaoskit.acts import fields
from chaoskit.acts.entries import Entry
from chaoskit.acts.fields import Path
from chaoskit.clock import Clock
from chaoskit.errors import Conflict
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.secretforms import HIDDEN


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to `target`, in `words`; its `entries` are to be in a ledger before `do` is called.

    `do` answers False when there was nothing to change any more, and raises when it could not be done; what
    is written here may be done twice, a signal that is sent may not. `idle`: so it was when it was planned.
    """

    target: ObjectRef
    words: str
    do: Callable[[], object]
    entries: tuple[Entry, ...] = ()
    idle: bool = False


def field(
    cluster: Cluster,
    clock: Clock,
    body: Object,
    ref: ObjectRef,
    path: Path,
    after: Any,
    *,
    secret: bool = False,
) -> Change:
    """The field at `path` gets another value (None: is removed), if it still holds the present one then."""
    before = fields.value_at(body, path)
    name = ".".join(path)

    def wanted(present: Any) -> Any:
        if present not in (before, after):
            raise Conflict(f"{name} of {ref} has another value than a moment ago")
        return after

    shown = _sized if secret else _shown
    words = f"{ref} {name} {shown(before)} to {shown(after)}"
    entry = Entry("field", ref, path, before, after, secret=secret)
    return Change(
        ref,
        words,
        lambda: fields.set_at(cluster, clock, ref, path, wanted),
        (entry,),
        idle=before == after,
    )


def element(
    cluster: Cluster, clock: Clock, body: Object, ref: ObjectRef, path: Path, added: Mapping[str, Any]
) -> Change:
    """The list at `path` has one more element; one that is there already is nobody's to remove later."""

    def has(elements: Any) -> bool:
        return any(added.items() <= each.items() for each in elements or ())

    def wanted(present: Any) -> Any:
        return present if has(present) else [*(present or ()), dict(added)]

    words = f"{ref} {'.'.join(path)} gets {' '.join(map(str, added.values()))}"
    idle = has(fields.value_at(body, path))
    entries = () if idle else (Entry("element", ref, path, after=dict(added)),)
    return Change(ref, words, lambda: fields.set_at(cluster, clock, ref, path, wanted), entries, idle=idle)


def made(cluster: Cluster, body: Object, run: str) -> Change:
    """The object exists and carries the label of `run`."""
    body = kube.managed(body, run)
    ref = kube.ref_of(body)

    def create() -> None:
        try:
            cluster.create(body)
        except Conflict:
            if kube.labels_of(cluster.get(ref)).get(kube.RUN_LABEL) != run:
                raise

    return Change(ref, f"{ref} made", create, (Entry("created", ref, after=run),))


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}={each}" for key, each in value.items())
    return "nothing" if value is None else str(value)


def _sized(value: Any) -> str:
    """How long a secret file is; of a word its length would tell something."""
    lines = len(str(value).strip().splitlines())
    return "nothing" if value is None else f"{lines} lines" if lines > 1 else HIDDEN
