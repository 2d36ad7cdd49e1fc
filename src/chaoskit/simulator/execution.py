"""Commands in the containers of a real cluster, over one WebSocket each, as ``kubectl exec`` runs them."""

from __future__ import annotations

import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import websocket

from chaoskit.simulator.api import ApiError

_PROTOCOLS = ["v4.channel.k8s.io"]
_STDOUT, _STDERR, _ERROR = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Executed:
    """How a command ended: its exit code, and what it wrote."""

    code: int
    stdout: str = ""
    stderr: str = ""


def path(pod_path: str, container: str, command: Sequence[str]) -> str:
    """Where a command of a container is asked for, below the API server's address."""
    asked = [("stdout", "true"), ("stderr", "true"), ("container", container)]
    return f"{pod_path}/exec?{urlencode([*asked, *(('command', word) for word in command)])}"


def execute(url: str, headers: Sequence[str], tls: dict[str, Any], seconds: float) -> Executed:
    """The command of `url` (``wss://…``) has ended.

    Raises `ApiError`: the server's refusal, 504 when there is no end within `seconds`, 503 for a connection
    that broke, 500 for a command that could not be started.
    """
    try:
        connection = websocket.create_connection(
            url, timeout=seconds, header=list(headers), subprotocols=_PROTOCOLS, sslopt=tls
        )
    except websocket.WebSocketBadStatusException as error:
        raise _refusal(error) from error
    except (websocket.WebSocketException, OSError) as error:
        raise ApiError(503, "ServiceUnavailable", str(error)) from error
    try:
        return _ended(_channels(connection))
    finally:
        connection.shutdown()  # type: ignore[no-untyped-call]  # close() leaves it open if the server hung up


def tls_options(authority: str | None, certificate: str | None, key: str | None, *, verify: bool) -> Any:
    """TLS as a kubeconfig asks for it, in the WebSocket library's words."""
    told = {"ca_certs": authority, "certfile": certificate, "keyfile": key}
    options: dict[str, Any] = {name: value for name, value in told.items() if value}
    return options if verify else options | {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}


def _channels(connection: websocket.WebSocket) -> dict[int, bytes]:
    """What came on each channel until the server had no more to say."""
    came = dict.fromkeys((_STDOUT, _STDERR, _ERROR), b"")
    try:
        while frame := connection.recv():
            data = frame.encode() if isinstance(frame, str) else frame
            came[data[0]] = came.get(data[0], b"") + data[1:]
    except websocket.WebSocketTimeoutException as error:
        raise ApiError(504, "Timeout", "the command does not end") from error
    except websocket.WebSocketConnectionClosedException:
        pass  # a server may hang up without a closing frame
    except (websocket.WebSocketException, OSError) as error:
        raise ApiError(503, "ServiceUnavailable", str(error)) from error
    return came


def _ended(came: dict[int, bytes]) -> Executed:
    status = json.loads(came[_ERROR] or "{}")
    out, err = (came[channel].decode(errors="replace") for channel in (_STDOUT, _STDERR))
    if status.get("status") == "Success":
        return Executed(0, out, err)
    for cause in (status.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode":
            return Executed(int(cause["message"]), out, err)
    raise ApiError(500, "InternalError", status.get("message") or "the command ended without a status")


def _refusal(error: websocket.WebSocketBadStatusException) -> ApiError:
    text = (error.resp_body or b"").decode(errors="replace")
    try:
        status = json.loads(text)
    except ValueError:
        status = {"message": text.strip()}
    return ApiError(error.status_code, status.get("reason", ""), status.get("message", ""))
