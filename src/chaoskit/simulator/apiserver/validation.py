"""The rules that objects of built-in kinds must keep, on create and on update."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chaoskit.simulator.apiserver import labelling, names, rules
from chaoskit.simulator.apiserver.apierrors import (
    Cause,
    forbidden_field,
    wrong,
)  # fmt: skip
from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.apiserver.strategies import printed
from chaoskit.simulator.objects import Object, dig


def check(resource: Resource, obj: Object) -> list[Cause]:
    """What is wrong with an object as it would be stored; empty when it may be."""
    causes = list(_metadata(resource, obj["metadata"]))
    if resource.rules is not None:
        causes.extend(resource.rules(obj))
    return causes


def check_update(resource: Resource, old: Object, new: Object, subresource: str = "") -> list[Cause]:
    """What may not be changed as `new` would, through the subresource if any; empty when it may be."""
    causes = list(_finalizers(old["metadata"], new["metadata"]))
    if subresource == "resize":
        causes.extend(rules.pod_resize(old["spec"], new["spec"]))
    elif resource.changes is not None:
        causes.extend(resource.changes(old["spec"], new["spec"]))
    for field in resource.fixed:
        before, after = dig(old, *field.split(".")), dig(new, *field.split("."))
        if before != after and before is not None:
            causes.append(wrong(field, printed(after), "field is immutable"))
    return causes


def _metadata(resource: Resource, metadata: Object) -> Iterator[Cause]:
    name = metadata["name"]
    if resource.names == "label":
        good, rule = re.fullmatch(names.LABEL, name), names.BAD_LABEL
    elif resource.names == "path":
        good, rule = re.fullmatch(r"[^/%]+", name), "may not contain '/' or '%'"
    else:
        good, rule = re.fullmatch(names.SUBDOMAIN, name), names.BAD_SUBDOMAIN
    if not good:
        yield wrong("metadata.name", f'"{name}"', rule)
    elif len(name) > 253:
        yield wrong("metadata.name", f'"{name}"', "must be no more than 253 characters")
    yield from labelling.labels("metadata.labels", metadata.get("labels") or {})
    for key in metadata.get("annotations") or ():
        yield from labelling.key("metadata.annotations", key, key.lower())


def _finalizers(old: Object, new: Object) -> Iterator[Cause]:
    before, after = old.get("finalizers") or [], new.get("finalizers") or []
    added = [finalizer for finalizer in after if finalizer not in before]
    if old.get("deletionTimestamp") and added:
        listed = ", ".join(f'"{finalizer}"' for finalizer in added)
        detail = (
            "no new finalizers can be added if the object is being deleted, "
            f"found new finalizers []string{{{listed}}}"
        )
        yield forbidden_field("metadata.finalizers", detail)
