"""The way through a proxy: which it is, that requests and commands both take it, what is said without it."""

from __future__ import annotations

import base64
import socket
import ssl
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.servers import free_port
from tests.wire import Answer, Asked, _pump, kubeconfig_of, scripted

from chaoskit import kube
from chaoskit.adapters.kubernetes import KubernetesCluster, connect
from chaoskit.adapters.kubernetes.config import log_in
from chaoskit.adapters.kubernetes.proxies import Proxy, proxy_of
from chaoskit.clock import ManualClock
from chaoskit.errors import CannotStart, Forbidden, Unavailable
from chaoskit.ports.cluster import ObjectRef

REF = ObjectRef(kube.POD, "shop", "a")
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}}


def server(asked: Asked) -> Answer:
    if asked.path == "/api/v1":
        return Answer(body={"resources": [{"name": "pods", "kind": "Pod", "namespaced": True}]})
    if "/exec" in asked.path:
        return Answer(403, {"kind": "Status", "code": 403, "message": "ada cannot create pods/exec"})
    return Answer(body=POD)


class Way:
    """A proxy for one kind of greeting: whom it was asked for, and by which login."""

    def __init__(self, target: int) -> None:
        self.asked: list[tuple[str, str]] = []
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rwb", buffering=0) as stream:
            self.greet(stream)
            with socket.create_connection(("127.0.0.1", self._target)) as behind:
                threading.Thread(target=_pump, args=(behind, client), daemon=True).start()
                _pump(client, behind)

    def greet(self, stream: Any) -> None:
        """An HTTP proxy lets through whoever has a login."""
        lines = [line.strip().decode() for line in iter(stream.readline, b"\r\n")]
        said = dict(line.split(": ", 1) for line in lines[1:])
        login = {name.lower(): value for name, value in said.items()}.get("proxy-authorization", "")
        self.asked.append((lines[0].split()[1], base64.b64decode(login.split()[1]).decode()))
        stream.write(b"HTTP/1.1 200 OK\r\n\r\n")


class Socks(Way):
    def greet(self, stream: Any) -> None:
        """A SOCKS 5 proxy that wants a login, and resolves names itself."""
        stream.read(stream.read(2)[1])
        stream.write(b"\x05\x02")
        stream.read(1)
        login = [stream.read(stream.read(1)[0]).decode() for _ in range(2)]
        stream.write(b"\x01\x00")
        named = stream.read(4)[3] == 3
        host = (
            stream.read(stream.read(1)[0]).decode()
            if named
            else f"[{socket.inet_ntop(socket.AF_INET6, stream.read(16))}]"
        )
        self.asked.append((f"{host}:{int.from_bytes(stream.read(2))}", ":".join(login)))
        stream.write(b"\x05\x00\x00\x01" + bytes(6))


def connected(folder: Path, cluster: dict[str, Any]) -> KubernetesCluster:
    return connect(kubeconfig_of(folder / "kubeconfig", cluster), clock=ManualClock())


@contextmanager
def secured(folder: Path) -> Iterator[tuple[int, str]]:
    """An API server that nobody finds by its name here: its port, and the file of its authority."""
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("kube.internal").configure_cert(tls)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    with scripted(server, tls=tls) as wire:
        yield int(wire.url.rpartition(":")[2]), str(folder / "ca.pem")


@pytest.mark.parametrize(("kind", "scheme"), [(Way, "http"), (Socks, "socks5")])
def test_that_nothing_is_checked_is_warned_of_behind_no_proxy(
    tmp_path: Path, kind: type[Way], scheme: str
) -> None:
    with (
        secured(tmp_path) as (port, _),
        closing(kind(port)) as way,
        warnings.catch_warnings(record=True) as told,
    ):
        warnings.simplefilter("always")
        address = f"{scheme}://ada:pw@127.0.0.1:{way.port}"
        unchecked = {"server": "https://kube.internal:6443", "insecure-skip-tls-verify": True}
        with connected(tmp_path, {**unchecked, "proxy-url": address}) as found:
            assert found.get(REF) == POD
    assert told == []


