"""A server whose certificate nobody is to check: reached without a warning at each request, and told once."""

from __future__ import annotations

import json
import ssl
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
import urllib3
from tests.wire import Answer, Asked, scripted
from urllib3.exceptions import InsecureRequestWarning

from chaoskit.adapters.kubernetes import connect
from chaoskit.clock import ManualClock
from chaoskit.errors import Unavailable
from chaoskit.runtime import Runtime
from chaoskit.settings import Settings


def server(asked: Asked) -> Answer:
    if asked.path == "/version":
        return Answer(body={"gitVersion": "v1.34.1"})
    return Answer(404, {"kind": "Status", "code": 404, "message": "none"})


def kubeconfig(folder: Path, **cluster: Any) -> Path:
    document = {
        "current-context": "one",
        "clusters": [{"name": "one", "cluster": cluster}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def tls() -> ssl.SSLContext:
    """Of a server for another name, certified by nobody that is known."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("kube.internal").configure_cert(context)
    return context


def test_it_is_told_once_and_warned_of_never(tmp_path: Path, tls: ssl.SSLContext) -> None:
    with scripted(server, tls=tls) as wire, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        path = kubeconfig(tmp_path, server=wire.url, **{"insecure-skip-tls-verify": True})
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
