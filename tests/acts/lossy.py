"""A server on loopback that keeps what it is sent, and cuts the answer to the first patch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acts.fake import FakeCluster
from tests.wire import Answer, Asked, kubeconfig_of, scripted

from chaoskit import kube
from chaoskit.adapters.kubernetes import connect
from chaoskit.clock import ManualClock
from chaoskit.errors import ChaoskitError, Conflict, NotFound
from chaoskit.ports.cluster import Cluster, Kind, ObjectRef

_KINDS = (kube.LEASE, kube.CONFIG_MAP, kube.SECRET, kube.DEPLOYMENT, kube.NODE)


class Lossy:
    """A server before these objects; it knows few kinds."""

    def __init__(self, stored: FakeCluster) -> None:
        self.stored = stored
        self.patches = 0

    def __call__(self, asked: Asked) -> Answer:
        *root, last = asked.path.partition("?")[0].strip("/").split("/")
        if (root, last) == ([], "apis"):
            return Answer(body={"groups": [_group(each.group) for each in _KINDS if each.group]})
        if len(root) < 3:
            return Answer(body={"resources": [_resource(each) for each in _KINDS]})
        (kind,) = (each for each in _KINDS if each.plural == root[-1])
        try:
            return self._answered(asked, ObjectRef(kind, root[-2] if kind.namespaced else "", last))
        except (NotFound, Conflict) as error:
            return _failed(409 if isinstance(error, Conflict) else 404, error, last)

    def _answered(self, asked: Asked, ref: ObjectRef) -> Answer:
        match asked.method:
            case "PATCH":
                self.patches += 1
                how = "json" if "json-patch" in asked.headers["Content-Type"] else "merge"
                body = self.stored.patch(ref, json.loads(asked.body), type=how)
                return Answer(cut=self.patches == 1, body=body)
            case "DELETE":
                self.stored.delete(ref)
                return Answer(body={})
        return Answer(body=self.stored.get(ref))


def _group(name: str) -> dict[str, object]:
    return {"name": name, "versions": [{"version": "v1"}], "preferredVersion": {"version": "v1"}}


def _resource(kind: Kind) -> dict[str, object]:
    return {"name": kind.plural, "kind": kind.name, "namespaced": kind.namespaced}


def _failed(code: int, error: ChaoskitError, name: str) -> Answer:
    status = {"kind": "Status", "code": code, "message": str(error)}
    return Answer(code, {**status, "details": {"name": name}})


@contextmanager
def connected(folder: Path, server: Lossy) -> Iterator[Cluster]:
    """The cluster that is reached through the server."""
    with (
        scripted(server) as wire,
        connect(kubeconfig_of(folder / "kubeconfig", wire.url), clock=ManualClock()) as cluster,
    ):
        yield cluster
