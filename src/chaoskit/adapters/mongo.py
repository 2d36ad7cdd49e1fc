"""The shared store: documents in MongoDB, with indexes, retryable writes and SCRAM-SHA-256."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pymongo
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from chaoskit.errors import InvalidInput, NotFound, Unavailable
from chaoskit.ports.store import Document

_WRONG_PASSWORD = 18
_NOT_ALLOWED = 13


class MongoStore:
    """A `Store` in the database that `uri` names (``chaoskit`` when it names none).

    A user in the URI is authenticated with SCRAM-SHA-256 unless the URI asks for another mechanism.
    Writes are retried once by the driver, which needs a replica set or a sharded cluster.

    Raises:
        Unavailable: no server answers in `timeout` seconds, or it refuses the user.
        InvalidInput: the URI is none.
    """

    def __init__(self, uri: str, *, timeout: float = 5.0) -> None:
        self.name = without_secrets(uri)
        with self._translated():
            self._client: pymongo.MongoClient[Document] = pymongo.MongoClient(
                uri,
                serverSelectionTimeoutMS=int(timeout * 1000),
                connectTimeoutMS=int(timeout * 1000),
                retryWrites=True,
                tz_aware=True,
                appname="chaoskit",
                **_mechanism(uri),
            )
        self._documents = self._client.get_default_database("chaoskit")["documents"]
        self._indexed = False
        with self._translated():
            try:
                self._client.admin.command("ping")
            except BaseException:
                self._client.close()
                raise

    def put(self, document: Document) -> None:
        """The document is kept; one of the same kind and id is replaced."""
        key, kept = _kept(document)
        self._index()
        with self._translated():
            self._documents.replace_one(key, kept, upsert=True)

    def get(self, kind: str, id: str) -> Document:  # noqa: A002 - the document's own word
        """The document of that id, or the only one whose id begins so."""
        return _given(self._one(kind, id))

    def find(
        self,
        kind: str = "",
        where: Mapping[str, Any] | None = None,
        *,
        since: datetime | None = None,
        limit: int = 0,
    ) -> tuple[Document, ...]:
        """Those whose top-level fields equal `where`, newest first."""
        query: dict[str, Any] = {**({"kind": kind} if kind else {}), **(where or {})}
        if since:
            query["sort"] = {"$gte": since.astimezone(UTC).isoformat(timespec="microseconds")}
        with self._translated():
            found = self._documents.find(query).sort([("sort", -1), ("id", -1)]).limit(limit)
            return tuple(_given(each) for each in found)

    def latest(self, kind: str, where: Mapping[str, Any] | None = None) -> Document | None:
        """The newest that matches, or None."""
        return next(iter(self.find(kind, where, limit=1)), None)

    def append(self, kind: str, id: str, field: str, entries: Iterable[Any]) -> None:  # noqa: A002
        """The list in `field` of a kept document has these at its end."""
        key = {"kind": kind, "id": self._one(kind, id)["id"]}
        with self._translated():
            self._documents.update_one(key, {"$push": {field: {"$each": list(entries)}}})

    def dump(self) -> Iterator[Document]:
        """Every document, oldest first."""
        with self._translated():
            for each in self._documents.find().sort([("sort", 1), ("id", 1)]):
                yield _given(each)

    def load(self, documents: Iterable[Document]) -> int:
        """So many were put."""
        writes = [pymongo.ReplaceOne(*_kept(document), upsert=True) for document in documents]
        if writes:
            self._index()
            with self._translated():
                self._documents.bulk_write(writes)
        return len(writes)

    def close(self) -> None:
        """The connections are closed."""
        self._client.close()

    def _index(self) -> None:
        """The indexes are there; made before the first write, since who may only read may not make them."""
        if self._indexed:
            return
        with self._translated():
            self._documents.create_indexes(
                [
                    pymongo.IndexModel([("kind", 1), ("id", 1)], name="by_id", unique=True),
                    pymongo.IndexModel([("kind", 1), ("sort", -1)], name="by_time"),
                    pymongo.IndexModel([("trace_id", 1), ("sort", -1)], name="by_lineage"),
                ]
            )
        self._indexed = True

    def _one(self, kind: str, wanted: str) -> Document:
        until = wanted + "\uffff"
        with self._translated():
            query = {"kind": kind, "id": {"$gte": wanted, "$lt": until}}
            found = list(self._documents.find(query).sort("id", 1).limit(2)) if wanted else []
        exact = [each for each in found if each["id"] == wanted] or found
        if len(exact) != 1:
            what = f"more than one {kind} begins with {wanted}" if exact else f"there is no {kind} {wanted}"
            raise NotFound(what, hint="chaoskit history lists what is kept")
        return exact[0]

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (ConfigurationError, ValueError) as error:
            raise InvalidInput(
                f"the store {self.name} is no MongoDB address: {error}",
                hint="mongodb://USER:PASSWORD@HOST:PORT/DATABASE?replicaSet=NAME",
            ) from error
        except PyMongoError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: PyMongoError) -> Unavailable:
        code = error.code if isinstance(error, OperationFailure) else None
        if code in {_WRONG_PASSWORD, _NOT_ALLOWED}:
            says = "refuses the user" if code == _WRONG_PASSWORD else "does not allow this to the user"
            hint = "check user, password, authSource and roles (readWrite on the database)"
        elif isinstance(error, ServerSelectionTimeoutError):
            says, hint = "does not answer", "is it running, is a primary elected, is TLS asked for?"
        else:
            says, hint = f"failed: {type(error).__name__}", "see the server's log"
        detail = str(error).partition(", Timeout:")[0]
        return Unavailable(
            f"the store {self.name} {says}: {detail}", service="store", address=self.name, hint=hint
        )


def _mechanism(uri: str) -> dict[str, Any]:
    asks = "authmechanism" in uri.lower()
    return {"authMechanism": "SCRAM-SHA-256"} if "@" in urlsplit(uri).netloc and not asks else {}


def without_secrets(uri: str) -> str:
    """The URI without user, password and options, for messages.

    Up to the last @, not as a URI is read: the slash of a password that is not escaped ends its host.
    """
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


def _kept(document: Document) -> tuple[dict[str, str], Document]:
    """(key, document as it is kept): `sort` is the time in UTC, so that text order is time order."""
    try:
        key = {"kind": document["kind"], "id": document["id"]}
        at = datetime.fromisoformat(document["at"]).astimezone(UTC)
    except KeyError as missing:
        raise InvalidInput(f"a document without {missing} cannot be kept") from missing
    return key, {**document, "sort": at.isoformat(timespec="microseconds")}


def _given(kept: Document) -> Document:
    return {name: value for name, value in kept.items() if name not in {"_id", "sort"}}
