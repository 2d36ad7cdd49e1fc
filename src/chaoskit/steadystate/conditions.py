"""The conditions of a steady state, as people write them: a signal, a workload, a URL or an alert."""

from __future__ import annotations

import shlex
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator, model_validator

from chaoskit.documents import Duration, Written, closest
from chaoskit.ports.metrics import Signal
from chaoskit.redaction import scrubbed
from chaoskit.signals import KNOWN

Mode = Literal["before", "after", "edges", "continuous"]
"""When a condition must hold: ``edges`` is before and after, ``continuous`` during the fault as well."""


def _workload_name(text: str) -> str:
    kind, slash, name = text.rpartition("/")
    if not text or ((not slash or kind in _KINDS) and name):
        return text
    hint = closest(kind, _KINDS).replace("?", f"/{name}?") if name else ""
    raise ValueError(
        "deployment/NAME, statefulset/NAME, daemonset/NAME or NAME" + (f"; {hint}" if hint else "")
    )


_KINDS = ("deployment", "statefulset", "daemonset")
WorkloadName = Annotated[
    str,
    AfterValidator(_workload_name),
    WithJsonSchema({"type": "string", "pattern": rf"^(({'|'.join(_KINDS)})/)?[^/]*$"}),
]
"""A workload as a person names it: ``deployment/cart``, or ``cart`` alone."""


class SignalCondition(Written):
    """A signal, or a query of one's own, stays on one side of a bound. Of several series the worst counts."""

    signal: str = ""
    query: str = Field(default="", description="PromQL of your own, instead of a signal")
    below: float | None = None
    above: float | None = None
    workload: WorkloadName = Field(
        default="", description="deployment/cart; every pod of the namespace when empty"
    )
    labels: dict[str, str] = Field(default_factory=dict)

    @field_validator("signal")
    @classmethod
    def _known(cls, name: str) -> str:
        if name and name not in KNOWN:
            hint = closest(name, KNOWN)
            raise ValueError("a signal of the catalogue" + (f"; {hint}" if hint else ""))
        return name

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if bool(self.signal) == bool(self.query):
            raise ValueError("either signal or query")
        if (self.below is None) == (self.above is None):
            raise ValueError("either below or above")
        if self.query and (self.workload or self.labels):
            raise ValueError("a query that says itself which workload and labels it means")
        return self

    @property
    def measured(self) -> Signal:
        """The signal that is known by that name, or one made of the query."""
        if self.signal:
            return KNOWN[self.signal]
        return Signal(self.query, "", "gauge", "workload", "", self.query, self.query)

    @property
    def late(self) -> float:
        """Seconds until what happens is in it: until it is scraped, and what is recorded of that."""
        return 2.0 * self.measured.step

    def where(self, namespace: str) -> dict[str, str]:
        """The labels of the series that are meant; a query says itself which."""
        if self.query:
            return {}
        kind, _, name = self.workload.rpartition("/")
        whose = {"workload": name, "workload_kind": kind} if name else {}
        return {"namespace": namespace, **self.labels, **{k: v for k, v in whose.items() if v}}


class WorkloadCondition(Written):
    """A workload has so many ready pods (all that it wants when not said), or a condition is true."""

    workload: WorkloadName
    ready: int | None = Field(default=None, ge=0)
    condition: str = Field(default="", description="a status condition such as Available")


class WorkloadElsewhere(WorkloadCondition):
    """The same of a workload in another namespace; nobody writes it, a run looks so at what it hit there."""

    namespace: str


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


