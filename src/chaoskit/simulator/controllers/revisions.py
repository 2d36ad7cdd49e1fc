"""The history of daemon sets and stateful sets: a ControllerRevision for each template that they had."""

from __future__ import annotations

from collections.abc import Iterable

from chaoskit.simulator.api import Api, ApiError, Object
from chaoskit.simulator.controllers import pods
from chaoskit.simulator.controllers.base import Informers, key_of
from chaoskit.simulator.controllers.podcontrol import Claims
from chaoskit.simulator.objects import clone, owned_by

KIND = "ControllerRevision.apps"
HASH = "controller-revision-hash"


class Revisions:
    """Writes a workload's revisions, and forgets the oldest."""

    def __init__(self, api: Api, informers: Informers) -> None:
        self._api = api
        self._known = informers.of(KIND)
        self._claims = Claims(api, KIND, self._known, pods.stays)

    def keep(self, workload: Object, digest: str, label: str, mine: Iterable[Object]) -> None:
        """The present template, of that digest, is the newest revision; `label` is what pods say of it."""
        known = self._claims.of(workload)
        name = f"{workload['metadata']['name']}-{digest}"
        newest = max((one["revision"] for one in known), default=0)
        found = next((one for one in known if one["metadata"]["name"] == name), None)
        if found is None:
            self._create(revision(workload, name, label, newest + 1))
        elif found["revision"] < newest:  # rolled back to
            self._api.patch(KIND, *key_of(found), {"revision": newest + 1})
        current = (workload.get("status") or {}).get("currentRevision")
        used = {label, current, *(pod["metadata"]["labels"].get(HASH) for pod in mine)}
        self._forget(workload, [one for one in known if one["metadata"]["labels"].get(HASH) not in used])

    def template(self, workload: Object, label: str) -> Object | None:
        """The template of the revision that pods call `label`; None when it is forgotten."""
        for one in self._known.find("controller", workload["metadata"]["uid"]):
            if one["metadata"]["labels"].get(HASH) == label:
                template: Object = one["data"]["spec"]["template"]
                return {name: value for name, value in template.items() if name != "$patch"}
        return None

    def _create(self, body: Object) -> None:
        try:
            self._api.create(body)
        except ApiError as error:
            if error.reason != "AlreadyExists":  # the informer has not heard of it yet
                raise

    def _forget(self, workload: Object, unused: list[Object]) -> None:
        kept = workload["spec"].get("revisionHistoryLimit", 10)
        unused.sort(key=lambda one: int(one["revision"]))
        for one in unused[: max(0, len(unused) - kept)]:
            self._api.delete(KIND, *key_of(one), uid=one["metadata"]["uid"])


def revision(workload: Object, name: str, label: str, number: int) -> Object:
    """The ControllerRevision of a workload's present template: a patch that brings it back."""
    meta, template = workload["metadata"], workload["spec"]["template"]
    labels = (template.get("metadata") or {}).get("labels") or {}
    noted = {
        k: v
        for k, v in (meta.get("annotations") or {}).items()
        if not k.endswith("/last-applied-configuration")
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": labels | {HASH: label},
            "annotations": noted,
            "ownerReferences": [owned_by(workload)],
        },
        "data": {"spec": {"template": clone(template) | {"$patch": "replace"}}},
        "revision": number,
    }
