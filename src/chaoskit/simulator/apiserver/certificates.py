"""A fresh key and a self-signed certificate for loopback, made without any library.

kubectl sends no credentials without TLS, so the API server needs a certificate; it is made at each start,
for one cluster, and trusted by that cluster's kubeconfig alone.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# NIST P-256: field, order, coefficient and generator
_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_A = _P - 3
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Point = tuple[int, int]

_LIFETIME = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Both in PEM; the certificate is its own authority."""

    certificate: str
    key: str


def for_loopback(now: datetime | None = None) -> Certificate:
    """A certificate for 127.0.0.1 and localhost, valid for a year from an hour ago."""
    private = secrets.randbelow(_N - 1) + 1
    x, y = _times(private, _G)
    public = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
    begins = (now or datetime.now(UTC)) - timedelta(hours=1)
    body = _body(public, begins, begins + _LIFETIME)
    signed = _sequence(body, _ECDSA_WITH_SHA256, _bits(_signature(private, body)))
    key = _sequence(
        _integer(1),
        _tlv(0x04, private.to_bytes(32, "big")),
        _tlv(0xA0, _P256),
        _tlv(0xA1, _bits(public)),
    )
    return Certificate(_pem("CERTIFICATE", signed), _pem("EC PRIVATE KEY", key))


# ---------------------------------------------------------------------- the curve


def _add(a: Point | None, b: Point | None) -> Point | None:
    if a is None or b is None:
        return a or b
    (x1, y1), (x2, y2) = a, b
    if x1 == x2 and (y1 + y2) % _P == 0:
        return None
    rise, run = (3 * x1 * x1 + _A, 2 * y1) if a == b else (y2 - y1, x2 - x1)
    slope = rise * pow(run, -1, _P) % _P
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P


def _times(number: int, point: Point) -> Point:
    result: Point | None = None
    addend: Point | None = point
    while number:
        if number & 1:
            result = _add(result, addend)
        addend = _add(addend, addend)
        number >>= 1
    if result is None:
        raise ArithmeticError("a multiple of the curve's order")
    return result


def _signature(private: int, message: bytes) -> bytes:
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    nonce = secrets.randbelow(_N - 1) + 1
    r = _times(nonce, _G)[0] % _N
    s = pow(nonce, -1, _N) * (digest + r * private) % _N
    return _sequence(_integer(r), _integer(s))


# ---------------------------------------------------------------------- the encoding (X.509 in DER)


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _sequence(*parts: bytes) -> bytes:
    return _tlv(0x30, b"".join(parts))


def _integer(value: int) -> bytes:
    return _tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _bits(content: bytes, unused: int = 0) -> bytes:
    return _tlv(0x03, bytes([unused]) + content)


def _oid(text: str) -> bytes:
    first, second, *rest = (int(part) for part in text.split("."))
    encoded = bytes([40 * first + second])
    for number in rest:
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(0x80 | number & 0x7F)
        encoded += bytes(reversed(septets))
    return _tlv(0x06, encoded)


_P256 = _oid("1.2.840.10045.3.1.7")
_ECDSA_WITH_SHA256 = _sequence(_oid("1.2.840.10045.4.3.2"))
_EC_PUBLIC_KEY = _oid("1.2.840.10045.2.1")


def _body(public: bytes, begins: datetime, ends: datetime) -> bytes:
    name = _sequence(_tlv(0x31, _sequence(_oid("2.5.4.3"), _tlv(0x0C, b"chaoskit simulator"))))
    validity = _sequence(_time(begins), _time(ends))
    key = _sequence(_sequence(_EC_PUBLIC_KEY, _P256), _bits(public))
    version, serial = _tlv(0xA0, _integer(2)), _integer(secrets.randbits(127) | 1)
    extensions = _tlv(0xA3, _sequence(*_extensions(public)))
    return _sequence(version, serial, _ECDSA_WITH_SHA256, name, validity, name, key, extensions)


def _time(moment: datetime) -> bytes:
    return _tlv(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())


def _extensions(public: bytes) -> tuple[bytes, ...]:
    identifier = hashlib.sha1(public).digest()
    names = _sequence(_tlv(0x87, bytes([127, 0, 0, 1])), _tlv(0x82, b"localhost"))
    signs_and_agrees = _bits(bytes([0x84]), unused=2)  # digitalSignature, keyCertSign
    return (
        _extension("2.5.29.19", _sequence(_tlv(0x01, b"\xff")), critical=True),  # an authority
        _extension("2.5.29.15", signs_and_agrees, critical=True),
        _extension("2.5.29.37", _sequence(_oid("1.3.6.1.5.5.7.3.1"))),  # for servers
        _extension("2.5.29.14", _tlv(0x04, identifier)),
        _extension("2.5.29.17", names),
    )


def _extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    return _sequence(_oid(oid), _tlv(0x01, b"\xff") if critical else b"", _tlv(0x04, value))


def _pem(kind: str, content: bytes) -> str:
    text = base64.encodebytes(content).decode()
    lines = [text.replace("\n", "")[i : i + 64] for i in range(0, len(text.replace("\n", "")), 64)]
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""])
