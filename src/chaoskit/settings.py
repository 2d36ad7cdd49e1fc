"""One frozen Settings: defaults, then file, then environment, then flags; and where each came from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from chaoskit import credentials
from chaoskit.documents import Document, Duration, Location, build, closest, parse, refuse, shown
from chaoskit.errors import InvalidInput, Problem
from chaoskit.redaction import is_address, nameless, scrubbed
from chaoskit.secretforms import HIDDEN
from chaoskit.secretvalues import SHORTEST

PREFIX = "CHAOSKIT_"

SHORTEST_KEY = 16
"""A shorter key can be guessed: whoever guesses it has models loaded, or alerts believed, of his own."""


def state_folder(environment: Mapping[str, str]) -> Path:
    """Where this user's state lies: ``CHAOSKIT_HOME``, or chaoskit's folder in the XDG state folder."""
    if home := environment.get("CHAOSKIT_HOME", "").strip():
        return Path(home)
    base = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "chaoskit"


class Settings(BaseModel):
    """Everything that can be set once; each can stand in the file, in ``CHAOSKIT_<NAME>`` or in a flag."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kubeconfig: str = Field(default="", description="path of the kubeconfig; empty: as kubectl finds it")
    context: str = Field(default="", description="context of the kubeconfig; empty: the current one")
    namespace: str = Field(default="", description="namespace; empty: the context's, or default")
    prometheus: str = Field(
        default="", description="address of Prometheus, for example http://localhost:9090"
    )
    prometheus_ca: str = Field(default="", description="CA bundle to check its certificate with")
    prometheus_token: str = Field(default="", description="bearer token for Prometheus", repr=False)
    prometheus_per_second: float = Field(
        default=0, ge=0, description="most questions to Prometheus in a second; 0: no cap"
    )
    webhook: str = Field(
        default="", description="address that is told when a recovery needs a person", repr=False
    )
    pagerduty_key: str = Field(
        default="", description="PagerDuty routing key (events v2) that is told as well", repr=False
    )
    pagerduty_url: str = Field(
        default="https://events.pagerduty.com/v2/enqueue", description="where PagerDuty takes events"
    )
    alertmanager: str = Field(
        default="", description="address of an Alertmanager in which an alert is raised as well"
    )
    alerts_token: str = Field(
        default="",
        description="bearer token of whoever posts alerts to the controller: 16 characters or more; "
        "empty: nobody may",
        repr=False,
    )
    alerts_from: str = Field(
        default="",
        description="address of an Alertmanager that the controller asks what fires, as evidence; "
        "for example http://localhost:9093",
    )
    alerts_from_ca: str = Field(default="", description="CA bundle to check its certificate with")
    alerts_from_token_file: str = Field(
        default="",
        description="file with the bearer token that it, and no other, is shown; read anew for each question",
    )
    store: str = Field(
        default="", description="mongodb://... or the path of an SQLite file; empty: in `home`"
    )
    store_ca: str = Field(default="", description="CA bundle to check MongoDB's certificate with")
    store_certificate: str = Field(
        default="", description="certificate and key, in one file, that MongoDB is shown"
    )
    prediction_days: int = Field(
        default=30, ge=0, description="days after which predictions leave the history; 0: never"
    )
    record_days: int = Field(
        default=0, ge=0, description="days after which runs and recoveries leave it; 0: never"
    )
    home: Path = Field(
        default=Path(), description="folder for the embedded store, trained models and simulators"
    )
    model: str = Field(default="", description="model that predict asks; empty: the promoted one")
    model_key: str = Field(
        default="",
        description="key that signs models, and lets in those of others who have it: 16 characters or more",
        repr=False,
    )
    max_pods: int = Field(default=0, ge=0, description="most pods that one act may disturb; 0: no cap")
    max_percent: float = Field(
        default=0, ge=0, le=100, description="most of a workload's pods that one act may disturb; 0: no cap"
    )
    chaos_cooldown: Duration = Field(default=0.0, description="rest between two experiments on a workload")
    recovery_cooldown: Duration = Field(default=0.0, description="rest between two recoveries of a workload")
    chaos_per_hour: int = Field(default=0, ge=0, description="most experiments in an hour; 0: no cap")
    recoveries_per_hour: int = Field(default=0, ge=0, description="most recoveries in an hour; 0: no cap")
    recoveries_percent: float = Field(
        default=50,
        ge=0,
        le=100,
        description="most of a namespace's workloads recovered in 10 minutes; 0: no cap",
    )
    recoveries_at_most: int = Field(
        default=10, ge=0, description="most workloads of a namespace recovered in 10 minutes; 0: no cap"
    )
    storm_rest: Duration = Field(
        default=600.0, description="rest from recovery after a mass failure was seen"
    )
    require_approval: bool = Field(default=False, description="a person says yes before each recovery")
    protected_namespaces: tuple[str, ...] = Field(
        default=(), description="namespaces without chaos, beside the usual"
    )
    unprotected_namespaces: tuple[str, ...] = Field(
        default=(), description="of the usual ones, such as kube-system, those in which pods may be hit"
    )
    signals: tuple[str, ...] = Field(
        default=(), description="files and folders with signals of your own (kind: Signals)"
    )

    @field_validator(
        "store", "prometheus_ca", "alerts_from_ca", "alerts_from_token_file", "store_ca", "store_certificate"
    )
    @classmethod
    def _at_home(cls, path: str) -> str:
        """``~`` is the user's home, as a shell would have it."""
        return str(_expanded(Path(path))) if path.startswith("~") else path

    @field_validator("home")
    @classmethod
    def _home_at_home(cls, home: Path) -> Path:
        return _expanded(home)

    @field_validator("signals")
    @classmethod
    def _signals_at_home(cls, signals: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(cls._at_home, signals))

    @field_validator("prometheus", "webhook", "pagerduty_url", "alertmanager", "alerts_from")
    @classmethod
    def _can_be_asked(cls, address: str) -> str:
        if address and not is_address(address):
            raise ValueError("an address such as http://localhost:9090")
        return address

    @field_validator("model_key", "alerts_token")
    @classmethod
    def _long_enough(cls, key: str) -> str:
        if key and len(key) < SHORTEST_KEY:
            raise ValueError(f"{SHORTEST_KEY} characters or more")
        return key


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as nobody:
        raise ValueError("a path in the home of a user who exists") from nobody


