"""Keeps Litmus' actor attached to a real cluster: ``python -m chaoskit.simulator.litmus``.

It works until SIGTERM or SIGINT. The cluster must have no Litmus; its nodes must have the images that
``chaoskit.simulator.litmus.images`` makes.
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
from chaoskit.simulator.litmus import attached, manifests
from chaoskit.simulator.litmus.installation import Installation, InstallationError
from chaoskit.simulator.litmus.kinds import VERSION
from chaoskit.simulator.remote import RemoteApi

_ENDING = (signal.SIGTERM, signal.SIGINT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Litmus was in the cluster from the line on stdout on; stderr says what is left. 1: something failed."""
    given = _parser().parse_args(arguments)
    ended = threading.Event()
    for number in _ENDING:
        signal.signal(number, lambda *_: ended.set())
    engine = Engine(start=datetime.now(UTC))
    remote = RemoteApi(engine, given.kubeconfig, given.context)
    litmus = Installation(
        remote, tuple(given.namespace), tuple(given.fault or manifests.FAULTS), given.operator_namespace
    )
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
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--context", help="another context of the kubeconfig than its current one")
    parser.add_argument(
        "--namespace", action="append", default=[], help="gets the faults and an account; again for more"
    )
    parser.add_argument(
        "--fault",
        action="append",
        choices=list(manifests.FAULTS),
        help="only these faults, not all; again for more",
    )
    parser.add_argument("--operator-namespace", default="litmus", help="made if it is missing")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
