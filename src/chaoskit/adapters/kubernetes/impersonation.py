"""As whom the API server is to take the requests: the `as` fields of a kubeconfig's user, as in kubectl."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError

from chaoskit.errors import CannotStart

_HINT = "look at users[].user in the kubeconfig: what begins with `as` says whom chaoskit acts as"


class Impersonation(BaseModel):
    """Somebody else whom a login acts as: only what that one may do is allowed then; "" is nobody else."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: StrictStr = Field(default="", alias="as")
    uid: StrictStr = Field(default="", alias="as-uid")
    groups: tuple[StrictStr, ...] = Field(default=(), alias="as-groups")
    more: Mapping[StrictStr, tuple[StrictStr, ...]] = Field(default={}, alias="as-user-extra")

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What each request says of it; a header that has several values stands there several times."""
        return tuple(self._headers())

    def _headers(self) -> Iterator[tuple[str, str]]:
        if self.name:
            yield "Impersonate-User", self.name
        if self.uid:
            yield "Impersonate-Uid", self.uid
        for group in self.groups:
            yield "Impersonate-Group", group
        for key, values in sorted(self.more.items()):
            for value in values:
                yield f"Impersonate-Extra-{quote(key, safe=_IN_A_NAME)}", value


_IN_A_NAME = "!#$&'*+^`|"
"""What the name of a header may have beside letters, digits and what is never quoted; no percent sign."""

NOBODY_ELSE = Impersonation()


def impersonation(user: Mapping[str, Any], where: str) -> Impersonation:
    """Whom that user of the kubeconfig `where` acts as.

    Raises:
        CannotStart: a field has another shape, or there are groups, a uid or more but no name.
    """
    said = {key: value for key, value in user.items() if value is not None}
    try:
        wanted = Impersonation.model_validate(said)
    except ValidationError as error:
        fields = ", ".join(dict.fromkeys(str(each["loc"][0]) for each in error.errors()))
        raise CannotStart(
            f"the kubeconfig {where} cannot be used: its {fields} is no such field", hint=_HINT
        ) from None
    if wanted.headers and not wanted.name:
        words = f"the kubeconfig {where} has groups, a uid or more to act with, and no user to act as"
        raise CannotStart(words, hint=_HINT)
    if not all(value.isprintable() for _, value in wanted.headers):
        words = f"the kubeconfig {where} has a line break in the name of whom to act as"
        raise CannotStart(words, hint=_HINT)
    return wanted
