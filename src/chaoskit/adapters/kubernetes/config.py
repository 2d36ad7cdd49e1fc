"""Which cluster is meant and how to log in: kubeconfig files as kubectl reads them, or the pod's account."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kubernetes import config as official
from kubernetes.client.configuration import Configuration
from kubernetes.config.dateutil import parse_rfc3339

from chaoskit.errors import CannotStart

IN_CLUSTER = "in-cluster"
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_NO_CLUSTER = "start a simulated cluster: export KUBECONFIG=$(chaoskit sim up)"


@dataclass(frozen=True, slots=True)
class Login:
    """A cluster chosen: what a person calls it, the namespace that goes with it, and how to reach it."""

    name: str
    namespace: str
    configuration: Configuration


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
        documents = [yaml.safe_load(path.read_text(encoding="utf-8")) or {} for path in files]
        name, namespace = choose_context(documents, context, where)
        configuration = _configuration()
        official.load_kube_config(where, context=name, client_configuration=configuration)
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        at = f" at line {mark.line + 1}" if mark else ""  # not the line itself: it may hold the token
        raise CannotStart(f"the kubeconfig {where} is no YAML{at}", hint="kubectl config view") from error
    except UnicodeDecodeError as error:
        raise CannotStart(f"the kubeconfig {where} is no text in UTF-8") from error
    except (official.ConfigException, OSError, KeyError, TypeError, AttributeError) as error:
        # The official loader indexes what it finds: a file of another shape ends in any of these.
        said = " ".join(str(error).split())
        raise CannotStart(
            f"the kubeconfig {where} cannot be used: {said}", hint="kubectl config view"
        ) from error
    except ValueError as error:  # in whose words the value stands, which may be a token in the wrong place
        said = next(_malformed(documents), "a value in it has not the form that it needs")
        raise CannotStart(
            f"the kubeconfig {where} cannot be used: {said}", hint="kubectl config view"
        ) from error
    return Login(name, namespace, configuration)


_BASE64 = ("certificate-authority-data", "client-certificate-data", "client-key-data")


def _malformed(documents: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What in these files is no base64 or no time, though it has to be, without its value."""
    entries = (
        (k, each) for file in documents for k in ("cluster", "user") for each in file.get(f"{k}s") or ()
    )
    for kind, entry in entries:
        said, whose = _mapping(_mapping(entry).get(kind)), f"of the {kind} {_mapping(entry).get('name')!r}"
        for name in _BASE64:
            if not _is_read(base64.standard_b64decode, said.get(name)):
                yield f"{name} {whose} is no base64"
        if not _is_read(
            parse_rfc3339, _mapping(_mapping(said.get("auth-provider")).get("config")).get("expiry")
        ):
            yield f"expiry {whose} is no time such as 2026-01-02T03:04:05Z"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_read(read: Callable[[Any], object], value: object) -> bool:
    """Whether there is nothing, or what can be read so."""
    try:
        return value is None or read(value) is not None
    except (ValueError, TypeError, AttributeError):
        return False


def choose_context(documents: Iterable[Mapping[str, Any]], wanted: str | None, where: str) -> tuple[str, str]:
    """The context's name and its namespace; as in kubectl, the first file that says something wins.

    Raises:
        CannotStart: there is no such context, or none is current.
    """
    documents = tuple(documents)
    current = (str(each["current-context"]) for each in documents if each.get("current-context"))
    name = wanted or next(current, "")
    known = {
        str(each["name"]): each.get("context") or {}
        for document in reversed(documents)
        for each in document.get("contexts") or ()
    }
    if name not in known:
        said = f"has no context {name!r}" if name else "has no current context"
        choices = ", ".join(sorted(known)) or "it has none at all"
        raise CannotStart(f"the kubeconfig {where} {said}", hint=f"choose one with --context: {choices}")
    return name, str(known[name].get("namespace") or "default")


def _from_account(account: Path, environ: Mapping[str, str]) -> Login:
    configuration = _configuration()
    loader = official.incluster_config.InClusterConfigLoader(
        token_filename=str(account / "token"),
        cert_filename=str(account / "ca.crt"),
        environ=environ,
    )
    try:
        loader.load_and_set(configuration)
    except official.ConfigException as error:
        raise CannotStart(f"the pod's service account cannot be used: {error}") from error
    named = account / "namespace"
    return Login(IN_CLUSTER, named.read_text().strip() if named.is_file() else "default", configuration)


def _configuration() -> Configuration:
    # Not Configuration.get_default_copy(): another library in the process may have set a default.
    return Configuration()
