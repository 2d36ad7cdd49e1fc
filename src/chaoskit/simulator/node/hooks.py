"""Lifecycle hooks of a container: how long each takes, and which of them are known to fail."""

from __future__ import annotations

import random
import re
from collections.abc import Generator, Sequence

from chaoskit.simulator.api import Object
from chaoskit.simulator.effects import Effect
from chaoskit.simulator.node import probes
from chaoskit.simulator.node.programs import Process, beside
from chaoskit.simulator.node.shell import OutOfMemoryError

_DIAL = 30.0
"""Seconds after which a connection that nobody answers is given up."""
_GUESSED = re.compile(r"\$\(|`|(?<!\|)\|(?!\|)|\[|\b(test|cat|rm)\b")
"""What depends on other programs' output, or on the files of an image: nobody here knows how it ends."""


def run(
    hook: Object, process: Process, ports: list[Object], wrong: Sequence[Effect], source: random.Random
) -> Generator[float, None, bool]:
    """The hook has run beside `process`; False when it is known to have failed.

    Commands that are no builtin of the toy shell end at once, and well. An HTTP answer passes, whatever its
    status; a kubelet runs no ``tcpSocket``, and calls it a failure.
    """
    if "sleep" in hook:
        yield float(hook["sleep"].get("seconds", 0))
        return True
    if "exec" in hook:
        return (yield from _command(list(hook["exec"].get("command") or ()), process))
    if "httpGet" in hook:
        return (yield from _request(hook["httpGet"], process, ports, wrong, source))
    return False


def _request(
    action: Object, process: Process, ports: list[Object], wrong: Sequence[Effect], source: random.Random
) -> Generator[float, None, bool]:
    try:
        port = probes.port_of(action, ports)
    except probes.NoSuchPortError:
        return False
    late = probes.delay(wrong, "httpGet", source)
    yield min(late, _DIAL)
    if late >= _DIAL or process.answers(action.get("path", "/")) is None:
        return False
    proxies = probes.met(wrong, port, source)
    yield probes.held(proxies)
    return probes.broken(proxies) is None


def _command(words: list[str], process: Process) -> Generator[float, None, bool]:
    shell, script = beside(process, words, stranger=0)
    try:
        yield from script
    except OutOfMemoryError:
        return False
    except ValueError:  # syntax that the toy shell does not have
        return True
    return not shell.status or shell.met_stranger or _GUESSED.search(" ".join(words)) is not None
