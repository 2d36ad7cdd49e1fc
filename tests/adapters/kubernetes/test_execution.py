"""What a command says over the wire: how long it is read, and what counts as its end."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
import threading
from collections.abc import Callable

import pytest
from kubernetes.client.configuration import Configuration

from chaoskit.adapters.kubernetes.execution import execute, query
from chaoskit.adapters.kubernetes.transport import Request, Transport
from chaoskit.clock import ManualClock
from chaoskit.errors import TimedOut, Unavailable
from chaoskit.ports.cluster import ExecResult

Play = Callable[[socket.socket], None]
SUCCESS = b'\x03{"status":"Success"}'
_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(data: bytes, kind: int = 2) -> bytes:
    length = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack("!H", len(data))
    return bytes([0x80 | kind]) + length + data


def served(play: Play) -> int:
    """The port of a server that takes one websocket and plays its part in it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listener.accept()
        with listener, client, client.makefile("rb") as lines:
            told = dict(
                line.decode().strip().split(": ", 1)
                for line in iter(lines.readline, b"\r\n")
                if b": " in line
            )
            key = {name.lower(): value for name, value in told.items()}["sec-websocket-key"]
            accepted = base64.b64encode(hashlib.sha1((key + _MAGIC).encode()).digest()).decode()
            client.sendall(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accepted}\r\n"
                "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n".encode()
            )
            try:
                play(client)
            except OSError:
                return  # nobody reads any more

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


def ran(play: Play, seconds: float = 5.0) -> ExecResult:
    configuration = Configuration(host=f"http://127.0.0.1:{served(play)}")
    configuration.proxy = None
    request = Request("run yes in pod/a", "GET", "/api/v1/namespaces/x/pods/a/exec", query=query(["yes"], ""))
    return execute(Transport(configuration, ManualClock()), request, seconds)


def test_a_command_that_writes_on_and_on_is_not_read_beyond_its_time() -> None:
    over = threading.Event()

    def flood(client: socket.socket) -> None:
        while not over.is_set():
            client.sendall(frame(b"\x01y\n"))

    with pytest.raises(TimedOut, match="no end within"):
        ran(flood, 0.2)
    over.set()


def test_a_status_that_came_stands_though_the_connection_was_cut() -> None:
    assert ran(lambda client: client.sendall(frame(b"\x01hello\n") + frame(SUCCESS))).stdout == "hello\n"


def test_without_a_status_nobody_knows_how_it_ended() -> None:
    with pytest.raises(Unavailable):
        ran(lambda client: client.sendall(frame(b"\x01hello\n")))


def test_output_is_put_together_whatever_stands_between_its_parts() -> None:
    def play(client: socket.socket) -> None:
        euro = "€".encode()
        client.sendall(
            frame(b"\x01" + euro[:1]) + frame(b"ping", 9) + frame(b"\x02oh") + frame(b"\x01" + euro[1:])
        )
        client.sendall(frame(SUCCESS) + frame(b"\x03\xe8", 8))

    assert ran(play) == ExecResult("€", "oh", 0)
