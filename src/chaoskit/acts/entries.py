"""What must be undone, as data and as JSON: one entry for each thing that is about to be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chaoskit import kube
from chaoskit.ports.cluster import Kind, ObjectRef

SPOILT = (LookupError, TypeError, ValueError, AttributeError)
"""What reading an entry raises that another version wrote, or somebody by hand."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to undo, written before it is done.

    `kind` says how: ``created`` (delete it if it carries the label of run `after`), ``field`` (put `before`
    back at `path`, None is absent, while it still holds `after`), ``element`` (take the mapping `after` out
    of the list at `path`), ``rollout`` (put back the pod template of replica set `before` while ours has the
    digest `after`), ``resize`` (give a pod's containers the resources `before` again), ``ready`` (wait until
    a node is Ready, as it has been since `before`, without its service `after`), ``litmus-engine`` (stop it
    and wait until nothing of it is left; `before` carries what to look at). A `secret` entry's `before` and
    `after` are kept in a Secret instead of the Lease. What a `doubted` entry is the undo of may be done yet:
    its answer was lost.
    """

    kind: str
    target: ObjectRef
    path: tuple[str, ...] = ()
    before: Any = None
    after: Any = None
    secret: bool = False
    doubted: bool = False


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of an entry, in `words`: put back, back already, somebody else's by now, gone, or owed."""

    fate: Literal["restored", "as before", "not ours", "gone", "left"]
    words: str


def plain_ref(ref: ObjectRef) -> dict[str, str]:
    """The reference as JSON."""
    return {
        "group": ref.kind.group,
        "kind": ref.kind.name,
        "plural": ref.kind.plural,
        "namespace": ref.namespace,
        "name": ref.name,
        "uid": ref.uid,
    }


def ref_from(plain: Mapping[str, str]) -> ObjectRef:
    """The reference that `plain_ref` wrote; raises KeyError for anything else."""
    kind = kube.KINDS.get(plain["kind"])
    if kind is None or kind.group != plain["group"]:
        kind = Kind(plain["group"], plain["kind"], plain["plural"], bool(plain["namespace"]))
    return ObjectRef(kind, plain["namespace"], plain["name"], plain["uid"])


def plain_entry(entry: Entry) -> dict[str, Any]:
    """The entry as JSON."""
    return {
        "kind": entry.kind,
        "target": plain_ref(entry.target),
        "path": list(entry.path),
        "before": entry.before,
        "after": entry.after,
        "secret": entry.secret,
        **({"doubted": True} if entry.doubted else {}),
    }


def entry_from(plain: Mapping[str, Any]) -> Entry:
    """The entry that `plain_entry` wrote; raises KeyError for anything else."""
    return Entry(
        kind=plain["kind"],
        target=ref_from(plain["target"]),
        path=tuple(plain["path"]),
        before=plain["before"],
        after=plain["after"],
        secret=bool(plain.get("secret")),
        doubted=bool(plain.get("doubted")),
    )
