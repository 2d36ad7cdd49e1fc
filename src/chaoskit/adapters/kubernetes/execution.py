"""A command in a container, over the websocket that the official client speaks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import urlencode

import websocket
from kubernetes.stream.ws_client import ERROR_CHANNEL, STDERR_CHANNEL, STDOUT_CHANNEL, WSClient

from chaoskit.adapters.kubernetes import errors
from chaoskit.adapters.kubernetes.transport import Request, Transport
from chaoskit.errors import CannotStart, TimedOut, Unavailable
from chaoskit.ports.cluster import ExecResult


def query(command: Sequence[str], container: str) -> tuple[tuple[str, str], ...]:
    """The query of an exec request: output and errors wanted, no input, no terminal."""
    asked = [("command", each) for each in command] + [("stdout", "true"), ("stderr", "true")]
    return tuple(asked + ([("container", container)] if container else []))


def execute(transport: Transport, request: Request, timeout: float) -> ExecResult:
    """What the command wrote and how it ended.

    Raises:
        TimedOut: it still ran after `timeout` seconds; it may go on running in the container.
        CannotStart: the container has no such command.
    """
    client = _connect(transport, request, timeout)
    try:
        client.run_forever(timeout=timeout)
        if client.is_open():
            raise TimedOut(f"{request.attempted}: no end within {timeout:g} s")
        return ExecResult(
            stdout=client.read_channel(STDOUT_CHANNEL),
            stderr=client.read_channel(STDERR_CHANNEL),
            exit_code=exit_code(client.read_channel(ERROR_CHANNEL), request.attempted),
        )
    except websocket.WebSocketTimeoutException as error:
        raise TimedOut(f"{request.attempted}: no end within {timeout:g} s") from error
    except (websocket.WebSocketException, OSError) as error:
        raise _cut(transport, request, error) from error
    finally:
        client.sock.shutdown()  # its own close() leaves the socket open once the server has hung up


def exit_code(status: str, attempted: str) -> int:
    """The exit code that the server's closing Status tells.

    Raises:
        CannotStart: the command could not be started, with the server's reason.
        Unavailable: the connection ended before it; whether the command was carried out is not known.
    """
    if not status.strip():
        words = f"cannot {attempted}: the connection ended without a status"
        raise Unavailable(words, service=errors.SERVICE)
    told = json.loads(status)
    if told.get("status") == "Success":
        return 0
    for cause in (told.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise CannotStart(f"cannot {attempted}: {told.get('message') or 'the server gives no reason'}")


def _connect(transport: Transport, request: Request, timeout: float) -> WSClient:
    # The client's own helper would make the URL into wss:// and encode the commands; so is it done here.
    url = "ws" + transport.root.removeprefix("http") + request.path + "?" + urlencode(request.query)
    headers = {"authorization": authorization} if (authorization := transport.authorization()) else {}
    try:
        client = WSClient(transport.configuration, url, headers, capture_all=False)
    except websocket.WebSocketBadStatusException as error:
        body = error.resp_body or b""
        failure = errors.read_failure(request.attempted, transport.address, error.status_code, body)
        raise errors.translate(failure) from error
    except (websocket.WebSocketException, OSError) as error:
        raise _cut(transport, request, error) from error
    client.sock.settimeout(timeout)
    return client


def _cut(transport: Transport, request: Request, error: Exception) -> Unavailable:
    return errors.translate_transport(request.attempted, transport.address, error)
