"""What logs in, as the official client does it (tokens, plugins, providers); its failure in our words."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kubernetes import config as official
from kubernetes.client.configuration import Configuration

from chaoskit.adapters.kubernetes import proxies
from chaoskit.adapters.kubernetes.loaders import heard, in_one_line, loader, why
from chaoskit.adapters.kubernetes.renewals import Renewal, read_again
from chaoskit.errors import CannotStart

_AGAIN = "log in to the cluster again, as for kubectl: `kubectl auth can-i --list` shows whether it worked"
_NAMED = "name who vouches for it: idp-certificate-authority in the kubeconfig, or SSL_CERT_FILE"
_GONE = (
    "kubectl has no such auth-provider since 1.26: let a plugin log in (users[].user.exec in the kubeconfig)"
)


def load(files: Sequence[Path], context: str, user: Mapping[str, Any], configuration: Configuration) -> None:
    """`configuration` reaches the server of that context, and logs in as its `user`, whose paths are whole.

    Raises:
        CannotStart: the files have another shape; the user's plugin or provider gives no login.
    """
    where = os.pathsep.join(map(str, files))
    with heard() as words:
        try:
            found = loader(files, context)
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
        renewed.refresh_api_key_hook = partial(read_again, Path(user["tokenFile"]))
    else:
        ends = user.get("exec") or hasattr(found, "expiry")
        renewed.refresh_api_key_hook = Renewal(found) if ends else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _told(where: str, user: Mapping[str, Any], error: Exception) -> CannotStart:
    provider = user.get("auth-provider")
    if isinstance(provider, Mapping) and not isinstance(error, official.ConfigException):
        return _of_provider(where, provider, why(error))
    said = " ".join(str(error).split()).partition("/{")[0]  # what follows is all that is said of the user
    return CannotStart(f"the kubeconfig {where} cannot be used: {said}", hint="kubectl config view")


def _of_provider(where: str, provider: Mapping[str, Any], said: str) -> CannotStart:
    who = provider.get("name") or "auth-provider"
    words = f"the kubeconfig {where} cannot be used: {who} gives no new token ({said})"
    if "CERTIFICATE_VERIFY_FAILED" in said or said == "SSLError":
        return CannotStart(words, hint=_NAMED)
    return CannotStart(words, hint=_AGAIN if provider.get("name") == "oidc" else _GONE)


def _of_plugin(where: str, plugin: Mapping[str, Any], said: str) -> CannotStart:
    who = plugin.get("command") or "exec"
    words = f"the kubeconfig {where} cannot be used: {who} gives no login: {in_one_line(said)}"
    return CannotStart(words, hint=str(plugin.get("installHint") or "").strip() or _AGAIN)