class Loaded(BaseModel):
    """The settings, and for each name where it was set: ``default``, a file, a variable or a flag.

    `warnings` say in words what was set and means nothing.
    """

    model_config = ConfigDict(frozen=True)

    settings: Settings
    origins: Mapping[str, str]
    warnings: tuple[str, ...] = ()


SECRET = frozenset(name for name, field in Settings.model_fields.items() if not field.repr)
"""The settings whose values are shown nowhere."""

VOUCHING = ("home", "kubeconfig", "model_key")
"""Who says these has code run: models of a home or with a key are unpickled, a kubeconfig names programs."""

VARIABLES = frozenset(PREFIX + name.upper() for name in SECRET)
"""The variables that hold those: who is run by chaoskit does not inherit them."""

_ADDRESSES = ("prometheus", "pagerduty_url", "alertmanager", "alerts_from", "store")
"""The settings whose values may log in, too."""
_LOGS_IN = re.compile(r"://|:.*@")
"""Without either, a store is a file, whatever it is called."""


def secrets_of(settings: Settings) -> frozenset[str]:
    """What the settings hold that nobody is to read, wherever it stands; what any text may say is none."""
    whole = {str(getattr(settings, name)) for name in SECRET}
    places = (str(getattr(settings, name)) for name in _ADDRESSES)
    logins = {each for place in places if _LOGS_IN.search(place) for each in credentials.of_address(place)}
    found = whole | logins | credentials.of_webhook(settings.webhook)
    return nameless((each for each in found if len(each) >= SHORTEST), (*Settings.model_fields, "chaoskit"))


