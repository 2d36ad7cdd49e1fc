"""A plan as a file: the documents as they were, and the hashes that must still hold when it is run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaoskit import files
from chaoskit.documents import Document
from chaoskit.errors import InvalidInput, Refused, UnknownName, cause
from chaoskit.experiments.planning import Plan, refuse_short
from chaoskit.ports.cluster import SYSTEM, Identity

SCHEMA = "chaoskit.io/planfile/v1"


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What was planned: `documents` with `namespace` for those that name none, and each plan's hash.

    `cluster` is where; None in a file of a version that did not say so.
    """

    hash: str
    namespace: str
    documents: tuple[Document, ...]
    hashes: tuple[str, ...]
    cluster: Identity | None = None


def hash_of(plans: Sequence[Plan]) -> str:
    """One hash for all of them; a single plan's is its own."""
    if len(plans) == 1:
        return plans[0].hash
    return hashlib.sha256("".join(each.hash for each in plans).encode()).hexdigest()[:12]


def write(path: Path, documents: Sequence[Document], plans: Sequence[Plan], namespace: str) -> str:
    """The plan is in the file, which only its owner can read: documents may hold secrets. Its hash.

    Raises:
        InvalidInput: the file cannot be written.
    """
    found = hash_of(plans)
    whole = {
        "schema": SCHEMA,
        "hash": found,
        "namespace": namespace,
        "documents": [
            {"path": each.path, "value": each.value, "secrets": sorted(each.secrets)} for each in documents
        ],
        "plans": [each.document() for each in plans],
    }
    files.write(path, json.dumps(whole, indent=2).encode(), private=True)
    return found


def read(path: Path) -> PlanFile:
    """The plan that the file holds.

    Raises:
        InvalidInput: it is none.
    """
    hint = "chaoskit plan FILES --out PLAN writes one; chaoskit run FILES needs none"
    try:
        return _understood(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InvalidInput(f"{path} is no plan: {cause(error)}", hint=hint) from error
    except ValueError as error:
        raise InvalidInput(f"{path} is no plan: it is not JSON", hint=hint) from error
    except (KeyError, TypeError, AttributeError) as error:
        words = "it is not as chaoskit plan writes it"
        raise InvalidInput(f"{path} is no plan: {words}", hint=hint) from error


def _understood(whole: dict[str, Any]) -> PlanFile:
    if whole["schema"] != SCHEMA:
        raise KeyError(SCHEMA)
    documents = tuple(
        Document(each["path"], each["value"], {}, {}, secrets=frozenset(each.get("secrets", ())))
        for each in whole["documents"]
    )
    hashes = tuple(str(each["hash"]) for each in whole["plans"])
    where = next((Identity(**each["cluster"]) for each in whole["plans"] if "cluster" in each), None)
    return PlanFile(str(whole["hash"]), str(whole["namespace"]), documents, hashes, where)


def refuse_elsewhere(name: str, made_for: Identity, here: Identity) -> None:
    """The plan of that name was made for this cluster.

    Raises:
        Refused: it was made for another, or nobody can tell; the message names both.
    """
    if not made_for.same(here):
        choose = "choose that with --context or --kubeconfig, or plan again here: chaoskit plan"
        grant = f"plan again here; who may read namespace {SYSTEM} (plan --rbac) knows clusters by uid"
        raise Refused(
            f"plan {name} was made for cluster {made_for}; this is {here}",
            guard="plan drift",
            limit="the cluster that it was made for",
            hint=choose if made_for.uid and here.uid else grant,
        )


def find(folder: Path, wanted: str) -> PlanFile:
    """The kept plan whose hash begins so, or the one in a file of that name.

    Raises:
        UnknownName: there is none.
        InvalidInput: too little of the hash, or more than one begins so.
    """
    if Path(wanted).is_file():
        return read(Path(wanted))
    refuse_short(wanted)
    found = sorted(folder.glob(f"{wanted}*.json"))
    if len(found) > 1:
        raise InvalidInput(f"more than one plan begins with {wanted}")
    if not found:
        raise UnknownName(f"there is no plan {wanted} here", hint="chaoskit plan FILES makes one")
    return read(found[0])
