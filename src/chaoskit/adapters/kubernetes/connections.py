"""One connection to the API server, opened as those of requests: straight or through a proxy, under TLS."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPConnection
from urllib.parse import SplitResult, urlsplit

from kubernetes.client.configuration import Configuration
from urllib3.util import ssl_wrap_socket

from chaoskit.adapters.kubernetes import proxies
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
    proxy = proxies.proxy_of(configuration)
    if proxy is None:
        return socket.create_connection((host, port), timeout)
    if proxy.scheme == "http":
        return _tunnelled(host, port, proxy, timeout)
    if proxy.scheme == proxies.SOCKS:
        return _through_socks(host, port, proxy, timeout)
    words = "commands in containers cannot go through a proxy with https://"
    raise CannotStart(words, hint="take one with http:// or socks5:// (proxy-url in the kubeconfig)")


def _tunnelled(host: str, port: int, proxy: proxies.Proxy, timeout: float) -> socket.socket:
    way = HTTPConnection(proxy.host, proxy.port, timeout=timeout)
    way.set_tunnel(host, port, proxy.headers)
    way.connect()
    return way.sock


def _through_socks(host: str, port: int, proxy: proxies.Proxy, timeout: float) -> socket.socket:
    import socks

    way: socket.socket = socks.create_connection(
        (host, port),
        timeout,
        proxy_type=socks.SOCKS5,
        proxy_addr=proxy.host,
        proxy_port=proxy.port,
        proxy_username=proxy.user or None,
        proxy_password=proxy.password or None,
    )
    return way
