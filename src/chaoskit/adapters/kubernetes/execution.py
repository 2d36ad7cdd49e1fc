"""A command in a container, over a websocket with Kubernetes' channels."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import urllib3.exceptions
import websocket

from chaoskit.adapters.kubernetes import connections, errors
from chaoskit.adapters.kubernetes.transport import UNAUTHORIZED, Request, Transport
from chaoskit.errors import CannotStart, TimedOut, Unavailable
from chaoskit.ports.cluster import ExecResult

_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDOUT, _STDERR, _STATUS = 1, 2, 3
_DATA = {websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY}


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
    ends = time.monotonic() + timeout
    client = _connect(transport, request, timeout)
    try:
        channels = _read(client, ends)
    except websocket.WebSocketTimeoutException as error:
        raise TimedOut(f"{request.attempted}: no end within {timeout:g} s") from error
    except (websocket.WebSocketException, OSError) as error:
        raise transport.lost(request, error) from error
    finally:
        client.shutdown()  # type: ignore[no-untyped-call]  # a close would wait for the other side
    said = {channel: told.decode("utf-8", "replace") for channel, told in channels.items()}
    return ExecResult(
        stdout=said.get(_STDOUT, ""),
        stderr=said.get(_STDERR, ""),
        exit_code=exit_code(said.get(_STATUS, ""), request.attempted),
    )


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


def _connect(
    transport: Transport, request: Request, timeout: float, *, again: bool = True
) -> websocket.WebSocket:
    shown = transport.shown.now()
    url = "ws" + transport.root.removeprefix("http") + request.path + "?" + urlencode(request.query)
    client = websocket.WebSocket(skip_utf8_validation=True)
    header = [
        f"{name}: {value}" for name, value in transport.caller()
    ]  # it may fail, and nothing is open yet
    try:
        client.connect(  # type: ignore[no-untyped-call]
            url,
            socket=connections.connected(transport.configuration, timeout),
            header=header,
            subprotocols=_PROTOCOLS,
            redirect_limit=0,  # whoever is elsewhere would be shown the login
        )
    except websocket.WebSocketBadStatusException as error:
        if error.status_code == UNAUTHORIZED and again and transport.shown.another(shown):
            return _connect(transport, request, timeout, again=False)
        failure = transport.failure(request, error.status_code, error.resp_body or b"")
        raise errors.translate(failure) from error
    except (websocket.WebSocketException, urllib3.exceptions.HTTPError, OSError) as error:
        raise transport.lost(request, error) from error
    return client


def _read(client: websocket.WebSocket, ends: float) -> Mapping[int, bytearray]:
    """What came in each channel until the server said that this was all.

    A status that has come stands, though the connection then ended in another way.
    """
    channels: defaultdict[int, bytearray] = defaultdict(bytearray)
    while True:
        left = ends - time.monotonic()
        if left <= 0:
            raise websocket.WebSocketTimeoutException
        client.settimeout(left)
        try:
            kind, frame = client.recv_data_frame(control_frame=True)
        except (websocket.WebSocketConnectionClosedException, ConnectionError):
            if channels[_STATUS]:
                return channels
            raise
        if kind == websocket.ABNF.OPCODE_CLOSE:
            return channels
        if kind in _DATA and frame.data:
            channels[frame.data[0]] += frame.data[1:]
