"""Keep watch over a cluster: predict, recover, take up runs."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli import secrecy
from chaoskit.cli.belonging import refuse_no_address
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import undoing
from chaoskit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaoskit.flows.controller import Controller
    from chaoskit.ports.cluster import ObjectRef

app = new_app(__doc__)

DEAF = (
    "what is posted to /alerts is known to the leader alone: who leads next knows of none until Alertmanager "
    "posts it again (repeat_interval); --alerts URL or the setting alerts_from names one that is asked"
)
"""Said to whoever lets alerts be posted, and names no Alertmanager."""

STUCK = 30.0
"""Seconds after which a loop that has not gone round is not healthy any more."""


class Only(StrEnum):
    """One duty alone."""

    PREDICT = "predict"
    RECOVER = "recover"
    RUNS = "runs"


@command(
    app,
    examples=(
        "chaoskit controller -n shop",
        "chaoskit controller -A --listen 0.0.0.0:8080",
        "chaoskit controller -A --only predict",
        "chaoskit controller -A --alerts http://alertmanager:9093",
    ),
)
def controller(
    session: Session,
    everywhere: Annotated[
        bool, typer.Option("-A", "--all-namespaces", help="In all namespaces but protected ones.")
    ] = False,
    only: Annotated[Only | None, typer.Option(help="Do nothing but this.")] = None,
    listen: Annotated[
        str, typer.Option(help="Where health and metrics are served; port 0 takes any.", metavar="HOST:PORT")
    ] = "127.0.0.1:0",
    runbooks: Annotated[
        list[Path] | None, typer.Option(help="Your runbooks, asked before the shipped.")
    ] = None,
    alerts: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="An Alertmanager that is asked what fires, as evidence; not that of the settings.",
        ),
    ] = "",
    confirm: Annotated[
        float | None,
        typer.Option(
            min=0, help="Seconds in which signals must confirm it, not the runbook's (2 min by default)."
        ),
    ] = None,
) -> None:
    """Keep watch: recover what breaks, predict what will, take up detached runs, finish dead ones.

    What Alertmanager posts to /alerts is evidence as well, with the bearer token of the setting alerts_token.
    Who leads next knows what fires when an Alertmanager is asked, by --alerts or the setting alerts_from.
    """
    from chaoskit.acts.leader import Leadership
    from chaoskit.alertmanager import posted
    from chaoskit.clock import refuse_when_stopped
    from chaoskit.events import Warned, both
    from chaoskit.flows.controller import DUTIES, Controller
    from chaoskit.recovery import runbook
    from chaoskit.runtime import alerts_at, alerts_set, check_address, endpoints, exposition

    check_address(listen)  # before anything is connected
    recovers = only in {None, Only.RECOVER}
    settings = session.loaded.settings
    _check_alerts(alerts, only, recovers=recovers)
    source = alerts_at(alerts, settings) if alerts else alerts_set(settings) if recovers else None
    books = runbook.made(secrecy.read(runbooks or ()))
    with (
        session.connected() as runtime,
        session.listening() as show,
        undoing(show, runtime.clock) as stop,
    ):
        stop.words = "the controller was stopped"
        shown = exposition()
        namespace = "" if everywhere else runtime.namespace
        lease = _lease(namespace or runtime.cluster_namespace or "default", only)
        running = Controller(
            runtime.world,
            Leadership(runtime.cluster, runtime.clock, lease),
            namespace=namespace,
            duties=(only.value,) if only else DUTIES,
            runbooks=books,
            confirm=None if confirm is None else timedelta(seconds=confirm),
            alerts=source,
            listen=both(show, shown),
            stop=stop,
        )
        _gauges(shown.gauge, running)
        hook = (lambda payload: running.hear(posted(payload)), settings.alerts_token)
        if recovers and settings.alerts_token and source is None:
            show(Warned(runtime.clock.now(), DEAF))
        with endpoints(
            listen,
            shown,
            health=lambda: _stuck(running),
            readiness=lambda: _unready(running),
            alerts=hook if recovers else None,
        ) as served:
            session.say(f"serving  {served.url}  (healthz, readyz, metrics{', alerts' if recovers else ''})")
            running.run()
        refuse_when_stopped(stop)


def _check_alerts(flag: str, only: Only | None, *, recovers: bool) -> None:
    """Somebody can be asked there, by somebody who heeds the answer.

    Raises:
        InvalidInput: nobody can, or nobody does.
    """
    if flag and not recovers:
        raise InvalidInput(f"--alerts and --only {only} do not go together: alerts are evidence for recovery")
    refuse_no_address("--alerts", flag)


def _lease(namespace: str, only: Only | None) -> ObjectRef:
    """Controllers that would do the same work elect one; a duty of its own is a lead of its own."""
    from chaoskit import kube
    from chaoskit.ports.cluster import ObjectRef

    return ObjectRef(kube.LEASE, namespace, "chaoskit-controller" + (f"-{only.value}" if only else ""))


def _gauges(gauge: Callable[[str, str, Callable[[], float]], None], running: Controller) -> None:
    gauge("chaoskit_leader", "1 while this process leads.", lambda: running.state.leads)
    gauge("chaoskit_queue_depth", "Work that is due or done.", lambda: running.state.depth)
    gauge("chaoskit_loop_silent_seconds", "Since the loop went round.", lambda: running.state.silent)


def _stuck(running: Controller) -> str:
    silent = running.state.silent
    return f"the loop has not gone round for {silent:.0f} s" if silent > STUCK else ""


def _unready(running: Controller) -> str:
    state = running.state
    return _stuck(running) or state.trouble or ("" if state.synced else "what is watched is not known yet")
