"""A run that does nothing: what it would send, what would change, what the server says to it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from chaoskit.cli.render import emit
from chaoskit.cli.secrecy import hidden
from chaoskit.outcome import Outcome, gravest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from chaoskit.cli.session import Session
    from chaoskit.experiments import Plan, Trial
    from chaoskit.experiments.rehearsal import Sent
    from chaoskit.ports.cluster import Cluster


def offline(trials: Sequence[Trial]) -> None:
    """What a run would send is on stdout as YAML, secrets hidden, as far as is known without a cluster."""
    from chaoskit.documents import dump
    from chaoskit.experiments import rehearsal

    texts: list[str] = []
    for trial in trials:
        sent = [dump(hidden(body)) for body in rehearsal.offline(trial)]
        texts += sent or [f"# {trial.name} changes what it finds in the cluster: --dry-run server shows it\n"]
    sys.stdout.write("---\n".join(texts))


def show_difference(session: Session, plans: Sequence[Plan], cluster: Cluster) -> None:
    """What a run would change is on stderr: objects as a diff, direct changes in words."""
    from chaoskit.experiments import rehearsal

    for each in plans:
        for words in each.prepared.changes:
            session.say(hidden(f"~ {words}"))
        if found := rehearsal.difference(each, cluster):
            session.say(found.rstrip())


def tried(session: Session, plans: Sequence[Plan], cluster: Cluster) -> int:
    """The exit code of what checks and server say to the plans; nothing was kept."""
    from chaoskit.experiments import rehearsal

    sent = [each for plan in plans for each in rehearsal.tried(plan, cluster)]
    found = [each.outcome or Outcome.DONE for each in plans]
    found += [Outcome.INVALID_INPUT for each in sent if each.complaint]
    outcome = gravest(found)
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "plans": [each.document() for each in plans],
        "objects": [{"object": each.body, "complaint": each.complaint} for each in sent],
    }
    emit(session, "dry-run", hidden(document), lambda out: _table(out, plans, sent))
    return outcome.exit_code


def _table(out: Console, plans: Sequence[Plan], sent: Sequence[Sent]) -> None:
    from chaoskit import kube
    from chaoskit.cli.plan import show

    show(out, plans, "")
    for each in sent:
        words = f"{'✖' if each.complaint else '✔'} {kube.ref_of(each.body)} {each.complaint}"
        out.print(hidden(words.rstrip()))
