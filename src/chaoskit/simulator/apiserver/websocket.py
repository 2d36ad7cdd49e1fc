"""WebSockets as ``kubectl exec`` and the client libraries use them: frames, and Kubernetes' channels."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable, Mapping
from typing import BinaryIO

STDIN, STDOUT, STDERR, ERROR = 0, 1, 2, 3
CLOSE_CHANNEL = 255
"""In version 5 of the channel protocol: the other side writes no more to the channel named next."""
PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")

_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10


def asked_for(headers: Mapping[str, str]) -> bool:
    """True when a request wants to become a WebSocket."""
    return "websocket" in (headers.get("Upgrade") or "").lower()


def protocol_of(headers: Mapping[str, str]) -> str:
    """The channel protocol to speak: the newest that both sides know; empty when there is none."""
    offered = [part.strip() for part in (headers.get("Sec-WebSocket-Protocol") or "").split(",")]
    return next((protocol for protocol in PROTOCOLS if protocol in offered), "")


def handshake(headers: Mapping[str, str], protocol: str) -> dict[str, str]:
    """The headers of the answer that switches protocols."""
    digest = hashlib.sha1((headers["Sec-WebSocket-Key"] + _MAGIC).encode()).digest()
    return {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": base64.b64encode(digest).decode(),
        "Sec-WebSocket-Protocol": protocol,
    }


class Channels:
    """Kubernetes' channels over one WebSocket, seen from the server."""

    def __init__(self, reader: BinaryIO, write: Callable[[bytes], None]) -> None:
        self._reader = reader
        self._write = write
        self._pending = b""
        self._ended = False

    def send(self, channel: int, data: bytes) -> None:
        """`data` is on its way."""
        self._frame(_BINARY, bytes([channel]) + data)

    def close(self) -> None:
        """The other side knows that nothing more comes, and has said so too or left."""
        self._frame(_CLOSE, struct.pack(">H", 1000))
        while self._next_frame()[0] not in {_CLOSE, -1}:
            pass

    def read_line(self) -> str | None:
        """The next line of standard input; None at its end, or when the client has gone."""
        while b"\n" not in self._pending and not self._ended:
            self._receive()
        line, found, self._pending = self._pending.partition(b"\n")
        return line.decode(errors="replace") if line or found else None

    def _receive(self) -> None:
        kind, payload = self._next_frame()
        if kind == _PING:
            self._frame(_PONG, payload)
        elif kind in {_CLOSE, -1}:
            self._ended = True
        elif kind in {_TEXT, _BINARY, 0} and payload:
            if payload[0] == STDIN:
                self._pending += payload[1:]
            elif payload[0] == CLOSE_CHANNEL and payload[1:2] == bytes([STDIN]):
                self._ended = True

    def _next_frame(self) -> tuple[int, bytes]:
        head = self._reader.read(2)
        if len(head) < 2:
            return -1, b""
        length = head[1] & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self._reader.read(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self._reader.read(8))
        mask = self._reader.read(4) if head[1] & 0x80 else bytes(4)
        payload = self._reader.read(length)
        return head[0] & 0x0F, bytes(b ^ mask[i % 4] for i, b in enumerate(payload))

    def _frame(self, kind: int, payload: bytes) -> None:
        size = len(payload)
        if size < 126:
            head = struct.pack(">BB", 0x80 | kind, size)
        elif size < 1 << 16:
            head = struct.pack(">BBH", 0x80 | kind, 126, size)
        else:
            head = struct.pack(">BBQ", 0x80 | kind, 127, size)
        self._write(head + payload)
