"""A simulated cluster kept running in a process of its own: up, down, status.

Whoever starts a simulator takes the lock of its folder and hands it on: the simulator holds it as long as
it lives, the kernel frees it whatever ends it. So a folder has one simulator, and the number that its
status file names is its own, never that of a stranger who was given the same number since.

Beside the folder lies what the last one's clock showed when it ended: the next begins there, if that is later
than now. So what is kept of one is older than what is kept of the next.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from chaoskit import kube
from chaoskit.clock import Clock, Stop, refuse_when_stopped
from chaoskit.errors import CannotStart, UnknownName
from chaoskit.ports.cluster import Cluster, ObjectRef

PUBLISHED = ObjectRef(kube.CONFIG_MAP, "kube-system", "simulator")
"""Where a simulated cluster says what it is, and how its time follows the wall's."""
_PATIENCE, _PAST = 120.0, 0.1
"""Seconds in which one is ready, and so many more for each hour of past of each pod of a drawn shop."""
_GRACE = 5.0
"""Seconds for a process to end in order."""
_STATUS, _LOCK = "status.json", "lock"
_MISUSED = 2
"""How the simulator ends when it is asked for what it does not have."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """A running simulator: where its kubeconfig lies, how fast its time flows, its hours of past.

    `pods` is how many its drawn shop was asked to have, 0 for the usual shop.
    """

    pid: int
    kubeconfig: Path
    url: str
    prometheus: str
    seed: int
    rate: float
    story: str
    history: float
    pods: int
    started_at: datetime


def status(folder: Path) -> Simulation | None:
    """The simulator that keeps its state in `folder`; None when none is ready there."""
    if not _held(folder):
        return None
    try:
        found = json.loads((folder / _STATUS).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return Simulation(
        pid=found["pid"],
        kubeconfig=folder / "kubeconfig",
        url=found["url"],
        prometheus=found["prometheus"],
        seed=found["seed"],
        rate=found["rate"],
        story=found["story"],
        history=found["history"],
        pods=found["pods"],
        started_at=datetime.fromisoformat(found["startedAt"]),
    )


def up(
    folder: Path,
    *,
    speed: float = 1.0,
    seed: int = 7,
    story: str = "quiet",
    history: float = 0.0,
    pods: int = 0,
    stop: Stop | None = None,
) -> Simulation:
    """A simulator runs, detached from this process; one that ran already, or starts, is left as it is.

    Its clock begins now, or where the last one's of this folder ended, whatever is later. `speed` is how many
    times faster than the wall its time flows, `history` how many hours of past it is given first. With `pods`
    its shop is a drawn one of that many.

    Raises:
        UnknownName: there is no such story; those that there are stand in the message.
        CannotStart: it ended or did not get ready; the message ends with what it said last. Or nothing can
            be kept in `folder`.
        Interrupted: `stop` was set meanwhile; the process and its files are gone.
    """
    stop = stop or Stop()
    arguments = {
        "state": folder,
        "clock": folder.with_name(f"{folder.name}.clock"),
        "speed": speed,
        "seed": seed,
        "story": story,
        "history": history,
        "pods": pods,
    }
    deadline = time.monotonic() + _PATIENCE + _PAST * pods * history
    while time.monotonic() < deadline:
        with contextlib.closing(_open(folder)) as lock:
            if _taken(lock, folder):
                return _started(folder, lock, arguments, deadline, stop)
        running = status(folder)
        if running is not None:
            return running
        stop.wait(0.05)
        refuse_when_stopped(stop)
    raise CannotStart("another simulator starts there, and does not get ready", hint="chaoskit sim down")


def _started(
    folder: Path, lock: BinaryIO, arguments: Mapping[str, object], deadline: float, stop: Stop
) -> Simulation:
    (folder / _STATUS).unlink(missing_ok=True)  # of one that was killed
    flags = [part for name, value in arguments.items() for part in (f"--{name}", str(value))]
    with (folder / "log").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "chaoskit.simulator", *flags],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )
    try:
        return _ready(process, folder, deadline, stop)
    except BaseException as error:
        process.terminate()
        _wait(process)
        if not isinstance(error, CannotStart):  # else somebody wants to read its log
            shutil.rmtree(folder, ignore_errors=True)
        raise


@contextlib.contextmanager
def lent(
    *,
    speed: float = 1.0,
    seed: int = 7,
    story: str = "quiet",
    history: float = 0.0,
    stop: Stop | None = None,
) -> Iterator[Simulation]:
    """A simulator for as long as the block lasts; it and all that lay beside its kubeconfig are gone then.

    Raises:
        UnknownName: there is no such story.
        CannotStart: it ended or did not get ready; the message ends with what it said last.
        Interrupted: `stop` was set meanwhile.
    """
    with tempfile.TemporaryDirectory(prefix="chaoskit-sim-") as state:
        folder = Path(state) / "sim"
        try:
            running = up(folder, speed=speed, seed=seed, story=story, history=history, stop=stop)
        except CannotStart as error:
            raise CannotStart(error.message) from error  # the log that its hint names goes with the folder
        try:
            yield running
        finally:
            down(folder)


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
    """No simulator runs there and its files are gone; False when none ran.

    Raises:
        CannotStart: one that does not tell its number yet is starting, or it does not end.
    """
    running = status(folder)
    if running is not None:
        _end(running.pid, folder)
    elif _held(folder):
        raise CannotStart("a simulator is just starting there", hint="try again when it has started")
    shutil.rmtree(folder, ignore_errors=True)
    return running is not None


def _ready(process: subprocess.Popen[bytes], folder: Path, deadline: float, stop: Stop) -> Simulation:
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if (folder / _STATUS).exists() and (found := status(folder)) is not None:
            process.returncode = 0  # it outlives us: nobody is to wait for it
            return found
        stop.wait(0.05)
        refuse_when_stopped(stop)
    said = (folder / "log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    if process.returncode == _MISUSED:
        raise UnknownName(said[-1].rpartition("error: argument ")[2])
    raise CannotStart(
        f"the simulator did not start: {' / '.join(said[-3:]) or 'it said nothing'}",
        hint=f"its log: {folder / 'log'}",
    )


def _open(folder: Path) -> BinaryIO:
    """The file that is locked, made when missing."""
    with _usable(folder):
        while True:
            folder.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # `down` may remove the folder just now
                return (folder / _LOCK).open("ab")


def _taken(lock: BinaryIO, folder: Path) -> bool:
    """Whether the lock is ours now, and still the folder's: `down` may have removed it meanwhile."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(lock.fileno()), (folder / _LOCK).stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def _held(folder: Path) -> bool:
    """Whether a simulator holds the folder's lock, or somebody who is starting one."""
    with _usable(folder):
        try:
            with (folder / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


@contextlib.contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """Inside, what the system says against the folder is `CannotStart`."""
    try:
        yield
    except OSError as error:
        raise CannotStart(
            f"{folder} cannot be used: {error.strerror}", hint="CHAOSKIT_HOME names another folder for it"
        ) from error


def _end(pid: int, folder: Path) -> None:
    """The folder's simulator has ended: asked first, forced after five seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + _GRACE
        while _held(folder):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)  # one that this very process started
            return
    raise CannotStart(f"the simulator, process {pid}, does not end")


def _wait(process: subprocess.Popen[bytes]) -> None:
    """A process that was told to end has ended, by force after a while."""
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
