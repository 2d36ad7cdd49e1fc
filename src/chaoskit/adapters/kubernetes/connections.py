"""One connection to the API server, opened as those of requests: straight or through a proxy, under TLS."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPConnection
from urllib.parse import SplitResult, unquote, urlsplit

from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import should_bypass_proxies
from urllib3.util import make_headers, ssl_wrap_socket

from chaoskit.errors import CannotStart

_PORTS = {"http": 80, "https": 443}


def connected(configuration: Configuration, timeout: float) -> socket.socket:
    """A socket that the server listens to; `timeout` is how long each step on it may take, in seconds.

    Raises:
        CannotStart: the proxy is of a kind that this cannot go through.
        OSError, urllib3.exceptions.HTTPError: there is no way, or no trust.
    """
    server = urlsplit(configuration.host)
    plain = _dialled(configuration, server, timeout)
    if server.scheme != "https":
        return plain
    try:
        secured: ssl.SSLSocket = ssl_wrap_socket(
            plain,
            keyfile=configuration.key_file,
            certfile=configuration.cert_file,
            cert_reqs=ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE,
            ca_certs=configuration.ssl_ca_cert,
            server_hostname=configuration.tls_server_name or server.hostname,
        )
    except BaseException:
        plain.close()
        raise
    return secured


def _dialled(configuration: Configuration, server: SplitResult, timeout: float) -> socket.socket:
    host, port = server.hostname or "", server.port or _PORTS.get(server.scheme, 80)
    proxy = urlsplit(configuration.proxy or "")
    if not proxy.hostname or should_bypass_proxies(configuration.host, configuration.no_proxy or ""):
        return socket.create_connection((host, port), timeout)
    if proxy.scheme == "http":
        return _tunnelled(host, port, proxy, timeout)
    words = f"commands in containers cannot go through a proxy with {proxy.scheme}://"
    raise CannotStart(words, hint="take one with http://: proxy-url in the kubeconfig, or HTTPS_PROXY")


def _tunnelled(host: str, port: int, proxy: SplitResult, timeout: float) -> socket.socket:
    way = HTTPConnection(proxy.hostname or "", proxy.port or _PORTS["http"], timeout=timeout)
    login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}" if proxy.username else None
    way.set_tunnel(host, port, make_headers(proxy_basic_auth=login))
    way.connect()
    return way.sock
