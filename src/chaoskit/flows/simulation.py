"""A simulated cluster kept running in a process of its own: up, down, status."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chaoskit import kube
from chaoskit.clock import Clock, Stop, refuse_when_stopped
from chaoskit.errors import CannotStart
from chaoskit.ports.cluster import Cluster, ObjectRef

PUBLISHED = ObjectRef(kube.CONFIG_MAP, "kube-system", "simulator")
"""Where a simulated cluster says what it is, and how its time follows the wall's."""
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Simulation:
    """A running simulator: where its kubeconfig lies, and how fast its time flows."""

    pid: int
    kubeconfig: Path
    url: str
    prometheus: str
    seed: int
    rate: float
    story: str
    started_at: datetime


def status(folder: Path) -> Simulation | None:
    """The simulator that keeps its state in `folder`; None when none runs there."""
    try:
        found = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if not _alive(found["pid"]):
        return None
    return Simulation(
        pid=found["pid"],
        kubeconfig=folder / "kubeconfig",
        url=found["url"],
        prometheus=found["prometheus"],
        seed=found["seed"],
        rate=found["rate"],
        story=found.get("story", ""),
        started_at=datetime.fromisoformat(found["startedAt"]),
    )


def up(
    folder: Path,
    *,
    speed: float = 1.0,
    seed: int = 7,
    story: str = "quiet",
    history: float = 0.0,
    stop: Stop | None = None,
) -> Simulation:
    """A simulator runs, detached from this process; the one that ran already is left as it is.

    `speed` is how many times faster than the wall its time flows, `history` how many hours of past it
    is given first.

    Raises:
        CannotStart: it ended or did not get ready; the message ends with what it said last.
        Interrupted: `stop` was set meanwhile; the process and its files are gone.
    """
    running = status(folder)
    if running is not None:
        return running
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    arguments = {"state": folder, "speed": speed, "seed": seed, "story": story, "history": history}
    flags = [part for name, value in arguments.items() for part in (f"--{name}", str(value))]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "chaoskit.simulator", *flags],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        return _ready(process, folder, stop or Stop())
    except BaseException as error:
        _end(process.pid)
        process.wait()
        if not isinstance(error, CannotStart):  # only then does somebody want to read its log
            shutil.rmtree(folder, ignore_errors=True)
        raise


def set_pace(cluster: Cluster, rate: float, *, wall: Clock, stop: Stop | None = None) -> None:
    """The simulated cluster's time flows `rate` times as fast as the wall's; clocks are to be read anew.

    Raises:
        CannotStart: it did not follow.
        Interrupted: `stop` was set meanwhile.
    """
    cluster.patch(PUBLISHED, {"data": {"wantedRate": f"{rate:g}"}})
    deadline = wall.monotonic() + _PATIENCE
    while float(cluster.get(PUBLISHED)["data"]["rate"]) != rate:
        if wall.monotonic() > deadline:
            raise CannotStart(f"the simulator's time does not flow {rate:g} times as fast")
        wall.sleep(0.05, stop)
        refuse_when_stopped(stop or Stop())


def down(folder: Path) -> bool:
    """No simulator runs there and its files are gone; False when none ran."""
    running = status(folder)
    if running is not None:
        _end(running.pid)
    shutil.rmtree(folder, ignore_errors=True)
    return running is not None


def _ready(process: subprocess.Popen[bytes], folder: Path, stop: Stop) -> Simulation:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        found = status(folder)
        if found is not None:
            process.returncode = 0  # it outlives us: nobody is to wait for it
            return found
        if process.poll() is not None:
            break
        stop.wait(0.05)
        refuse_when_stopped(stop)
    last = (folder / "log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
    raise CannotStart(
        f"the simulator did not start: {' / '.join(last) or 'it said nothing'}",
        hint=f"its log: {folder / 'log'}",
    )


def _alive(pid: int) -> bool:
    """Whether the process runs; a zombie child of ours does not."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _end(pid: int) -> None:
    """The process has ended: asked first, forced after five seconds."""
    for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not _alive(pid):
                return
            time.sleep(0.02)
