"""The kinds there are: the built-in ones, and those that definitions add and take away meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from chaoskit.simulator.api import Object
from chaoskit.simulator.apiserver.builtin import BUILT_IN
from chaoskit.simulator.apiserver.definitions import DEFINITION, stored_key
from chaoskit.simulator.controllers import pods
from chaoskit.simulator.controllers.base import Informers


class Kinds:
    """Every kind served, by the name actors use (``Pod``, ``ChaosEngine.litmuschaos.io``)."""

    def __init__(self, informers: Informers) -> None:
        self._served: dict[str, tuple[str, bool]] = {
            resource.key: (f"{resource.plural}.{resource.group}", resource.namespaced)
            for resource in BUILT_IN
        }
        self._told = list(self._served)
        self._listeners: list[Callable[[str], None]] = []
        informers.of(DEFINITION).on_change(self._defined)

    def namespaced(self) -> tuple[tuple[str, str], ...]:
        """Everything that lives in namespaces: its kind, and its name as messages have it (``pods.``)."""
        return tuple((kind, plural) for kind, (plural, inside) in self._served.items() if inside)

    def each(self, listener: Callable[[str], None]) -> None:
        """`listener` is called once with every kind: now, or when it first comes."""
        self._listeners.append(listener)
        for kind in self._told:
            listener(kind)

    def _defined(self, old: Object | None, new: Object | None) -> None:
        if new is not None and pods.is_true(new, "Established"):
            self._comes(new)
        elif new is None and old is not None:
            self._served.pop(stored_key(old), None)

    def _comes(self, definition: Object) -> None:
        spec, kind = definition["spec"], stored_key(definition)
        self._served[kind] = (f"{spec['names']['plural']}.{spec['group']}", spec["scope"] == "Namespaced")
        if kind in self._told:  # who watches a kind hears of it again when it comes back
            return
        self._told.append(kind)
        for listener in self._listeners:
            listener(kind)
