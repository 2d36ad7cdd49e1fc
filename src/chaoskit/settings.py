"""One frozen Settings: defaults, then file, then environment, then flags; and where each came from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from chaoskit.documents import Duration
from chaoskit.errors import InvalidInput, Problem
from chaoskit.redaction import HIDDEN, scrubbed

PREFIX = "CHAOSKIT_"

SHORTEST_KEY = 16
"""A shorter key can be guessed, and whoever guesses it has models of his own loaded."""


def state_folder(environment: Mapping[str, str]) -> Path:
    """Where this user's state lies: ``CHAOSKIT_HOME``, or chaoskit's folder in the XDG state folder."""
    if environment.get("CHAOSKIT_HOME"):
        return Path(environment["CHAOSKIT_HOME"])
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
    signals: tuple[str, ...] = Field(
        default=(), description="files and folders with signals of your own (kind: Signals)"
    )

    @field_validator("model_key")
    @classmethod
    def _long_enough(cls, key: str) -> str:
        if key and len(key) < SHORTEST_KEY:
            raise ValueError(f"{SHORTEST_KEY} characters or more")
        return key


class Loaded(BaseModel):
    """The settings, and for each name where it was set: ``default``, a file, a variable or a flag."""

    model_config = ConfigDict(frozen=True)

    settings: Settings
    origins: Mapping[str, str]


def load(
    flags: Mapping[str, Any],
    *,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Loaded:
    """The settings that hold now; a flag that is None was not given.

    Raises:
        InvalidInput: a file, variable or flag is wrong; names file or variable, field and what is expected.
    """
    env = os.environ if environment is None else environment
    values: dict[str, Any] = {"home": state_folder(env)}
    origins: dict[str, str] = {}
    for origin, layer in (
        (_file_name(file, env), _from_file(file, env)),
        ("", _from_environment(env)),
        ("flag", flags),
    ):
        for name, value in layer.items():
            if value is not None:
                values[name] = value
                origins[name] = origin or PREFIX + name.upper()
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise InvalidInput("the settings cannot be used", problems=_problems(error, origins)) from error
    return Loaded(settings=settings, origins={n: origins.get(n, "default") for n in Settings.model_fields})


def _file_name(file: Path | None, env: Mapping[str, str]) -> str:
    return str(file or env.get("CHAOSKIT_CONFIG") or "chaoskit.yaml")


def _from_file(file: Path | None, env: Mapping[str, str]) -> dict[str, Any]:
    """What the file says; one that was named must be there, ``chaoskit.yaml`` may be."""
    path = Path(_file_name(file, env))
    named = file is not None or "CHAOSKIT_CONFIG" in env
    if not named and not path.exists():
        return {}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise InvalidInput(f"the settings file {path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        at = f" at line {mark.line + 1}" if mark else ""  # not the line itself: it may hold a token
        raise InvalidInput(f"the settings file {path} is no YAML{at}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"the settings file {path} is no mapping of names to values")
    return {str(name).replace("-", "_"): value for name, value in found.items()}


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    """The variables that say something: an empty one is not set."""
    names = (name for name in Settings.model_fields if name != "home")
    found = {name: text for name in names if (text := env.get(PREFIX + name.upper(), "").strip())}
    return {name: _listed(v) if name in _LISTS else v for name, v in found.items()}


_LISTS = frozenset({"protected_namespaces", "signals"})


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


SECRET = frozenset(name for name, field in Settings.model_fields.items() if not field.repr)
"""The settings whose values are shown nowhere."""


def _told(name: str, value: object) -> str:
    return HIDDEN if name in SECRET else scrubbed(repr(value))


def _problems(error: ValidationError, origins: Mapping[str, str]) -> list[Problem]:
    return [
        Problem(
            path=origins.get(str(each["loc"][0]), "settings"),
            field=".".join(str(part) for part in each["loc"]),
            found="set" if each["type"] == "extra_forbidden" else _told(str(each["loc"][0]), each["input"]),
            expected="a setting that exists" if each["type"] == "extra_forbidden" else each["msg"],
        )
        for each in error.errors()
    ]
