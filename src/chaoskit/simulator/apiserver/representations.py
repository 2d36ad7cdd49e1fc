"""The forms in which a client may ask for objects: as they are, as a Table, as metadata alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.apiserver.store import Version, dumps
from chaoskit.simulator.apiserver.tables import columns_of
from chaoskit.simulator.objects import Object

Form = Literal["object", "table", "metadata"]

_FORMS: dict[str, Form] = {
    "Table": "table",
    "PartialObjectMetadata": "metadata",
    "PartialObjectMetadataList": "metadata",
}


def form_of(accept: str) -> Form:
    """The first form in an Accept header that is served."""
    for choice in accept.split(","):
        media, *parameters = [part.strip() for part in choice.split(";")]
        named = dict(p.partition("=")[::2] for p in parameters)
        form = _FORMS.get(named.get("as", ""))
        if form is not None and named.get("v") == "v1":
            return form
        if media in {"application/json", "*/*"} and "as" not in named:
            return "object"
    return "object"


class Renderer:
    """Objects of one resource in one form; ages in a Table are as of `now` (Unix seconds)."""

    def __init__(self, resource: Resource, form: Form, now: float, include: str = "") -> None:
        self._resource = resource
        self._form = form
        self._now = now
        self._include = include or "Metadata"

    def one(self, version: Version) -> bytes:
        """One object."""
        if self._form == "table":
            return dumps(self._table([version], {"resourceVersion": str(version.revision)}))
        if self._form == "metadata":
            return dumps(_metadata_of(version))
        return self._typed(version)

    def many(self, versions: Sequence[Version], metadata: Object) -> bytes:
        """A list, with the list's own metadata."""
        if self._form == "table":
            return dumps(self._table(versions, metadata))
        if self._form == "metadata":
            items = [_metadata_of(version) for version in versions]
            kind = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
            return dumps({**kind, "metadata": metadata, "items": items})
        custom = self._resource.schema is not None
        parts = [self._typed(v) if custom else v.json for v in versions]
        head = {
            "kind": self._resource.list_kind or f"{self._resource.kind}List",
            "apiVersion": self._resource.api_version,
            "metadata": metadata,
        }
        return dumps(head)[:-1] + b',"items":[' + b",".join(parts) + b"]}"

    def _typed(self, version: Version) -> bytes:
        head = {"kind": self._resource.kind, "apiVersion": self._resource.api_version}
        return dumps(head)[:-1] + b"," + version.json[1:]

    def _table(self, versions: Sequence[Version], metadata: Object) -> Object:
        columns = columns_of(self._resource)
        rows = []
        for version in versions:
            cells = [column.read(version.object, self._now) for column in columns]
            row: Object = {"cells": cells}
            if self._include == "Metadata":
                row["object"] = _metadata_of(version)
            elif self._include == "Object":
                row["object"] = version.object
            rows.append(row)
        return {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "columnDefinitions": [column.definition() for column in columns],
            "rows": rows,
        }


def _metadata_of(version: Version) -> Object:
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": version.object["metadata"],
    }
