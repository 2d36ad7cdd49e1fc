"""What runs inside the helper pods of faults on nodes: stress-ng, systemctl, ssh, as their commands say."""

from __future__ import annotations

from chaoskit.simulator.effects import Effect, Kind
from chaoskit.simulator.engine import Script
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.inside import Inside
from chaoskit.simulator.litmus.kinds import SIGTERM
from chaoskit.simulator.litmus.onnodes import NODE
from chaoskit.simulator.litmus.targets import number
from chaoskit.simulator.quantities import parse

_FREE_DISK = 60 * 2.0**30
_WRITER = 25 * 2.0**20
_LOGIN = 2.0
_BEFORE_STOP = 10.0


class NodeProgram:
    """The process of one such pod; ends with 1 when it could not do its work."""

    def __init__(self, me: Inside) -> None:
        self._me = me
        container = me.pod["spec"]["containers"][0]
        self._words = " ".join([*container["command"], *container.get("args", ())]).split()
        self._effects: list[Effect] = []

    def script(self) -> Script:
        """The program's whole life."""
        self._me.process.on_term = self._end
        try:
            if self._words[0] == "stress-ng":
                yield from self._stress()
            elif "systemctl" in self._words and "ssh" not in self._words:
                yield from self._stop_service()
            else:
                yield from self._log_in()
        except ChaosError as error:
            self._me.process.log(error.reason)
            self._me.process.exit(1)
        finally:
            self._undo()

    def _stress(self) -> Script:
        meta, container = self._me.pod["metadata"], self._me.pod["spec"]["containers"][0]["name"]
        for kind, amount in self._loads():
            effect = Effect(kind, meta["namespace"], meta["name"], amount, container=container)
            self._me.reach.begin(effect, number(self._option("--timeout")))
            self._effects.append(effect)
        yield number(self._option("--timeout"))

    def _loads(self) -> list[tuple[Kind, float]]:
        """What stress-ng was told to do, as effects on its own pod."""
        loads: list[tuple[Kind, float]] = []
        if "--cpu" in self._words:
            share = number(self._option("--cpu-load", "100")) / 100
            loads.append(("cpu", number(self._option("--cpu")) * share))
        if "--vm" in self._words:
            loads.append(("memory", self._size("--vm-bytes", self._memory())))
        if "--hdd" in self._words:
            loads.append(("disk-writes", number(self._option("--hdd")) * _WRITER))
            loads.append(("disk-used", self._size("--hdd-bytes", _FREE_DISK)))
        return loads

    def _memory(self) -> float:
        node = self._me.world.api.get("Node", None, self._node) or {}
        return parse(node.get("status", {}).get("capacity", {}).get("memory", "8Gi"))

    def _size(self, option: str, whole: float) -> float:
        """A size in stress-ng's units (``500M``, ``2G``) or percent of `whole`."""
        text = self._option(option, "0%")
        amount, unit = number(text[:-1]), text[-1]
        return whole * amount / 100 if unit == "%" else amount * {"M": 2.0**20, "G": 2.0**30}[unit]

    def _stop_service(self) -> Script:
        yield _BEFORE_STOP
        self._me.reach.halt(self._node, "kubelet")
        yield number(self._words[self._words.index("sleep", 4) + 1])
        self._me.reach.resume(self._node)

    def _log_in(self) -> Script:
        yield _LOGIN
        node = self._me.pod["metadata"]["annotations"][NODE]
        self._me.reach.halt(node, "poweroff" if "poweroff" in self._words else "restart")

    @property
    def _node(self) -> str:
        return str(self._me.pod["spec"]["nodeName"])

    def _option(self, name: str, default: str = "") -> str:
        return self._words[self._words.index(name) + 1] if name in self._words else default

    def _end(self) -> None:
        """On SIGTERM stress-ng takes its workers along; systemctl is not there to start anything again."""
        self._undo()
        self._me.process.exit(SIGTERM)

    def _undo(self) -> None:
        while self._effects:
            self._me.reach.end(self._effects.pop())
