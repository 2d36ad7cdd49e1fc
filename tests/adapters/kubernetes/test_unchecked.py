"""Certificates that nobody is to check, and some that nobody can use: each is told once."""

from __future__ import annotations

import base64
import ssl
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
import urllib3
from tests.wire import Answer, Asked, kubeconfig_of, scripted
from urllib3.exceptions import InsecureRequestWarning

from chaoskit.adapters.kubernetes import connect
from chaoskit.clock import ManualClock
from chaoskit.errors import Unavailable
from chaoskit.runtime import Runtime
from chaoskit.settings import Settings


def server(asked: Asked) -> Answer:
    if asked.path == "/version":
        return Answer(body={"gitVersion": "v1.34.1"})
    if asked.path == "/api/v1":
        return Answer(body={"resources": []})
    return Answer(404, {"kind": "Status", "code": 404, "message": "none", "details": {"name": "any"}})


def kubeconfig(folder: Path, user: Mapping[str, Any] | None = None, **cluster: Any) -> Path:
    return kubeconfig_of(folder / "kubeconfig", cluster, user)


@pytest.fixture
def tls() -> ssl.SSLContext:
    """Of a server for another name, certified by nobody that is known."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("kube.internal").configure_cert(context)
    return context


def test_it_is_told_once_and_warned_of_never(tmp_path: Path, tls: ssl.SSLContext) -> None:
    with scripted(server, tls=tls) as wire, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        unchecked: dict[str, Any] = {"server": wire.url, "insecure-skip-tls-verify": True}
        path = kubeconfig(tmp_path, **unchecked)
        with ExitStack() as stack:
            runtime = Runtime(Settings(kubeconfig=str(path)), stack)
            assert runtime.description == "one · 0 nodes · v1.34.1 · certificate not checked"
            assert runtime.cluster.server_version() == "v1.34.1"
        assert warned == []
        other = wire.url.replace("127.0.0.1", "localhost")
        with urllib3.PoolManager(cert_reqs="CERT_NONE") as pool, pytest.warns(InsecureRequestWarning):
            pool.request("GET", f"{other}/version")  # of others it is told as ever


def test_else_it_is_checked(tmp_path: Path, tls: ssl.SSLContext) -> None:
    with (
        scripted(server, tls=tls) as wire,
        connect(kubeconfig(tmp_path, server=wire.url), clock=ManualClock()) as cluster,
    ):
        assert not cluster.unchecked
        with pytest.raises(Unavailable, match="TLS handshake"):
            cluster.server_version()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("broken", ["authority", "certificate", "key of another", "no key", "locked key"])
def test_a_certificate_that_cannot_be_used_is_told_at_once(
    tmp_path: Path, tls: ssl.SSLContext, broken: str
) -> None:
    authority = trustme.CA()
    own, other = (authority.issue_cert("ada.example") for _ in range(2))
    certificate, key = own.cert_chain_pems[0].bytes(), own.private_key_pem.bytes()
    user = {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}
    cluster: dict[str, Any] = {}
    match broken:
        case "authority":
            cluster["certificate-authority-data"] = encoded(b"none")
        case "certificate":
            user["client-certificate-data"] = encoded(b"none")
        case "key of another":
            user["client-key-data"] = encoded(other.private_key_pem.bytes())
        case "no key":
            del user["client-key-data"]
        case "locked key":
            locked = key.replace(b"PRIVATE KEY-----\n", b"PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", 1)
            user["client-key-data"] = encoded(locked)
    clock = ManualClock()
    with (
        scripted(server, tls=tls) as wire,
        connect(kubeconfig(tmp_path, user, server=wire.url, **cluster), clock=clock) as found,
        pytest.raises(Unavailable, match="TLS handshake") as raised,
    ):
        found.server_version()
    assert "client certificate" in raised.value.hint
    assert clock.monotonic() == 0
