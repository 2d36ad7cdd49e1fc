"""Lists in pieces: the continue token, and which piece of a list it asks for."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass

from chaoskit.simulator.apiserver import apierrors
from chaoskit.simulator.apiserver.store import Version

_FORMAT = "meta.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Token:
    """Where a list goes on: after a namespace and name, as of a revision."""

    revision: int
    namespace: str
    name: str

    def text(self) -> str:
        """As a client hands it back."""
        start = f"{self.namespace}/{self.name}\0"
        fields = json.dumps({"v": _FORMAT, "rv": self.revision, "start": start}, separators=(",", ":"))
        return base64.urlsafe_b64encode(fields.encode()).rstrip(b"=").decode()


def read(text: str) -> Token:
    """The token in `text`; 400 when it is none."""
    try:
        fields = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        namespace, _, name = fields["start"].rstrip("\0").rpartition("/")
        return Token(int(fields["rv"]), namespace, name)
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise apierrors.bad_request(
            f"invalid continue token: continue key is not valid: {_why(text)}"
        ) from error


def _why(text: str) -> str:
    """Go's complaint about the first byte of what is no token."""
    try:
        first = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[:1]
    except binascii.Error:
        return "illegal base64 data"
    shown = f"\\x{first[0]:02x}" if first and first[0] > 126 else first.decode()
    return f"invalid character '{shown}' looking for beginning of value"


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a list; `token` is empty at its end, `remaining` counts what is after it."""

    items: Sequence[Version]
    token: str
    remaining: int


def page(items: Sequence[Version], after: Token | None, limit: int | None, revision: int) -> Page:
    """At most `limit` of `items` (in order) that come after a token."""
    if after is not None:
        start = (after.namespace, after.name)
        items = [item for item in items if (item.namespace, item.name) > start]
    if not limit or len(items) <= limit:
        return Page(items, "", 0)
    last = items[limit - 1]
    token = Token(revision, last.namespace, last.name).text()
    return Page(items[:limit], token, len(items) - limit)
