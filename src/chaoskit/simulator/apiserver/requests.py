"""What a request asks for: its path taken apart, its query, its body; and what an answer consists of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from chaoskit.simulator.apiserver import apierrors, protobuf
from chaoskit.simulator.apiserver.rbac import User
from chaoskit.simulator.apiserver.store import dumps
from chaoskit.simulator.objects import Object

PROTOBUF = "application/vnd.kubernetes.protobuf"
TRUE = frozenset({"true", "1"})


@dataclass(frozen=True, slots=True)
class Route:
    """Where below ``/api`` or ``/apis`` a path points; empty strings for what it does not name."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""


def route_of(path: str) -> Route | None:
    """The resource that `path` names; None for discovery documents and everything else."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in {"status", "finalize"}:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource, *more = [*rest, "", "", ""][: max(len(rest), 3)]
    return Route(group, version, plural, namespace, name, subresource, "/".join(filter(None, more)))


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, its caller known."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    user: User
    path: str = ""
    query: Mapping[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes, user: User) -> Request:
        """The request with its target split into path and query."""
        parts = urlsplit(target)
        query = parse_qs(parts.query, keep_blank_values=True) if parts.query else {}
        return cls(method, target, headers, body, user, parts.path, query)

    def get(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]

    def flag(self, name: str) -> bool:
        """True when a query parameter says so."""
        return self.get(name) in TRUE

    def number(self, name: str) -> int | None:
        """A query parameter that is a number; 400 when it is something else, None when absent."""
        text = self.get(name)
        if not text:
            return None
        if not text.lstrip("-").isdigit():
            raise apierrors.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
        return int(text)

    @property
    def dry_run(self) -> bool:
        """True when nothing shall be stored; 400 for a directive other than All."""
        given = [value for value in self.query.get("dryRun", []) if value]
        if any(value != "All" for value in given):
            raise apierrors.bad_request(f"dryRun: Unsupported value: {json.dumps(given)}")
        return bool(given)

    @property
    def manager(self) -> str:
        """Who owns what this request writes: the field manager named, or the client's own name."""
        agent = self.headers.get("User-Agent") or "unknown"
        return self.get("fieldManager") or agent.partition("/")[0]

    @property
    def content_type(self) -> str:
        """The media type of the body, without parameters."""
        return (self.headers.get("Content-Type") or "application/json").partition(";")[0].strip()

    def json(self, kind: str) -> Object:
        """The body as an object; 400 in the decoder's words when it is none."""
        if self.content_type == PROTOBUF:
            return self._protobuf(kind)
        try:
            body = json.loads(self.body)
        except ValueError as error:
            body = self._yaml(kind, error)
        if not isinstance(body, dict):
            raise apierrors.bad_request(f"the object provided is unrecognized (must be of type {kind})")
        return body

    def _protobuf(self, kind: str) -> Object:
        try:
            return protobuf.decode(self.body)
        except ValueError as error:
            message = f"the object provided is unrecognized (must be of type {kind}): {error}"
            raise apierrors.bad_request(message) from error

    def _yaml(self, kind: str, error: ValueError) -> Any:
        if "yaml" in self.content_type:
            import yaml

            try:
                return yaml.safe_load(self.body)
            except yaml.YAMLError as bad:
                raise apierrors.bad_request(f"error decoding YAML: {bad}") from bad
        raise apierrors.bad_request(
            f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; "
            f"json parse error: {_go_words(error, self.body.decode(errors='replace'))}"
        ) from error


def _go_words(error: ValueError, text: str) -> str:
    """A JSON error as Go's decoder words it."""
    place = getattr(error, "pos", len(text))
    if place >= len(text):
        return "unexpected end of JSON input"
    where = "object key string" if "property name" in str(error) else "value"
    return f"invalid character '{text[place]}' looking for beginning of {where} ({text})"


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, status: int, value: Any, headers: tuple[tuple[str, str], ...] = ()) -> Response:
        """`value` as JSON."""
        return cls(status, dumps(value), headers=headers)

    @classmethod
    def text(cls, status: int, text: str) -> Response:
        """Plain text."""
        kind = "text/plain; charset=utf-8"
        return cls(status, text.encode(), kind, (("X-Content-Type-Options", "nosniff"),))


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that goes on: each chunk is sent when it comes; None means nothing yet.

    `close` is called when it has ended, or the client has gone.
    """

    chunks: Iterator[bytes | None]
    content_type: str = "application/json"
    close: Callable[[], None] = lambda: None


class PageNotFoundError(Exception):
    """Nothing is served at that path."""


NO_SUCH_PAGE = Response.text(404, "404 page not found\n")
