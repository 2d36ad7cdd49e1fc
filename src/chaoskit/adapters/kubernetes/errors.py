"""What a Kubernetes API server or the network answers instead of an answer, in chaoskit's words."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3.exceptions

from chaoskit.errors import (
    CannotStart,
    ChaoskitError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Problem,
    Refused,
    Unavailable,
    cause,
)

SERVICE = "Kubernetes"


class Expired(Unavailable):
    """The server has forgotten the collection's version that was asked for: list again."""


class Unserved(Unavailable):
    """Nobody there knows the path: the server has lost the kind, or it is not the API server that says so."""


_OF_KUBELETS = "pod does not exist"
"""What a kubelet says of a command for a pod that has gone, which the API server hands on as text."""

_SIMPLE: dict[int, type[ChaoskitError]] = {404: NotFound, 409: Conflict}


_BROKEN = 500
"""From here on it is no answer about the request."""
_DENIED = re.compile(r"admission webhook .+ denied the request|ValidatingAdmissionPolicy .+ denied request")


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer that says no: what was attempted, at which server, and what came back."""

    attempted: str
    address: str
    code: int
    message: str
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    retry_after: float | None = None
    unrenewed: str = ""
    """Why what logged in there is no new login though it was time for one."""

    @property
    def causes(self) -> tuple[Mapping[str, Any], ...]:
        """The single causes that the server names, one for each wrong field or blocking budget."""
        return tuple(self.details.get("causes") or ())

    @property
    def about_the_path(self) -> bool:
        """Whether it is a 404 that names no object: anybody on the way to the server says that, too."""
        named = self.details.get("name") or self.message == _OF_KUBELETS
        return self.code == 404 and not named

    @property
    def denied(self) -> bool:
        """Whether a webhook or a policy said no: its code, which the server keeps, is of its own choice."""
        return self.code < _BROKEN and _DENIED.search(self.message) is not None

    def caused_by(self, reason: str) -> bool:
        """Whether one of the causes has that reason."""
        return any(cause.get("reason") == reason for cause in self.causes)


def read_failure(
    attempted: str, address: str, code: int, body: bytes, headers: Mapping[str, str] | None = None
) -> Failure:
    """The failure that an answer of 400 and more tells of: a Status object, or text of a proxy or a mux."""
    text = body.decode("utf-8", "replace").strip()
    status = _status(text)
    return Failure(
        attempted=attempted,
        address=address,
        code=code,
        message=status.get("message") or text[:300] or f"HTTP status {code}",
        reason=status.get("reason") or "",
        details=status.get("details") or {},
        retry_after=_seconds((headers or {}).get("Retry-After")),
    )


def translate(failure: Failure) -> ChaoskitError:
    """The one error of our tree that a failure means."""
    said = f"cannot {failure.attempted}: {failure.message}"
    if failure.code in {401, 403} or failure.denied:
        return _forbidden(failure, said)
    if failure.code in _SIMPLE and not failure.about_the_path:
        return _SIMPLE[failure.code](said)
    match failure.code:
        case 429 if failure.caused_by("DisruptionBudget"):
            return _budget(failure)
        case 500 if "typed patch object" in failure.message:  # 1.20: an apply that lacks a list's key
            return InvalidInput(said, hint="write out the fields that the message names")
        case 400 | 405 | 406 | 413 | 415 | 422:
            return InvalidInput(said, problems=tuple(_problems(failure)))
        case _:
            return _unserved(failure, said) if failure.about_the_path else _unavailable(failure, said)


def translate_transport(attempted: str, address: str, error: Exception, unrenewed: str = "") -> Unavailable:
    """What it means that no answer came at all, with what to look at next.

    Who takes a certificate no more that could not be renewed may just end the connection.
    """
    why = "" if was_never_sent(error) or not unrenewed else f"; the login could not be renewed: {unrenewed}"
    return Unavailable(
        f"cannot {attempted}: {address} {_what_happened(error)}{why}",
        service=SERVICE,
        address=address,
        hint=_where_to_look(error),
        harmless=was_never_sent(error) or is_about_trust(error),
    )


def was_never_sent(error: Exception) -> bool:
    """Whether the request cannot have reached the server: repeating it is safe whatever it does."""
    return isinstance(error, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


def is_about_trust(error: Exception) -> bool:
    """Whether one side does not trust the other's certificate, or one in the kubeconfig cannot be used.

    Trying again will not change that.
    """
    return any(isinstance(each, ssl.SSLCertVerificationError) for each in _chain(error)) or (
        isinstance(error, urllib3.exceptions.SSLError) and bool(_OF_CERTIFICATES.search(str(error)))
    )


_OF_CERTIFICATES = re.compile(r"alert|\bPEM\b|\bX509\b|private key is encrypted|no_start_line", re.IGNORECASE)
"""What OpenSSL says of certificates and keys that the other side refuses, or that it cannot read or join."""


def _status(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.get("kind") == "Status" else {}


def _seconds(retry_after: str | None) -> float | None:
    # The server sends whole seconds; a date (which proxies may send) is answered with our own back-off.
    return float(retry_after) if retry_after and retry_after.isdigit() else None


def _unavailable(failure: Failure, said: str) -> Unavailable:
    kind = Expired if failure.code == 410 else Unavailable
    hint = "the API server sheds load: try again in a moment" if failure.code == 429 else ""
    return kind(
        f"{said} (HTTP {failure.code})",
        service=SERVICE,
        address=failure.address,
        hint=hint,
        harmless=failure.code == 429 or _UNSTORED in failure.message,
    )


def _unserved(failure: Failure, said: str) -> Unserved:
    return Unserved(
        f"{said} (HTTP 404)",
        service=SERVICE,
        address=failure.address,
        hint="check the server's address in the kubeconfig: what answers there may be no API server",
        harmless=True,  # whoever does not know the path has acted on nothing
    )


_UNSTORED = "failed calling webhook"
"""What the server says of an object that it could not have admitted: it is stored only after that."""


_IMPERSONATING = "users[].user.as of the kubeconfig: take it out, or have the right `impersonate` granted"


def _forbidden(failure: Failure, said: str) -> CannotStart:
    if failure.code == 401:
        why = f"; they could not be renewed: {failure.unrenewed}" if failure.unrenewed else ""
        return CannotStart(
            f"cannot {failure.attempted}: {failure.address} does not accept these credentials{why}",
            hint="log in to the cluster again; `kubectl auth can-i --list` shows whether it worked",
        )
    if " cannot impersonate " in failure.message:
        # Not Forbidden: nothing at all can be asked, not even what may be asked.
        return CannotStart(said, hint=_IMPERSONATING)
    a_right_is_missing = " cannot " in failure.message and not failure.denied  # no quota, no admission rule
    hint = "grant that right in a Role and bind it to the user, or use another context"
    return Forbidden(said, hint=hint if a_right_is_missing else "")


def _budget(failure: Failure) -> Refused:
    limits = [cause["message"] for cause in failure.causes if cause.get("reason") == "DisruptionBudget"]
    return Refused(
        f"cannot {failure.attempted}: {failure.message}",
        guard="disruption budget",
        limit="; ".join(limits),
        hint="wait until more of its pods are healthy, or choose another target",
    )


def _problems(failure: Failure) -> Iterator[Problem]:
    name = str(failure.details.get("name") or "")
    for said in failure.causes:
        found, expected = _found_and_expected(str(said.get("message", "")))
        yield Problem(
            path=f"{failure.details.get('kind', 'object')}/{name}",
            field=str(said.get("field", "")),
            found=found,
            expected=expected,
            rule=str(said.get("reason", "")),
        )


_VALUE = re.compile(
    r"^(?:Invalid|Unsupported|Duplicate) value: (?P<found>.+?)(?:: (?P<expected>.*))?$", re.DOTALL
)


def _found_and_expected(message: str) -> tuple[str, str]:
    if message.startswith("Required value"):
        return "missing", message.partition(": ")[2] or "a value"
    match = _VALUE.match(message)
    if match is None:
        return "not accepted", message
    return match["found"], match["expected"] or "another value"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        reason = getattr(error, "reason", None)
        wrapped = reason if isinstance(reason, BaseException) else None
        error = wrapped or error.__cause__ or error.__context__


def _what_happened(error: Exception) -> str:
    if _is_about_a_proxy(error):
        return f"cannot be reached through the proxy: {cause(error)}"
    match error:
        case urllib3.exceptions.NameResolutionError():
            return "has a name that does not resolve"
        case urllib3.exceptions.SSLError():
            return f"does not complete the TLS handshake: {error}"
        case urllib3.exceptions.NewConnectionError():
            return "does not accept connections"
        case urllib3.exceptions.TimeoutError():
            return "does not answer in time"
        case _:
            return f"cut the connection: {cause(error)}"


def _is_about_a_proxy(error: Exception) -> bool:
    """Whether it is the proxy that did not let it through; the library of SOCKS need not be there."""
    return any(
        isinstance(each, urllib3.exceptions.ProxyError) or type(each).__module__ == "socks"
        for each in _chain(error)
    )


def _where_to_look(error: Exception) -> str:
    if _is_about_a_proxy(error):
        return "check the proxy (proxy-url in the kubeconfig, or HTTPS_PROXY), and the server's address"
    if is_about_trust(error):
        return "check certificate-authority and the client certificate in the kubeconfig"
    return "check the server's address in the kubeconfig and that the cluster runs"
