"""What logs in, as the official client does it (tokens, plugins, providers); its failure in our words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import urllib3.exceptions
from kubernetes import config as official
from kubernetes.client.configuration import Configuration

from chaoskit.adapters.kubernetes import proxies
from chaoskit.adapters.kubernetes.loaders import Loader, loader
from chaoskit.errors import CannotStart, cause

_AGAIN = "log in to the cluster again, as for kubectl: `kubectl auth can-i --list` shows whether it worked"

_GONE = (
    "kubectl has no such auth-provider since 1.26: let a plugin log in (users[].user.exec in the kubeconfig)"
)


def load(where: str, context: str, user: Mapping[str, Any], configuration: Configuration) -> None:
    """`configuration` reaches the server of that context, and logs in as its `user`, whose paths are whole.

    Raises:
        CannotStart: the files `where` have another shape; the user's plugin or provider gives no login.
    """
    with _heard() as words:
        try:
            found = loader(where, context)
            found.load_and_set(configuration)  # type: ignore[no-untyped-call]
        except Exception as error:  # it indexes what it finds, and calls whom the user names
            raise _told(where, user, error) from error
    proxies.choose(configuration, own=bool(getattr(found, "proxy", None)))
    if words:
        raise _of_plugin(where, _mapping(user.get("exec")), words[0])
    if user.get("auth-provider") and not (configuration.api_key or configuration.cert_file):
        raise _of_provider(where, _mapping(user["auth-provider"]), "it is not known here")
    renewed: Any = configuration  # whose types say that there is no hook
    if user.get("tokenFile") and not user.get("auth-provider"):
        renewed.refresh_api_key_hook = partial(_read_again, Path(user["tokenFile"]))
    elif renewed.refresh_api_key_hook:
        renewed.refresh_api_key_hook = _Renewal(found, renewed.refresh_api_key_hook)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def token(configuration: Configuration) -> str:
    """The header that logs in, renewed if it was about to expire; "" when certificates do.

    A renewal that fails leaves the one before: the server says when that is over.
    """
    with _heard():
        try:
            setting = configuration.auth_settings().get("BearerToken")
        except Exception:  # noqa: BLE001 - whom the user names was called: its login of before may still do
            known = configuration.api_key
            return str(known.get("BearerToken") or known.get("authorization") or "")
    return str(setting["value"] or "") if setting else ""


def _read_again(path: Path, configuration: Configuration) -> None:
    """What the file holds logs in: others put a new token there before the one before is over."""
    with suppress(OSError, UnicodeDecodeError):
        if found := path.read_text(encoding="utf-8").strip():
            configuration.api_key["BearerToken"] = f"Bearer {found}"


class _Renewal:
    """Asks for a new login when half of what was left of this one is over.

    The official client takes one for over that has five minutes left: a plugin whose logins last no longer
    would be run each time, and may take seconds, or ask the user.
    """

    def __init__(self, loader: Loader, renew: Callable[[Configuration], None]) -> None:
        self._loader = loader
        self._renew = renew
        self._due = self._half()

    def __call__(self, configuration: Configuration) -> None:
        """The login in `configuration` is a new one if it is time."""
        if datetime.now(UTC) >= self._due:
            try:
                self._renew(configuration)
            finally:
                self._due = self._half()
                hook: Any = configuration  # the official one put itself back
                hook.refresh_api_key_hook = self

    def _half(self) -> datetime:
        now = datetime.now(UTC)
        ends: datetime = getattr(self._loader, "expiry", now)
        return now + (ends - now) / 2


def _told(where: str, user: Mapping[str, Any], error: Exception) -> CannotStart:
    provider = user.get("auth-provider")
    if isinstance(provider, Mapping) and not isinstance(error, official.ConfigException):
        # Not the words of those who logged in: they may hold the tokens.
        why = cause(error) if isinstance(error, urllib3.exceptions.HTTPError) else type(error).__name__
        return _of_provider(where, provider, why)
    said = " ".join(str(error).split()).partition("/{")[0]  # what follows is all that is said of the user
    return CannotStart(f"the kubeconfig {where} cannot be used: {said}", hint="kubectl config view")


def _of_provider(where: str, provider: Mapping[str, Any], why: str) -> CannotStart:
    who = provider.get("name") or "auth-provider"
    words = f"the kubeconfig {where} cannot be used: {who} gives no new token ({why})"
    return CannotStart(words, hint=_AGAIN if provider.get("name") == "oidc" else _GONE)


def _of_plugin(where: str, plugin: Mapping[str, Any], said: str) -> CannotStart:
    said = " ".join(said.removeprefix("exec: ").split())
    if "NoneType" in said:  # on a terminal it has the client's stderr, which is then looked for here
        said = "it failed"
    words = f"the kubeconfig {where} cannot be used: {plugin.get('command') or 'exec'} gives no login: {said}"
    return CannotStart(words, hint=str(plugin.get("installHint") or "").strip() or _AGAIN)


class _Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """The official client logs what a plugin does wrong, and goes on without a login."""
        if record.module == "kube_config":
            self.words.append(record.getMessage())


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What it logs in the block goes here; without any handler, it would make one that writes to stderr."""
    ear, root = _Ear(), logging.getLogger()
    root.addHandler(ear)
    try:
        yield ear.words
    finally:
        root.removeHandler(ear)
