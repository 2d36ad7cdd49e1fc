"""The official reader of kubeconfigs, which besides checks every issuer and knows when its tokens end."""

from __future__ import annotations

import base64
import copy
import json
import logging
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import urllib3.exceptions
from kubernetes.client.configuration import Configuration
from kubernetes.config import kube_config
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from chaoskit.errors import cause

AUTHORITY = "idp-certificate-authority"
_TOKENS = ("id-token", "refresh-token")


class Loader(kube_config.KubeConfigLoader):
    """Logs in as the context's user; `expiry` is when that login ends, where it says so."""

    expiry: datetime

    def renew(self, configuration: Configuration, *, anyhow: bool = False) -> None:
        """The login in `configuration` is a new one where this one is nearly over, or `anyhow`."""
        if anyhow or datetime.now(UTC) >= self.expiry - kube_config.EXPIRY_SKEW_PREVENTION_DELAY:
            self._load_authentication()  # type: ignore[no-untyped-call]
        self._set_config(configuration)  # type: ignore[no-untyped-call]

    def _load_from_exec_plugin(self) -> Any:
        before = self.__dict__.pop("expiry", None)  # which the new login need not tell
        found = super()._load_from_exec_plugin()  # type: ignore[no-untyped-call]
        if before and not found:
            self.expiry = before
        return found

    def _load_oid_token(self, provider: Any) -> Any:
        found = super()._load_oid_token(provider)  # type: ignore[no-untyped-call]
        if ends := ends_at(str(found or "")):
            self.expiry = ends
        return found

    def _refresh_oidc(self, provider: Any) -> None:
        said = provider["config"].value  # which is written into the kubeconfig afterwards
        checked = kube_config.ConfigNode(provider.name, {"config": with_authority(said)})
        super()._refresh_oidc(checked)  # type: ignore[no-untyped-call]
        said.update({name: checked["config"].value[name] for name in _TOKENS})


class Files(kube_config.KubeConfigMerger):
    """These files, whatever stands in their names: the official client would part one at its colons."""

    def _load_config_from_file_path(self, paths: Sequence[Path]) -> None:
        self.paths = [str(each) for each in paths]
        for path in self.paths:
            self.load_config(path)  # type: ignore[no-untyped-call]
        self.config_saved = copy.deepcopy(self.config_files)


def loader(paths: Sequence[Path], context: str) -> Loader:
    """As the official client makes it, which does not hand it out; the file keeps a token that is new."""
    files = Files(paths)  # type: ignore[no-untyped-call]
    return Loader(  # type: ignore[no-untyped-call]
        files.config,
        active_context=context,
        config_base_path=None,
        config_persister=files.save_changes,
        temp_file_path=None,
    )


def with_authority(said: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of an issuer, whom the system's authorities vouch for where none is named.

    Without any, the official client would take whoever answers for the issuer.
    """
    names = (AUTHORITY, f"{AUTHORITY}-data")
    others = {name: each for name, each in said.items() if name not in names}
    named = {name: said[name] for name in names if said.get(name)}
    return {**others, **(named or {AUTHORITY: authorities()})}


def authorities() -> str:
    """The file of the authorities that this system trusts, else of those that come with `requests`.

    Some Pythons know the system's by a folder alone, which the official client cannot be given.
    """
    own = ssl.get_default_verify_paths().cafile
    return next(
        (each for each in (own, *_OF_SYSTEMS) if each and Path(each).is_file()), DEFAULT_CA_BUNDLE_PATH
    )


_OF_SYSTEMS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Linux and macOS keep them: Debian, Red Hat, SUSE, Alpine."""


def ends_at(token: str) -> datetime | None:
    """When the login is over that a JWT is; None when it does not tell."""
    with suppress(ValueError, IndexError, KeyError, TypeError, OverflowError):
        body = token.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return datetime.fromtimestamp(said["exp"], UTC)
    return None


def why(error: Exception) -> str:
    """Why a provider gave no login: not in the words of those who logged in, which may hold the tokens."""
    return cause(error) if isinstance(error, urllib3.exceptions.HTTPError) else type(error).__name__


def in_one_line(said: str) -> str:
    """What the official client logged of a plugin."""
    # On a terminal it has the client's stderr, which is then looked for here.
    return "it failed" if "NoneType" in said else " ".join(said.removeprefix("exec: ").split())


class _Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """The official client logs what a plugin does wrong, and goes on without a login."""
        if record.module == "kube_config" and record.thread == self._thread:
            self.words.append(record.getMessage())


@contextmanager
def heard() -> Iterator[list[str]]:
    """What it logs in the block goes here; without any handler, it would make one that writes to stderr."""
    ear, root = _Ear(), logging.getLogger()
    root.addHandler(ear)
    try:
        yield ear.words
    finally:
        root.removeHandler(ear)
