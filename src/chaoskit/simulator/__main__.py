"""Keeps one simulated cluster running until it is told to end: ``python -m chaoskit.simulator``."""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

from chaoskit.simulator.cluster import SimulatedCluster
from chaoskit.simulator.shop.director import NoSuchStoryError, unknown

QUIET = "quiet"
"""The story in which nothing goes wrong."""
_NOTES = 1.0
"""Seconds of the wall after which the time is noted again."""
_ENDING = (signal.SIGTERM, signal.SIGINT)


def main(arguments: Sequence[str] | None = None) -> None:
    """A cluster has run from the moment its status file was written until SIGTERM or SIGINT came."""
    parser = _parser()
    given = parser.parse_args(arguments)
    for number in _ENDING:
        signal.signal(number, _end)
    now = datetime.now(UTC)
    cluster = SimulatedCluster(
        seed=given.seed,
        rate=given.speed,
        start=beginning(given.clock, now) if given.clock else now,
        shop=given.shop,
        story=None if given.story == QUIET else given.story,
        port=given.port,
        history=timedelta(hours=given.history),
        pods=given.pods,
    )
    try:
        with cluster:
            _live(given, cluster)
    except NoSuchStoryError as refusal:
        parser.error(f"argument --story: {refusal}")


def _live(given: argparse.Namespace, cluster: SimulatedCluster) -> NoReturn:
    """Until a signal comes, the state folder says where the cluster is."""
    try:
        _keep()
        _tell(given, cluster)
        while True:
            _note(given.clock, cluster)
            threading.Event().wait(_NOTES)
    finally:
        _note(given.clock, cluster)
        for name in ("status.json", "kubeconfig"):
            (given.state / name).unlink(missing_ok=True)


def beginning(noted: Path, now: datetime) -> datetime:
    """`now`, or the time that is noted there if that is later; what cannot be read says nothing."""
    try:
        return max(now, datetime.fromisoformat(noted.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # none, no time, or one without a zone
        return now


def _note(path: Path | None, cluster: SimulatedCluster) -> None:
    """The file has the cluster's time, whole, whatever ends this process; a full disk ends no cluster."""
    if path is not None:
        with suppress(OSError):
            _replace(path, cluster.engine.datetime().isoformat())


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _keep() -> None:
    """What there is by now is never looked through for garbage again.

    It lives about as long as the cluster, and to look through a thousand pods takes a third of a second, in
    which nobody is answered.
    """
    gc.collect()
    gc.freeze()


def _end(*_: object) -> NoReturn:
    """Whatever is under way is left, once; a second signal does not disturb the tidying up."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise SystemExit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaoskit.simulator", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder for kubeconfig and status")
    parser.add_argument("--clock", type=Path, help="file for its time; begins no earlier than what is there")
    parser.add_argument("--speed", type=float, default=1.0, help="simulated seconds per second")
    parser.add_argument("--seed", type=int, default=7, help="the same seed, the same cluster")
    parser.add_argument("--story", type=_story, default=QUIET, help="what goes wrong")
    parser.add_argument("--history", type=float, default=0.0, help="hours lived through before the start")
    parser.add_argument("--port", type=int, default=0, help="port of the API server; 0: any free one")
    parser.add_argument("--pods", type=int, default=0, help="a drawn shop of so many pods, up to 1000")
    parser.add_argument("--no-shop", dest="shop", action="store_false", help="deploy no workloads")
    return parser


def _story(text: str) -> str:
    if wrong := unknown(text):
        raise argparse.ArgumentTypeError(wrong)
    return text


def _tell(given: argparse.Namespace, cluster: SimulatedCluster) -> None:
    """The state folder says where the cluster is; status.json comes last, and whole."""
    state: Path = given.state
    cluster.kubeconfig(state / "kubeconfig")
    status = {
        "pid": os.getpid(),
        "url": cluster.url,
        "prometheus": cluster.prometheus_url,
        "seed": cluster.engine.seed,
        "rate": cluster.engine.rate,
        "story": given.story,
        "history": given.history,
        "pods": given.pods,
        "startedAt": datetime.now(UTC).isoformat(),
    }
    _replace(state / "status.json", json.dumps(status, indent=2) + "\n")


if __name__ == "__main__":
    main()
