"""One connection to the API server, made as those of requests are: straight or through a proxy, under TLS."""

from __future__ import annotations

import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

from kubernetes.client.configuration import Configuration
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError, SSLError

from chaoskit.adapters.kubernetes import proxies
from chaoskit.errors import CannotStart

_PORTS = {"http": 80, "https": 443}


def connected(configuration: Configuration, timeout: float) -> socket.socket:
    """A socket that the server listens to; `timeout` is how long each step on it may take, in seconds.

    Raises:
        CannotStart: the proxy is of a kind that this cannot go through.
        OSError, urllib3.exceptions.HTTPError: there is no way, or no trust.
    """
    proxy = proxies.proxy_of(configuration)
    connection = _unconnected(configuration, proxy, timeout)
    try:
        connection.connect()
    except ssl.SSLError as error:
        raise SSLError(error) from error
    except (OSError, NewConnectionError, ConnectTimeoutError) as error:
        if proxy is None:
            raise
        raise ProxyError("Unable to connect to proxy", error) from error
    return connection.sock


def _unconnected(configuration: Configuration, proxy: proxies.Proxy | None, timeout: float) -> HTTPConnection:
    server = urlsplit(configuration.host)
    secure, port = server.scheme == "https", server.port or _PORTS.get(server.scheme, 80)
    host, made = server.hostname or "", HTTPSConnection if secure else HTTPConnection
    how: dict[str, Any] = {"timeout": timeout, "socket_options": configuration.socket_options}
    how |= _trust(configuration) if secure else {}
    if proxy is None:
        return made(host, port, **how)
    if proxy.scheme == proxies.SOCKS:
        return _through_socks(proxy, host, port, how, secure=secure)
    if proxy.scheme != "http":
        words = "commands in containers cannot go through a proxy with https://"
        raise CannotStart(words, hint="take one with http:// or socks5:// (proxy-url in the kubeconfig)")
    connection = made(proxy.host, proxy.port, **how)
    connection.set_tunnel(host, port, proxy.headers)
    return connection


def _trust(configuration: Configuration) -> dict[str, Any]:
    return {
        "key_file": configuration.key_file,
        "cert_file": configuration.cert_file,
        "cert_reqs": ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE,
        "ca_certs": configuration.ssl_ca_cert,
        "server_hostname": configuration.tls_server_name,
    }


def _through_socks(
    proxy: proxies.Proxy, host: str, port: int, how: dict[str, Any], *, secure: bool
) -> HTTPConnection:
    import socks  # which need not be there
    from urllib3.contrib.socks import SOCKSConnection, SOCKSHTTPSConnection

    way: Any = {
        "socks_version": socks.PROXY_TYPE_SOCKS5,
        "proxy_host": proxy.host,
        "proxy_port": proxy.port,
        "username": proxy.user or None,
        "password": proxy.password or None,
        "rdns": True,
    }
    return (SOCKSHTTPSConnection if secure else SOCKSConnection)(way, host, port, **how)
