"""Tells people: what could not be mended, what was mended after that, and the target's events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chaoskit import kube
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError
from chaoskit.events import Listener, Step, Warned, ignore
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster
from chaoskit.ports.notifier import Notice, Notifier, Severity
from chaoskit.recovery import told
from chaoskit.recovery.issues import Issue
from chaoskit.recovery.symptoms import Severity as Grave
from chaoskit.recovery.symptoms import minutes
from chaoskit.recovery.told import Matter, Told
from chaoskit.redaction import redacted, scrubbed

Steps = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class People:
    """Whoever is on call: told once of what lasts, as the cluster remembers, and when it is over.

    Without a `notifier`, or with one that nobody hears, nobody can be told; it is written down all the same,
    so that it is not tried again and again. What looks secret, and the `secrets` of this installation, they
    are not told.
    """

    cluster: Cluster
    clock: Clock
    notifier: Notifier | None
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def heard(self) -> bool:
        """Whether anybody is there to be told."""
        return self.notifier is not None and self.notifier.heard

    def send(self, notice: Notice) -> None:
        """Whoever is there to be told took the notice, without secrets; `Unavailable` when nobody did."""
        if self.notifier is not None:
            self.notifier.send(discreet(notice, self.secrets))

    def known(self, matter: Matter, again: float, *, idle: bool = False) -> Told | None:
        """What they were told of the matter, when that is still good enough; else None.

        That it is not acted on is good enough only for what is `idle` still.
        """
        found = told.look(self.cluster, matter)
        span = timedelta(seconds=again)
        due = found is None or found.is_due(matter, span, self.clock.now(), heard=self.heard, idle=idle)
        return None if due else found

    def tell(
        self,
        matter: Matter,
        text: str,
        severity: Severity,
        run: str,
        *,
        again: float | None,
        idle: bool = False,
    ) -> str:
        """They know, by now or for some time; says so in words. `idle` is what is not acted on.

        Without `again` they are told whatever they know.

        Raises:
            Unavailable: nobody took the notice: they do not know.
        """
        already = None if again is None else self.known(matter, again, idle=idle)
        if already is not None:
            return known_words(already, self.clock.now())
        labels = {**matter.labels, "recovery": run}
        self.send(Notice(matter.title, text, severity, labels, matter.key))
        said = "a person was told" if self.heard else "a person has to look; nobody is there to be told"
        try:
            before = told.look(self.cluster, matter)
            told.note(self.cluster, self.clock, matter, before, heard=self.heard, idle=idle)
        except ChaoskitError as error:
            return f"{said}; that could not be written down, so it will be told again: {error.message}"
        return said

    def all_clear(self, known: Told, how: str) -> None:
        """They know that what they were told of is over; `how` says in words.

        Raises:
            Unavailable: nobody took the notice: it stands for another try.
        """
        matter = known.matter
        if known.heard:
            title = f"{matter.title}: {how}"
            self.send(Notice(title, "", "info", matter.labels, matter.key, resolved=True))
        told.forget(self.cluster, known)

    def review(
        self, namespaces: Collection[str], stands: Callable[[Told], bool | None], listen: Listener = ignore
    ) -> None:
        """They know what is over of what they were told of in these namespaces.

        `stands` says of each whether it is still to be seen, None where that cannot be told. It is over when
        it was not to be seen for some minutes.
        """
        for each in told.known(self.cluster, namespaces):
            seen, title = stands(each), each.matter.title
            try:
                if seen is not None and told.seen(self.cluster, self.clock, each, stands=seen):
                    self.all_clear(each, "over")
                    listen(Step(self.clock.now(), "cleared", "done", title))
            except ChaoskitError as error:
                listen(Warned(self.clock.now(), f"{title} is over, but nobody was told: {error.message}"))


def discreet(notice: Notice, secrets: Collection[str] = ()) -> Notice:
    """The notice without what looks secret in it, and without these `secrets`; what it is about is told."""
    told = {"title": notice.title, "text": notice.text, "labels": dict(notice.labels)}
    return replace(notice, **redacted(told, secrets, notice.labels.values()))


def known_words(known: Told, now: datetime) -> str:
    """``a person was told 12 min ago``."""
    ago = "" if known.at is None else f" {minutes((now - known.at).total_seconds())} ago"
    return f"a person was told{ago}" if known.heard else f"it was written down{ago}; nobody was there to tell"


def severity_of(issue: Issue) -> Severity:
    """How gravely a person is told of it: critical is what hurts now."""
    return "critical" if issue.severity >= Grave.HIGH else "warning"


def text_of(issue: Issue, steps: Steps, end: str = "") -> str:
    """What is wrong, what was tried and what `end` says, for the person who has to look."""
    tried = (f"tried {s['action']}: {s['detail']}" for s in steps if s["action"] != "notify")
    return "\n".join((*issue.evidence, *tried, *filter(None, (end,))))


def end_of(outcome: Outcome, left: str) -> str:
    """``undo not confirmed: ...``, then what that means for whoever reads it, and what to run."""
    return f"{outcome.words}: {left}\n{outcome.row.meaning}"


def record_event(
    cluster: Cluster, clock: Clock, issue: Issue, run: str, outcome: Outcome, reason: str
) -> None:
    """The target's events tell how the recovery ended, for whoever describes it; where that is allowed."""
    now, target = kube.timestamp(clock.now()), issue.target
    good = outcome.exit_code == 0
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{target.name}.{run}",
            "namespace": target.namespace or "default",
            "labels": {kube.MANAGED_BY: "chaoskit", kube.RUN_LABEL: run},
        },
        "involvedObject": {
            "apiVersion": f"{target.kind.group}/v1".lstrip("/"),
            "kind": target.kind.name,
            "name": target.name,
            "namespace": target.namespace,
            "uid": target.uid,
        },
        "reason": "".join(word.capitalize() for word in outcome.words.split()),
        "message": scrubbed(f"{issue.kind}: {reason}")[:1000],
        "type": "Normal" if good else "Warning",
        "source": {"component": "chaoskit"},
        "firstTimestamp": now[:19] + "Z",
        "lastTimestamp": now[:19] + "Z",
        "count": 1,
    }
    with suppress(ChaoskitError):
        cluster.create(body)
