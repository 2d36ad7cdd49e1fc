"""What may be made to go wrong on purpose in Litmus and in the API server, to test whoever watches them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields

from chaoskit.simulator.api import Api, Change, Object

NAMESPACE = "kube-system"
NAME = "simulator-knobs"
"""This ConfigMap's data turns the knobs of a running cluster: ``slow_api: "0.5"``, ``forget: "true"``."""
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Knobs:
    """Failures to act out; by default none. Those of the API server are felt by clients, not by actors."""

    operator_down: bool = False
    """Engines are not reconciled: no finalizer is added, and none is removed."""
    helper_failure: bool = False
    """Helper pods end with exit code 1 and CONTAINER_RUNTIME_ERROR before they inject anything."""
    sloppy_abort: bool = False
    """What is aborted neither undoes its effect nor says ``reverted``."""
    runner_crash: bool = False
    """Runner containers end with exit code 1 as soon as they run."""
    slow_api: float = 0.0
    """Seconds, on the wall, that each request waits before it is looked at."""
    conflicts: int = 0
    """How many of the next PUT and PATCH requests are refused with 409 Conflict."""
    cut_watches: float = 0.0
    """Seconds, on the wall, after which the server ends each watch, whatever it was asked for; 0 for none."""
    forget: bool = False
    """A watch from a resourceVersion gets a 410: the server has forgotten what was since."""
    _listeners: list[Callable[[], None]] = field(default_factory=list, repr=False, compare=False)

    def listen(self, turned: Callable[[], None]) -> None:
        """`turned` is called after each turn of a knob."""
        self._listeners.append(turned)

    def follow(self, api: Api) -> None:
        """The ConfigMap turns the knobs from now on; a knob that it does not name is as by default."""
        api.watch("ConfigMap", self._seen)

    def turn(self, data: Mapping[str, str]) -> None:
        """The knobs are as `data` says; what it says that is no knob, or no value of one, is logged."""
        known = {each.name: each.default for each in fields(self) if not each.name.startswith("_")}
        for name in data.keys() - known.keys():
            _logger.warning("%s: there is no knob %s; there are %s", NAME, name, ", ".join(known))
        for name, default in known.items():
            try:
                setattr(self, name, _read(data[name], default) if name in data else default)
            except ValueError:
                _logger.warning("%s: %s cannot be turned to %r", NAME, name, data[name])
        for turned in self._listeners:
            turned()

    def _seen(self, change: Change, body: Object) -> None:
        meta = body["metadata"]
        if (meta.get("namespace"), meta["name"]) == (NAMESPACE, NAME):
            self.turn({} if change == "DELETED" else body.get("data") or {})


def _read(text: str, default: object) -> bool | int | float:
    if isinstance(default, bool):
        if text not in {"true", "false"}:
            raise ValueError(text)
        return text == "true"
    return int(text) if isinstance(default, int) else float(text)