class CommandCondition(Written):
    """A command ends so, with this text in what it writes: on this machine, or in a pod of a workload."""

    run: tuple[str, ...] | str = Field(description="a program with its arguments, or one line for sh")
    workload: WorkloadName = Field(
        default="", description="deployment/cart: in one of its pods; here when empty"
    )
    container: str = ""
    exit_code: int = Field(default=0, ge=0, le=255)
    contains: str = ""
    timeout: Duration = 10.0

    @field_validator("run")
    @classmethod
    def _something(cls, command: tuple[str, ...] | str) -> tuple[str, ...] | str:
        if not command or not (command if isinstance(command, str) else command[0]).strip():
            raise ValueError("a command")
        return command

    @property
    def argv(self) -> tuple[str, ...]:
        """The program and its arguments; a line is handed to a shell."""
        return ("sh", "-c", self.run) if isinstance(self.run, str) else self.run

    @property
    def line(self) -> str:
        """The command as a person types it."""
        return self.run if isinstance(self.run, str) else shlex.join(self.run)


READS = 10.0
"""Wall seconds in which a cluster or Prometheus answers; a look at it that takes twice that is given up."""


class Condition(Written):
    """One thing that must hold: what, when, how often it is looked at, and whether to abort without it.

    `recovers_within` is the time that the system has, after the fault, to get back to it. `lag` is how late
    it shows what happens: for so long after the fault it is looked at as under it, and when that is over.
    With `litmus_probe` Litmus looks at it as well, where it is Litmus that injects.
    """

    name: str = ""
    prometheus: SignalCondition | None = None
    kubernetes: WorkloadCondition | None = None
    http: HttpCondition | None = None
    alert: AlertCondition | None = None
    command: CommandCondition | None = None
    litmus_probe: bool = False
    mode: Mode = "continuous"
    abort: bool = False
    interval: Duration = Field(default=5.0, gt=0)
    recovers_within: Duration = 60.0
    lag: Duration = Field(default=0.0, description="so long after the fault it shows it yet: 45s")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(each is not None for each in self.sources) != 1:
            raise ValueError("exactly one of prometheus, kubernetes, http, alert, command")
        if self.abort and self.mode != "continuous":
            raise ValueError("mode continuous where abort is true")
        if self.lag and self.mode != "continuous":
            raise ValueError("mode continuous where there is a lag")
        if self.litmus_probe and not self._as_probe():
            raise ValueError(
                "litmusProbe with http without contains, a command without workload, or a prometheus query"
                " without $, ` and \\"
            )
        return self

    def _as_probe(self) -> bool:
        """Litmus has no such probe for the others, and runs a query between a shell's double quotes."""
        if self.http is not None:
            return not self.http.contains
        if self.command is not None:
            return not self.command.workload
        return self.prometheus is not None and not set("$`\\") & set(self.prometheus.query)

    @property
    def sources(self) -> tuple[Written | None, ...]:
        """Those of which one is given."""
        return (self.prometheus, self.kubernetes, self.http, self.alert, self.command)

    @property
    def title(self) -> str:
        """What a person calls it: its name, or what it looks at."""
        if self.name:
            return self.name
        if self.prometheus is not None:
            whose = f" of {self.prometheus.workload}" if self.prometheus.workload else ""
            return (self.prometheus.signal or scrubbed(self.prometheus.query)) + whose
        if self.kubernetes is not None:
            return f"{self.kubernetes.workload} {self.kubernetes.condition or 'ready'}"
        if self.http is not None:
            return scrubbed(self.http.url)
        if self.command is not None:
            return scrubbed(self.command.line)
        return f"alert {self.alert.name}" if self.alert is not None else ""

    @property
    def workload(self) -> str:
        """The workload that it names; "" where it may be about any."""
        source = self.prometheus or self.kubernetes or self.command
        return "" if source is None else source.workload

    def namespace(self, home: str) -> str:
        """Where it looks, of an experiment in namespace `home`."""
        source = self.prometheus or self.alert
        return home if source is None else source.labels.get("namespace", home)

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

    @property
    def watched(self) -> bool:
        """Whether it is looked at while the fault is there.

        Pods are, though they need not be ready then: for how long they were not is known only so.
        """
        return self.during or (self.after and self.kubernetes is not None)

    @property
    def answers_within(self) -> float:
        """Wall seconds that whatever it looks at takes at most to be reached, and again to answer."""
        source = self.http or self.command
        return READS if source is None else source.timeout
