"""Which cluster is meant and how to log in: kubeconfig files as kubectl reads them, or the pod's account."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from kubernetes import config as official
from kubernetes.client.configuration import Configuration

from chaoskit.adapters.kubernetes import logins
from chaoskit.adapters.kubernetes.impersonation import NOBODY_ELSE, Impersonation, impersonation
from chaoskit.adapters.kubernetes.renewals import read_again
from chaoskit.errors import CannotStart

IN_CLUSTER = "in-cluster"
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_NO_CLUSTER = "--kubeconfig or KUBECONFIG names one; a simulated one: export KUBECONFIG=$(chaoskit sim up)"


@dataclass(frozen=True, slots=True)
class Login:
    """A cluster chosen: its name to people, the namespace that goes with it, how to reach it, and as whom."""

    name: str
    namespace: str
    configuration: Configuration
    acting: Impersonation = NOBODY_ELSE


@dataclass(frozen=True, slots=True)
class Context:
    """A context of a kubeconfig, and what is said of its cluster and its user."""

    name: str
    namespace: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any]


def log_in(
    kubeconfig: Path | None = None,
    context: str | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    account: Path = _ACCOUNT,
) -> Login:
    """The cluster of `context` in `kubeconfig`, else in $KUBECONFIG or ~/.kube/config, else the pod's own.

    Raises:
        CannotStart: there is no kubeconfig, it cannot be read, or it has no such context; or $KUBECONFIG is
            set to nothing, as by a command that failed: then no other cluster is meant.
    """
    files = _files(kubeconfig, environ)
    if files:
        return _from_files(files, context)
    if context:
        words = f"no cluster: there is no kubeconfig that could have a context {context!r}"
        raise CannotStart(words, hint="--kubeconfig or KUBECONFIG names it")
    if environ.get("KUBERNETES_SERVICE_HOST") and (account / "token").is_file():
        return _from_account(account, environ)
    looked = environ.get("KUBECONFIG", "~/.kube/config")
    raise CannotStart(f"no cluster: there is no kubeconfig at {looked}", hint=_NO_CLUSTER)


def _files(kubeconfig: Path | None, environ: Mapping[str, str]) -> tuple[Path, ...]:
    if kubeconfig is not None:
        if not kubeconfig.expanduser().is_file():
            raise CannotStart(f"no cluster: there is no kubeconfig at {kubeconfig}", hint=_NO_CLUSTER)
        return (kubeconfig.expanduser(),)
    named = environ.get("KUBECONFIG", "~/.kube/config")
    if not named.strip(os.pathsep + " "):
        words = "no cluster: KUBECONFIG is set, but empty: has the command that was to fill it failed?"
        raise CannotStart(words, hint="set it, or unset KUBECONFIG for ~/.kube/config")
    paths = (Path(each).expanduser() for each in named.split(os.pathsep) if each)
    return tuple(path for path in paths if path.is_file())


def _from_files(files: tuple[Path, ...], context: str | None) -> Login:
    where = os.pathsep.join(map(str, files))
    try:
        chosen = choose([_document(path) for path in files], context, where)
        acting = impersonation(chosen.user, where)
        _decodable({**chosen.cluster, **chosen.user}, where)
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        at = f" at line {mark.line + 1}" if mark else ""  # not the line itself: it may hold the token
        raise CannotStart(f"the kubeconfig {where} is no YAML{at}", hint="kubectl config view") from error
    except UnicodeDecodeError as error:
        raise CannotStart(f"the kubeconfig {where} is no text in UTF-8") from error
    except (OSError, KeyError, TypeError, AttributeError) as error:  # a file of another shape
        said = " ".join(str(error).split())
        raise CannotStart(
            f"the kubeconfig {where} cannot be used: {said}", hint="kubectl config view"
        ) from error
    configuration = _configuration()
    logins.load(files, chosen.name, chosen.user, configuration)
    return Login(chosen.name, chosen.namespace, configuration, acting)


def _document(path: Path) -> dict[str, Any]:
    """What stands in the file; a user's token that is a file is meant as beside this one."""
    said: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    for each in said.get("users") or ():
        user = each.get("user")
        if isinstance(user, dict) and isinstance(user.get("tokenFile"), str) and user["tokenFile"]:
            user["tokenFile"] = str(path.absolute().parent / user["tokenFile"])
    return said


def choose(documents: Sequence[Mapping[str, Any]], wanted: str | None, where: str) -> Context:
    """The context that is meant; as in kubectl, the first file that says something wins.

    Raises:
        CannotStart: there is no such context, or none is current.
    """
    current = (str(each["current-context"]) for each in documents if each.get("current-context"))
    name = wanted or next(current, "")
    known = _entries(documents, "contexts", "context")
    if name not in known:
        said = f"has no context {name!r}" if name else "has no current context"
        choices = ", ".join(sorted(known)) or "it has none at all"
        raise CannotStart(f"the kubeconfig {where} {said}", hint=f"choose one with --context: {choices}")
    chosen = known[name]
    cluster = _entries(documents, "clusters", "cluster").get(str(chosen.get("cluster")), {})
    user = _entries(documents, "users", "user").get(str(chosen.get("user")), {})
    return Context(name, str(chosen.get("namespace") or "default"), cluster, user)


def _decodable(said: Mapping[str, Any], where: str) -> None:
    """What is to be base64 of what is `said` is.

    Raises:
        CannotStart: with the field's name, and nothing of what stands in it.
    """
    for name in ("certificate-authority-data", "client-certificate-data", "client-key-data"):
        try:
            base64.standard_b64decode(said.get(name) or "")
        except ValueError as error:  # binascii.Error is one
            words = f"the kubeconfig {where} cannot be used: {name} is no base64"
            raise CannotStart(words, hint="kubectl config view") from error


def _entries(documents: Iterable[Mapping[str, Any]], kind: str, field: str) -> dict[str, Mapping[str, Any]]:
    """What the files say of each name; the first that says something of one wins."""
    found: dict[str, Mapping[str, Any]] = {}
    for document in documents:
        for each in document.get(kind) or ():
            found.setdefault(str(each["name"]), each.get(field) or {})
    return found


def _from_account(account: Path, environ: Mapping[str, str]) -> Login:
    configuration: Any = _configuration()  # whose types say that there is no hook
    loader = official.incluster_config.InClusterConfigLoader(
        token_filename=str(account / "token"),
        cert_filename=str(account / "ca.crt"),
        environ=environ,
    )
    try:
        loader.load_and_set(configuration)
    except official.ConfigException as error:
        raise CannotStart(f"the pod's service account cannot be used: {error}") from error
    # each second, and after a no: the official one knows a new token after a minute
    configuration.refresh_api_key_hook = partial(read_again, account / "token")
    named = account / "namespace"
    return Login(IN_CLUSTER, named.read_text().strip() if named.is_file() else "default", configuration)


def _configuration() -> Configuration:
    # Not Configuration.get_default_copy(): another library in the process may have set a default.
    return Configuration()
