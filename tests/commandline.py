"""The command line for tests: called in process or as a process of its own, against one simulated cluster."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.servers import pace

import chaoskit as package
from chaoskit import kube
from chaoskit.adapters import kubernetes
from chaoskit.adapters.kubernetes import KubernetesCluster
from chaoskit.cli.app import main
from chaoskit.clock import WallClock
from chaoskit.flows import simulation
from chaoskit.flows.simulation import Simulation
from chaoskit.ports.cluster import ObjectRef

PROJECT = Path(__file__).parents[1]
RATE = pace(20)
ESCAPE = re.compile(r"\x1b")


@dataclass(frozen=True)
class Ended:
    """How a call of chaoskit ended: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as the one JSON document that it is."""
        return json.loads(self.out)

    @property
    def yaml(self) -> Any:
        """stdout as the one YAML document that it is."""
        return yaml.safe_load(self.out)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def environment(home: Path, kubeconfig: Path | None = None, **more: str) -> dict[str, str]:
    """The environment of a user who has just logged in for the first time."""
    own = {n: v for n, v in os.environ.items() if not n.startswith("CHAOSKIT_")}
    for name in ("KUBECONFIG", "NO_COLOR", "FORCE_COLOR", "XDG_STATE_HOME", "COLUMNS", "TERM"):
        own.pop(name, None)
    own |= {"HOME": str(home), "CHAOSKIT_HOME": str(home / "state"), "TMPDIR": str(home)}
    own["PYTHONPATH"] = str(Path(package.__file__).parents[1])  # the one under test, wherever it is called
    if kubeconfig is not None:
        own["KUBECONFIG"] = str(kubeconfig)
    return own | more


@dataclass(frozen=True)
class CommandLine:
    """chaoskit with a home of its own, in which it is also called; `cluster` is what it talks to."""

    home: Path
    kubeconfig: Path | None = None
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.home, self.kubeconfig, **self.more)

    def __call__(
        self,
        *arguments: object,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        terminal: bool = False,
    ) -> Ended:
        """The command was called in this process; on a `terminal` it may ask, and `stdin` answers."""
        stream = Terminal if terminal else io.StringIO
        out, err = stream(), stream()
        with pytest.MonkeyPatch.context() as patch:
            for name in set(os.environ) - set(self.environment):
                patch.delenv(name)
            for name, value in (self.environment | dict(env or {})).items():
                patch.setenv(name, value)
            patch.chdir(self.home)
            for name, file in (("stdin", stream(stdin)), ("stdout", out), ("stderr", err)):
                patch.setattr(sys, name, file)
            code = main([str(each) for each in arguments])
        return Ended(code, out.getvalue(), err.getvalue())

    @contextmanager
    def start(self, *arguments: object) -> Iterator[subprocess.Popen[str]]:
        """The command runs as a process of its own; when the block is left it has ended, or is killed."""
        with subprocess.Popen(
            [sys.executable, "-m", "chaoskit", *map(str, arguments)],
            env=self.environment, cwd=self.home, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                process.kill()


def read_until(process: subprocess.Popen[str], word: str) -> str:
    """What the process said on stderr up to the first line that holds `word`."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if word in line:
            return said
    raise AssertionError(f"it ended without {word!r}: {said}")


def simulators(home: Path) -> list[str]:
    """The command lines of simulators that run for this home or folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            words = path.read_bytes().decode().split("\0")
            if "chaoskit.simulator" in words and any(str(home) in word for word in words):
                found.append(" ".join(words))
    return found


@dataclass(frozen=True)
class Watched:
    """A simulated cluster in a process of its own, and a client that looks at it behind chaoskit's back."""

    simulation: Simulation
    cluster: KubernetesCluster

    @property
    def kubeconfig(self) -> Path:
        return self.simulation.kubeconfig

    def begin(self, story: str) -> None:
        """A failure befalls the shop: ``crash-loop:orders``."""
        ref = ObjectRef(kube.CONFIG_MAP, "kube-system", "simulator-stories")
        self.cluster.patch(ref, {"data": {f"order-{uuid.uuid4().hex}": story}})

    def active_engines(self) -> list[str]:
        engines = self.cluster.list(kube.CHAOS_ENGINE, "shop").items
        active = [e for e in engines if (e.get("status") or {}).get("engineStatus") not in _ENDED]
        return [each["metadata"]["name"] for each in active]

    def chaos_pods(self) -> list[str]:
        """Names of Litmus' runner, experiment and helper pods that still run."""
        pods = self.cluster.list(kube.POD, "shop", labels="chaosUID").items
        return [p["metadata"]["name"] for p in pods if kube.phase(p) in {"Pending", "Running"}]

    def active_leases(self) -> list[str]:
        leases = self.cluster.list(kube.LEASE, labels="chaoskit.io/state=active").items
        return [each["metadata"]["name"] for each in leases]

    def left(self) -> list[str]:
        """Everything that a run which is over must not leave behind."""
        return self.active_engines() + self.chaos_pods() + self.active_leases()


_ENDED = {"stopped", "completed"}


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The shop, twenty times faster than the wall, with an hour behind it in which nothing went wrong."""
    folder = tmp_path_factory.mktemp("simulator")
    found = simulation.up(folder, speed=RATE, seed=7, story="quiet", history=1.0)
    try:
        cluster = kubernetes.connect(found.kubeconfig, None, clock=WallClock())
        try:
            yield Watched(found, cluster)
        finally:
            cluster.close()
    finally:
        simulation.down(folder)


@pytest.fixture
def chaoskit(simulated: Watched, tmp_path: Path) -> CommandLine:
    """chaoskit of a new user whose kubeconfig is the simulated cluster's."""
    return CommandLine(tmp_path, simulated.kubeconfig)


@pytest.fixture
def stranger(tmp_path: Path) -> CommandLine:
    """chaoskit of a new user without any kubeconfig."""
    return CommandLine(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a file of that name into the user's home."""

    def written(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written