RULE = "setting"
"""The rule of every problem with a setting: no line of a settings file is ever quoted."""


def load(
    flags: Mapping[str, Any],
    *,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Loaded:
    """The settings that hold now; a flag that is None was not given.

    Raises:
        InvalidInput: a file, variable or flag is wrong; names file and line or variable, field and what is
            expected.
    """
    env = os.environ if environment is None else environment
    given = [each for each in (_from_file(file, env),) if each is not None]
    given += [_alone(PREFIX + name.upper(), name, value) for name, value in _from_environment(env).items()]
    given += [_alone("flag", name, value) for name, value in flags.items() if value is not None]
    refuse([problem for document in given for problem in _wrong(document)])
    refuse([Problem("flag", name, "empty", "a value") for name in _CLUSTER if flags.get(name) == ""])
    values = {"home": state_folder(env)} | {n: value for each in given for n, value in each.value.items()}
    origins = {name: document.path for document in given for name in document.value}
    return Loaded(
        settings=Settings.model_validate(values),
        origins={name: origins.get(name, "default") for name in Settings.model_fields},
        warnings=tuple(_unknown(env)),
    )


_CLUSTER = ("kubeconfig", "context")
"""A flag that a failed command left empty would mean whatever cluster is the usual one."""


def file_name(file: Path | None, environment: Mapping[str, str]) -> str:
    """The settings file that counts: the one named, or ``chaoskit.yaml``."""
    return str(file or environment.get("CHAOSKIT_CONFIG") or "chaoskit.yaml")


def _from_file(file: Path | None, env: Mapping[str, str]) -> Document | None:
    """What the file says; one that was named must be there, ``chaoskit.yaml`` may be, and says less."""
    path = Path(file_name(file, env))
    named = bool(file or env.get("CHAOSKIT_CONFIG"))
    if not named and not path.exists():
        return None
    try:
        found = parse(path.read_text(encoding="utf-8-sig"), str(path))
    except OSError as error:
        raise InvalidInput(f"the settings file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        refuse([Problem(str(path), "file", "broken", "text in UTF-8", line, 1, rule=RULE)])
    except InvalidInput as error:
        refuse([discreet(each) for each in error.problems])
    if not found:
        return None
    first = found[0]
    if len(found) > 1 or not isinstance(first.value, dict):
        wanted = "one mapping of names to values"
        refuse([replace(first.problem((), "something else", wanted), rule=RULE)])
    if {"settings", "origins"} <= set(first.value):
        told = first.problem(
            (), "what chaoskit config has shown", "settings: chaoskit config init writes them"
        )
        refuse([replace(told, rule=RULE)])
    document = _underscored(first)
    if not named:
        refuse([_unasked(document, name) for name in VOUCHING if name in document.value])
    return document


def _unasked(document: Document, name: str) -> Problem:
    """A setting that runs others' code does not hold because a file lies where one happens to work."""
    wanted = f"{PREFIX}{name.upper()}, or --config {document.path}"
    told = document.problem((name,), "set by a file that nobody named", wanted, key=True)
    return replace(told, rule=RULE)


def discreet(problem: Problem) -> Problem:
    """What is no YAML, without what the file says: it may hold a token, or be nothing else."""
    if problem.field != "YAML":
        return replace(problem, rule=RULE)
    expected = problem.expected.partition(': "')[0]
    return replace(problem, found="broken", expected=expected, hint="", rule=RULE)


def _underscored(document: Document) -> Document:
    """The document with ``max-pods`` as ``max_pods``.

    Raises:
        InvalidInput: a name stands in it both ways.
    """
    names: dict[str, str] = {}
    for name in document.value:
        plain = name.replace("-", "_")
        if plain in names:
            line = document.place((names[plain],), key=True).line
            told = document.problem((name,), f"written twice, first in line {line}", "one value", key=True)
            refuse([replace(told, rule=RULE)])
        names[plain] = name
    value = {plain: document.value[name] for plain, name in names.items()}

    def under(location: Location) -> Location:
        return (str(location[0]).replace("-", "_"), *location[1:]) if location else ()

    places = {under(where): place for where, place in document.places.items()}
    return Document(document.path, value, places, {under(w): p for w, p in document.keys.items()})


def _alone(origin: str, name: str, value: Any) -> Document:
    return Document(origin, {name: value}, {}, {})


def _wrong(document: Document) -> Iterator[Problem]:
    """What is wrong with these settings; a value that is secret is not told."""
    try:
        build(document, Settings)
    except InvalidInput as error:
        for each in error.problems:
            name = each.field.partition(".")[0]
            hidden = name in SECRET and each.found != "unknown"
            found = HIDDEN if hidden else scrubbed(_told(name, document, each.found))
            expected = "a setting that exists" if each.found == "unknown" else each.expected
            line, column = (each.line, each.column) if document.places else (0, 0)
            yield replace(each, found=found, expected=expected, line=line, column=column, rule=RULE)


def _told(name: str, document: Document, found: str) -> str:
    """What was found, but of an address that is none without what stands before an @ in it."""
    given = document.value.get(name)
    told = credentials.without_login(given) if name in _ADDRESSES and isinstance(given, str) else given
    return found if told == given else shown(told)


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    """The variables that say something: an empty one is not set."""
    found = {
        name: text for name in Settings.model_fields if (text := env.get(PREFIX + name.upper(), "").strip())
    }
    return {name: _listed(v) if name in _LISTS else v for name, v in found.items()}


_LISTS = frozenset({"protected_namespaces", "unprotected_namespaces", "signals"})


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


_KNOWN = frozenset(
    {PREFIX + name.upper() for name in Settings.model_fields}
    | {f"{PREFIX}{name}" for name in ("CONFIG", "SHARED", "ISSUE", "RECOVERY", "TARGET")}
)
_OF_A_SERVICE = re.compile(rf"{PREFIX}(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT\w*|PORT|PORT_\d\w*)")
"""Variables that Kubernetes gives to every pod for a Service called chaoskit."""


def _unknown(env: Mapping[str, str]) -> Iterator[str]:
    """Variables that look like settings and are none, those for tests left alone."""
    for name in sorted(env):
        plain = not name.startswith((f"{PREFIX}TEST_", f"{PREFIX}BUILD_", f"{PREFIX}CLUSTER_"))
        if name.startswith(PREFIX) and plain and name not in _KNOWN and not _OF_A_SERVICE.fullmatch(name):
            yield f"{name} is no setting; {closest(name, _KNOWN) or 'chaoskit config lists them'}"


def written(settings: Settings) -> str:
    """The settings as a file that loads back: each with its meaning, those at their default as comments.

    What is secret is left out: it belongs in the environment.
    """
    from chaoskit.documents import dump

    lines: list[str] = []
    usual = Settings(home=settings.home)
    plain, defaults = settings.model_dump(mode="json"), usual.model_dump(mode="json")
    for name, field in Settings.model_fields.items():
        entry = dump({name: plain[name]}).rstrip("\n")
        secret = name in SECRET or (isinstance(plain[name], str) and scrubbed(plain[name]) != plain[name])
        if secret or (name in VOUCHING and plain[name] != defaults[name]):
            entry = f"# {name}: in the environment, as {PREFIX}{name.upper()}"
        elif plain[name] == defaults[name]:
            entry = "\n".join(f"# {line}" for line in entry.splitlines())
        lines += [f"# {field.description}", entry, ""]
    return "\n".join(lines)
