"""The kinds there are: the built-in ones, and those that definitions add while the cluster runs."""

from __future__ import annotations

from collections.abc import Callable

from chaoskit.simulator.api import Object
from chaoskit.simulator.apiserver.resources import BUILT_IN
from chaoskit.simulator.controllers import pods
from chaoskit.simulator.controllers.base import Informers

_DEFINITION = "CustomResourceDefinition.apiextensions.k8s.io"


class Kinds:
    """Every kind served, by the name actors use (``Pod``, ``ChaosEngine.litmuschaos.io``)."""

    def __init__(self, informers: Informers) -> None:
        self._known: dict[str, tuple[str, bool]] = {
            resource.key: (f"{resource.plural}.{resource.group}", resource.namespaced)
            for resource in BUILT_IN
        }
        self._listeners: list[Callable[[str], None]] = []
        informers.of(_DEFINITION).on_change(self._defined)

    def namespaced(self) -> tuple[tuple[str, str], ...]:
        """Everything that lives in namespaces: its kind, and its name as messages have it (``pods.``)."""
        return tuple((kind, plural) for kind, (plural, inside) in self._known.items() if inside)

    def each(self, listener: Callable[[str], None]) -> None:
        """`listener` is called with every kind, now and when one comes."""
        self._listeners.append(listener)
        for kind in self._known:
            listener(kind)

    def _defined(self, _: Object | None, new: Object | None) -> None:
        if new is None or not pods.is_true(new, "Established"):
            return
        spec = new["spec"]
        kind = f"{spec['names']['kind']}.{spec['group']}"
        if kind in self._known:
            return
        plural = f"{spec['names']['plural']}.{spec['group']}"
        self._known[kind] = (plural, spec["scope"] == "Namespaced")
        for listener in self._listeners:
            listener(kind)