@pytest.mark.parametrize(("kind", "scheme"), [(Way, "http"), (Socks, "socks5"), (Socks, "socks5h")])
@pytest.mark.parametrize("named", ["in the kubeconfig", "by the environment"])
@pytest.mark.parametrize("server", ["kube.internal:6443", "[fd00::1]:6443"])
def test_requests_and_commands_go_through_the_proxy_which_finds_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Way], scheme: str, named: str, server: str
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with secured(tmp_path) as (port, authority), closing(kind(port)) as way:
        trust = {"certificate-authority": authority, "tls-server-name": "kube.internal"}
        cluster = {"server": f"https://{server}", **trust}
        address = f"{scheme}://ada:pw@127.0.0.1:{way.port}"
        if named == "in the kubeconfig":
            cluster["proxy-url"] = address
        else:
            monkeypatch.setenv("HTTPS_PROXY", address)
        with connected(tmp_path, cluster) as found:
            assert found.get(REF) == POD
            with pytest.raises(Forbidden, match="ada cannot create pods/exec"):
                found.exec(REF, ["true"])
    assert way.asked == [(server, "ada:pw")] * 2


def test_who_is_named_in_no_proxy_is_reached_straight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8,127.0.0.0/8")
    monkeypatch.setenv("HTTP_PROXY", "nonsense://")
    with scripted(server) as wire, connected(tmp_path, {"server": wire.url}) as found:
        assert found.get(REF) == POD
        with pytest.raises(Forbidden):
            found.exec(REF, ["true"])


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_is_away_is_what_is_told(tmp_path: Path, scheme: str) -> None:
    proxied = {"server": "https://kube.internal", "proxy-url": f"{scheme}://127.0.0.1:{free_port()}"}
    with connected(tmp_path, proxied) as found:
        for ask in (lambda: found.get(REF), lambda: found.exec(REF, ["true"])):
            with pytest.raises(Unavailable, match="through the proxy: connection refused") as raised:
                ask()
            assert "proxy-url" in raised.value.hint


@pytest.mark.parametrize(
    "url", ["ftp://u:s3cret@host", "http://u:s3cret@host:port", "socks4://u:s3cret@host"]
)
def test_a_proxy_that_nobody_can_go_through_starts_nothing(tmp_path: Path, url: str) -> None:
    with pytest.raises(CannotStart, match="cannot be used") as raised:
        connected(tmp_path, {"server": "https://kube.internal", "proxy-url": url})
    assert "s3cret" not in raised.value.message
    assert "proxy-url" in raised.value.hint


def test_without_the_package_for_socks_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socks", None)
    with pytest.raises(CannotStart, match="PySocks") as raised:
        connected(tmp_path, {"server": "https://kube.internal", "proxy-url": "socks5://host:1080"})
    assert raised.value.hint == "pip install pysocks"


def test_a_login_is_read_as_it_was_meant() -> None:
    proxy = Proxy.read("proxy.example:3128")
    assert (proxy.scheme, proxy.host, proxy.port, proxy.headers) == ("http", "proxy.example", 3128, {})
    proxy = Proxy.read("http://ada:p%40ss@[::1]")
    assert (proxy.host, proxy.port, proxy.password) == ("::1", 80, "p@ss")


@pytest.mark.parametrize(
    ("address", "own", "environment", "taken"),
    [
        ("https://10.1.2.3:6443", "socks5://bastion:1080", {"NO_PROXY": "10.0.0.0/8"}, "bastion"),
        ("https://10.1.2.3:6443", "", {"HTTPS_PROXY": "http://corp:3128", "NO_PROXY": "10.0.0.0/8"}, ""),
        ("https://kube.example", "", {"HTTPS_PROXY": "http://corp:3128"}, "corp"),
        ("https://kube.example", "http://mine:1", {"HTTPS_PROXY": "http://corp:3128"}, "mine"),
        ("https://127.0.0.1:6443", "", {"HTTPS_PROXY": "http://corp:3128"}, ""),
        ("https://localhost:6443", "", {"HTTPS_PROXY": "http://corp:3128"}, ""),
        ("https://[::1]:6443", "", {"HTTPS_PROXY": "http://corp:3128"}, ""),
        ("https://127.0.0.1:6443", "http://mine:1", {}, "mine"),
    ],
)
def test_the_way_is_the_one_that_kubectl_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, own: str, environment: Any, taken: str
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    cluster = {"server": address, **({"proxy-url": own} if own else {})}
    found = proxy_of(log_in(kubeconfig_of(tmp_path / "kubeconfig", cluster)).configuration)
    assert (found.host if found else "") == taken
