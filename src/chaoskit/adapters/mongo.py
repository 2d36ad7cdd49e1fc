"""The shared store: documents in MongoDB, with indexes, retryable writes and SCRAM-SHA-256."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pymongo
from bson import ObjectId
from bson.errors import BSONError
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from chaoskit.amending import joined, tells_of_an_act
from chaoskit.errors import InvalidInput, NotTaken, Unavailable, UnknownName
from chaoskit.ports.store import Ages, Document

_WRONG_PASSWORD = 18
_NOT_ALLOWED = 13
_DISK_FULL = 14031
_TOO_LARGE = {10334, 17280, 17419}
_TIME = (("sort", -1), ("id", -1))
"""Newest first, and in one order where two are of one moment; every index by time ends with it."""

SOON = 3.0
"""Seconds in which a write is answered: whoever writes has something else to do."""

_WRITTEN = "written"
"""Field of what is kept that every write changes: a join of what was read takes the place of that alone."""

_OURS = {"_id", "sort", "expires", _WRITTEN}
"""Fields that the store adds, and gives to nobody."""

_WORDS = 200
"""So much of what the driver says of a document is told: it may hold the document itself."""


class MongoStore:
    """A `Store` in the database that `uri` names (``chaoskit`` when it names none).

    A user in the URI is authenticated with SCRAM-SHA-256 unless the URI asks for another mechanism.
    Writes are retried once by the driver, which needs a replica set or a sharded cluster. `ca` is the bundle
    that the server's certificate is checked with, `certificate` the client's own, with its key: with either
    of them TLS is spoken. The server drops what was put longer ago than its kind's age in `ages`.

    Raises:
        Unavailable: no server answers in `timeout` seconds, or it refuses the user.
        InvalidInput: the URI is none, or a certificate cannot be read.
    """

    def __init__(
        self,
        uri: str,
        *,
        timeout: float = 5.0,
        ca: str = "",
        certificate: str = "",
        ages: Ages = MappingProxyType({}),
    ) -> None:
        self.name = without_secrets(uri)
        self._ages = ages
        with self._translated(), _readable(self.name):
            self._client: pymongo.MongoClient[Document] = pymongo.MongoClient(
                uri,
                serverSelectionTimeoutMS=int(timeout * 1000),
                connectTimeoutMS=int(timeout * 1000),
                retryWrites=True,
                tz_aware=True,
                appname="chaoskit",
                **_mechanism(uri),
                **_tls(ca, certificate),
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
        """The document is kept, as the port says; a server that is silent for `SOON` seconds is told of."""
        key, kept = self._kept(document)
        self._index()
        with self._translated(), self._taken(f"{key['kind']} {key['id']}"), pymongo.timeout(SOON):
            if not tells_of_an_act(document):
                self._documents.replace_one(key, kept, upsert=True)
                return
            while not self._joined(key, document):
                pass  # until the time is over

    def _joined(self, key: Mapping[str, str], document: Document) -> bool:
        """Whether it was joined to what is there; False when another process wrote that meanwhile."""
        there = self._documents.find_one(key)
        whole = document if there is None else joined(_given(there), document)
        read = {**key, _WRITTEN: None if there is None else there.get(_WRITTEN)}
        try:
            self._documents.replace_one(read, self._kept(whole)[1], upsert=True)
        except DuplicateKeyError:
            return False
        return True

    def get(self, kind: str, id: str) -> Document:  # noqa: A002 - the document's own word
        """The document of that id, or the only one whose id begins so."""
        return _given(self._one(kind, id))

    def find(
        self,
        kind: str = "",
        where: Mapping[str, Any] | None = None,
        *,
        any_of: Collection[Mapping[str, Any]] = (),
        since: datetime | None = None,
        limit: int = 0,
        fields: Collection[str] = (),
    ) -> tuple[Document, ...]:
        """Those whose top-level fields equal `where`, newest first; with `fields` only these of each."""
        query: dict[str, Any] = {**({"kind": kind} if kind else {}), **(where or {})}
        if any_of:
            query["$or"] = [dict(each) for each in any_of]
        if since:
            query["sort"] = {"$gte": since.astimezone(UTC).isoformat(timespec="microseconds")}
        with self._translated():
            found = self._documents.find(query, dict.fromkeys(fields, 1) or None)
            given = [_given(each) for each in found.sort(_TIME).limit(limit)]
        return tuple({name: each.get(name) for name in fields} if fields else each for each in given)

    def latest(self, kind: str, where: Mapping[str, Any] | None = None) -> Document | None:
        """The newest that matches, or None."""
        return next(iter(self.find(kind, where, limit=1)), None)

    def append(self, kind: str, id: str, field: str, entries: Iterable[Any]) -> None:  # noqa: A002
        """The list in `field` of a kept document has these at its end."""
        key = {"kind": kind, "id": self._one(kind, id)["id"]}
        with self._translated(), self._taken(f"{kind} {key['id']}"), pymongo.timeout(SOON):
            self._documents.update_one(key, self._appended(field, entries))

    @staticmethod
    def _appended(field: str, entries: Iterable[Any]) -> dict[str, Any]:
        return {"$push": {field: {"$each": list(entries)}}, "$set": {_WRITTEN: ObjectId()}}

    def dump(self) -> Iterator[Document]:
        """Every document, oldest first."""
        with self._translated():
            for each in self._documents.find().sort([("sort", 1), ("id", 1)]):
                yield _given(each)

    def load(self, documents: Iterable[Document]) -> int:
        """So many were put."""
        writes = [pymongo.ReplaceOne(*self._kept(document), upsert=True) for document in documents]
        if writes:
            self._index()
            with self._translated(), self._taken("documents"):
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
            with pymongo.timeout(SOON):  # whether it answers: an index of a long history may take its time
                self._client.admin.command("ping")
            self._documents.create_indexes(
                [
                    pymongo.IndexModel([("kind", 1), ("id", 1)], name="by_id", unique=True),
                    pymongo.IndexModel(_TIME, name="by_time_and_id"),
                    pymongo.IndexModel([("kind", 1), *_TIME], name="by_kind_and_time"),
                    pymongo.IndexModel([("trace_id", 1), *_TIME], name="by_lineage_and_time"),
                    pymongo.IndexModel("expires", name="by_age", expireAfterSeconds=0, sparse=True),
                ]
            )
        self._indexed = True

    def _kept(self, document: Document) -> tuple[dict[str, str], Document]:
        """(key, document as it is kept): `sort` is the time in UTC, so that text order is time order."""
        try:
            key = {"kind": document["kind"], "id": document["id"]}
            at = datetime.fromisoformat(document["at"]).astimezone(UTC)
        except KeyError as missing:
            raise InvalidInput(f"a document without {missing} cannot be kept") from missing
        age = self._ages.get(key["kind"])
        expires = {} if age is None else {"expires": datetime.now(UTC) + age}
        return key, {
            **document,
            "sort": at.isoformat(timespec="microseconds"),
            _WRITTEN: ObjectId(),
            **expires,
        }

    def _one(self, kind: str, wanted: str) -> Document:
        until = wanted + "\uffff"
        with self._translated():
            query = {"kind": kind, "id": {"$gte": wanted, "$lt": until}}
            found = list(self._documents.find(query).sort("id", 1).limit(2)) if wanted else []
        exact = [each for each in found if each["id"] == wanted] or found
        if len(exact) != 1:
            what = f"more than one {kind} begins with {wanted}" if exact else f"there is no {kind} {wanted}"
            raise UnknownName(what, hint="chaoskit history lists what is kept")
        return exact[0]

    @contextmanager
    def _taken(self, what: str) -> Iterator[None]:
        """What is written inside is taken; the driver and the server refuse some documents for what they are.

        Raises:
            NotTaken: one is too large, or has what BSON has no form for; what the driver raises then is no
                `PyMongoError`.
        """
        try:
            yield
        except (BSONError, OverflowError, UnicodeError) as error:
            raise self._not_taken(what, error) from error
        except OperationFailure as error:
            if error.code not in _TOO_LARGE:
                raise
            raise self._not_taken(what, error) from error

    def _not_taken(self, what: str, error: Exception) -> NotTaken:
        return NotTaken(f"the store {self.name} does not take the {what}: {str(error)[:_WORDS]}")

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
        elif code == _DISK_FULL:
            says, hint = (
                "has no space left",
                "free its disk, or keep less (prediction_days)",
            )
        elif isinstance(error, ServerSelectionTimeoutError):
            says, hint = _silence(str(error))
        elif error.timeout or isinstance(error, AutoReconnect):  # its own watch found it silent, or gone
            says, hint = "does not answer", _REACHED
        else:
            says, hint = f"failed: {type(error).__name__}", "see the server's log"
        detail = str(error).partition(", Timeout:")[0].partition(" (configured timeouts")[0]
        return Unavailable(
            f"the store {self.name} {says}: {detail}", service="store", address=self.name, hint=hint
        )


def _silence(error: str) -> tuple[str, str]:
    """What it means that no server could be selected, and what to do about it, by what the driver says."""
    found = ((says, hint) for sign, says, hint in _SILENCES if sign in error)
    return next(found, ("does not answer", _REACHED))


_REACHED = "is it running, and may it be reached from here?"

_SILENCES = (
    (
        "CERTIFICATE_VERIFY_FAILED", "has a certificate that is not trusted",
        "name the bundle of its authority with store_ca (or tlsCAFile in the address)",
    ),
    ("SSL", "does not speak TLS as it is asked for", "does the server use TLS, and this version of it?"),
    (
        "connection closed", "closes the connection",
        "it may ask for TLS (store_ca, or tls=true in the address) or for a certificate (store_certificate)",
    ),
    ('"Primary()"', "has no primary", "is a majority of the replica set's members running?"),
    (
        "No replica set members", "has no replica set of that name at these hosts",
        "check replicaSet and the hosts in the address",
    ),
)  # fmt: skip
"""A part of the driver's words, what it means, what to do."""


def _tls(ca: str, certificate: str) -> dict[str, Any]:
    files = {"tlsCAFile": ca, "tlsCertificateKeyFile": certificate}
    given = {name: path for name, path in files.items() if path}
    for path in given.values():
        if not Path(path).is_file():
            raise InvalidInput(f"the certificate {path} of the store is not there")
    return {"tls": True, **given} if given else {}


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """The files that the address of the store `name` speaks of can be read inside."""
    try:
        yield
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else type(error).__name__
        raise InvalidInput(
            f"the address of the store {name} names a file that cannot be used: {error.strerror} ({why})",
            hint="tlsCertificateKeyFile and tlsCAFile in the address, or store_certificate and store_ca",
        ) from error


def _mechanism(uri: str) -> dict[str, Any]:
    asks = "authmechanism" in uri.lower()
    return {"authMechanism": "SCRAM-SHA-256"} if "@" in urlsplit(uri).netloc and not asks else {}


def without_secrets(uri: str) -> str:
    """The URI without user, password and options, for messages.

    Up to the last @, not as a URI is read: the slash of a password that is not escaped ends its host.
    """
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


def _given(kept: Document) -> Document:
    return {name: value for name, value in kept.items() if name not in _OURS}
