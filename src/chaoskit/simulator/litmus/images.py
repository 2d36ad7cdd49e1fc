"""The images of Litmus' pods for a cluster without it: one file system in which every program waits."""

from __future__ import annotations

import shutil
import subprocess
from importlib import resources
from pathlib import Path

from chaoskit.simulator.litmus.kinds import REGISTRY, VERSION

NAMES = tuple(f"{REGISTRY}/{name}:{VERSION}" for name in ("chaos-operator", "chaos-runner", "go-runner"))
"""The images that the installed manifests name; nothing of Litmus itself is in them."""

_PROGRAMS = {
    "bin/sh": "shell",
    "bin/bash": "shell",
    "bin/chaos-operator": "stub",
    "experiments": "stub",
    "helpers": "stub",
    "stub": "stub",
    "stress": "stress",
}


def write(root: Path) -> None:
    """`root` is the file system of all the images.

    It needs a static busybox on this machine, and takes containerd's ``ctr`` along where there is one: the
    container-kill helper needs it. Raises `FileNotFoundError` without busybox.
    """
    busybox = _program("busybox")
    for folder in ("bin", "proc", "sys", "tmp"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    shutil.copy(busybox, root / "bin/busybox")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for name in {*applets} - {"busybox", "sh", "bash"}:
        (root / "bin" / name).symlink_to("busybox")
    for place, source in _PROGRAMS.items():
        text = resources.files("chaoskit.simulator.litmus").joinpath("stub", source).read_text("utf-8")
        (root / place).write_text(text, encoding="utf-8")
        (root / place).chmod(0o755)
    if (ctr := shutil.which("ctr")) is not None:
        for path in (Path(ctr), *_libraries(ctr)):
            target = root / ("bin/ctr" if path.name == "ctr" else str(path).lstrip("/"))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed on this machine")
    return found


def _libraries(program: str) -> list[Path]:
    """What a program is linked with, its loader included; nothing for a static one."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return [Path(word) for word in told.split() if word.startswith("/")]
