"""Litmus' actor on a real cluster that has no Litmus: ``python -m chaoskit.simulator.litmus``.

``images FOLDER`` writes the root file system of the images that its pods need, and prints the names to give
it on the nodes; ``attach --kubeconfig FILE`` then keeps the actor at work until SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from chaoskit.simulator.api import ApiError
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.litmus import attached, images, manifests
from chaoskit.simulator.litmus.installation import Installation, InstallationError
from chaoskit.simulator.litmus.kinds import VERSION
from chaoskit.simulator.remote import RemoteApi

_ENDING = (signal.SIGTERM, signal.SIGINT)


def main(arguments: Sequence[str] | None = None) -> int:
    """What was asked for is done; 0, or 1 when anything failed."""
    given = _parser().parse_args(arguments)
    done: int = given.do(given)
    return done


def write_images(given: argparse.Namespace) -> int:
    """The folder holds the images' file system, stdout their names, one a line."""
    images.write(given.folder)
    sys.stdout.write("".join(f"{name}\n" for name in images.NAMES))
    return 0


def attach(given: argparse.Namespace) -> int:
    """Litmus was in the cluster from the line on stdout until the signal; stderr says what is left of it."""
    ended = threading.Event()
    for number in _ENDING:
        signal.signal(number, lambda *_: ended.set())
    engine = Engine(start=datetime.now(UTC))
    remote = RemoteApi(engine, given.kubeconfig, given.context)
    faults = tuple(given.fault or manifests.BY_STUBS)
    litmus = Installation(remote, tuple(given.namespace), faults, given.operator_namespace)
    try:
        return _attached(litmus, remote, engine, ended)
    finally:
        engine.stop()
        remote.close()


def _attached(litmus: Installation, remote: RemoteApi, engine: Engine, ended: threading.Event) -> int:
    try:
        litmus.put()
    except (InstallationError, ApiError) as error:
        sys.stderr.write(f"{error}\n")
        with contextlib.suppress(ApiError):
            litmus.remove()
        return 1
    engine.start()
    attached.operator(remote, engine).start()
    sys.stdout.write(f"Litmus {VERSION}, simulated, is attached in namespace {litmus.operator_namespace}\n")
    sys.stdout.flush()
    ended.wait()
    left = litmus.remove()
    sys.stderr.write("".join(f"left: {each}\n" for each in left))
    return 1 if engine.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaoskit.simulator.litmus", description=__doc__)
    commands = parser.add_subparsers(required=True)
    writing = commands.add_parser("images", help="write the file system of the images")
    writing.add_argument("folder", type=Path)
    writing.set_defaults(do=write_images)
    attaching = commands.add_parser("attach", help="install Litmus, and be its operator")
    attaching.add_argument("--kubeconfig", type=Path, required=True)
    attaching.add_argument("--context", help="another context of the kubeconfig than its current one")
    attaching.add_argument(
        "--namespace", action="append", default=[], help="gets the faults and an account; again for more"
    )
    attaching.add_argument(
        "--fault", action="append", choices=list(manifests.BY_STUBS), help="not all faults; again for more"
    )
    attaching.add_argument("--operator-namespace", default="litmus", help="made if it is missing")
    attaching.set_defaults(do=attach)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
