"""The proxy that leads to the API server, where there is one, read as kubectl reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Self
from urllib.parse import unquote, urlsplit

from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import should_bypass_proxies
from urllib3.util import make_headers

from chaoskit.errors import CannotStart

SOCKS = "socks5h"
_PORTS = {"http": 80, "https": 443, SOCKS: 1080}
_HINT = (
    "proxy-url in the kubeconfig names it, or else HTTPS_PROXY: as in http://host:3128, socks5://host:1080"
)


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where it is and how to log in to it; `scheme` is one of ``http``, ``https`` and ``socks5h``."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    url: str = field(default="", repr=False)

    @classmethod
    def read(cls, text: str) -> Self:
        """What a URL means; without a scheme it is HTTP, and a SOCKS proxy looks names up itself.

        Raises:
            CannotStart: it is no URL of a proxy of these kinds.
        """
        scheme, _, rest = text.strip().rpartition("://")
        scheme = {"": "http", "socks5": SOCKS}.get(scheme.lower(), scheme.lower())
        try:
            parts = urlsplit(f"{scheme}://{rest}")
            port = parts.port or _PORTS[scheme]
        except (ValueError, KeyError) as error:
            words = f"no cluster: the way leads through a proxy that cannot be used ({scheme}://)"
            raise CannotStart(words, hint=_HINT) from error
        if not parts.hostname:
            raise CannotStart("no cluster: the way leads through a proxy without a host", hint=_HINT)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(scheme, parts.hostname, port, user, password, parts.geturl())

    @property
    def headers(self) -> dict[str, str]:
        """What logs in to an HTTP proxy."""
        return dict(make_headers(proxy_basic_auth=f"{self.user}:{self.password}")) if self.user else {}


def choose(configuration: Configuration, *, own: bool) -> None:
    """The proxy is taken as kubectl takes it: NO_PROXY has no say over the kubeconfig's `own`.

    The environment's leads to no address of this machine.
    """
    if own:
        configuration.no_proxy = None
    elif _is_here(urlsplit(configuration.host).hostname or ""):
        configuration.proxy = None


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_of(configuration: Configuration) -> Proxy | None:
    """The proxy that requests go through; None when they go straight.

    Raises:
        CannotStart: chaoskit cannot go through it.
    """
    text = str(configuration.proxy or "")
    if not text.strip() or should_bypass_proxies(configuration.host, configuration.no_proxy or ""):
        return None
    proxy = Proxy.read(text)
    if proxy.scheme == SOCKS and find_spec("socks") is None:
        words = "no cluster: the way leads through a SOCKS proxy, which needs the package PySocks"
        raise CannotStart(words, hint="pip install pysocks")
    return proxy


def settle(configuration: Configuration) -> Configuration:
    """The same, whose proxy is as the official client takes it."""
    proxy = proxy_of(configuration)
    configuration.proxy = proxy.url if proxy else None
    if proxy and proxy.scheme != SOCKS:
        configuration.proxy_headers = proxy.headers or configuration.proxy_headers
    return configuration
