"""The conditions of a steady state, as people write them: a signal, a workload, a URL or an alert."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from chaoskit.documents import Duration, Written, closest
from chaoskit.signals import BY_NAME

Mode = Literal["before", "after", "edges", "continuous"]
"""When a condition must hold: ``edges`` is before and after, ``continuous`` during the fault as well."""


class SignalCondition(Written):
    """A signal stays on one side of a bound. Several series: the worst of them counts."""

    signal: str
    below: float | None = None
    above: float | None = None
    workload: str = Field(default="", description="deployment/cart; every pod of the namespace when empty")
    labels: dict[str, str] = Field(default_factory=dict)

    @field_validator("signal")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in BY_NAME:
            hint = closest(name, BY_NAME)
            raise ValueError("a signal of the catalogue" + (f"; {hint}" if hint else ""))
        return name

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.below is None) == (self.above is None):
            raise ValueError("either below or above")
        return self


class WorkloadCondition(Written):
    """A workload has so many ready pods (all that it wants when not said), or a condition is true."""

    workload: str
    ready: int | None = Field(default=None, ge=0)
    condition: str = Field(default="", description="a status condition such as Available")


class HttpCondition(Written):
    """A URL answers with this status, in time, with this text in it."""

    url: str = Field(pattern=r"^https?://")
    status: int = Field(default=200, ge=100, le=599)
    contains: str = ""
    timeout: Duration = 5.0


class AlertCondition(Written):
    """An alert does not fire."""

    name: str
    labels: dict[str, str] = Field(default_factory=dict)


class Condition(Written):
    """One thing that must hold: what, when, how often it is looked at, and whether to abort without it.

    `recovers_within` is the time that the system has, after the fault, to get back to it.
    """

    name: str = ""
    prometheus: SignalCondition | None = None
    kubernetes: WorkloadCondition | None = None
    http: HttpCondition | None = None
    alert: AlertCondition | None = None
    mode: Mode = "continuous"
    abort: bool = False
    interval: Duration = Field(default=5.0, gt=0)
    recovers_within: Duration = 60.0

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(each is not None for each in self.sources) != 1:
            raise ValueError("exactly one of prometheus, kubernetes, http, alert")
        if self.abort and self.mode != "continuous":
            raise ValueError("mode continuous where abort is true")
        return self

    @property
    def sources(self) -> tuple[Written | None, ...]:
        """The four of which one is given."""
        return (self.prometheus, self.kubernetes, self.http, self.alert)

    @property
    def title(self) -> str:
        """What a person calls it: its name, or what it looks at."""
        if self.name:
            return self.name
        if self.prometheus is not None:
            whose = f" of {self.prometheus.workload}" if self.prometheus.workload else ""
            return self.prometheus.signal + whose
        if self.kubernetes is not None:
            return f"{self.kubernetes.workload} {self.kubernetes.condition or 'ready'}"
        if self.http is not None:
            return self.http.url
        return f"alert {self.alert.name}" if self.alert is not None else ""

    @property
    def before(self) -> bool:
        """Whether it must hold before the fault."""
        return self.mode != "after"

    @property
    def after(self) -> bool:
        """Whether it must hold after the fault."""
        return self.mode != "before"

    @property
    def during(self) -> bool:
        """Whether it must hold while the fault is there."""
        return self.mode == "continuous"
