"""What a direct fault looks at and how it is described: its changes, the sign of its effect, its needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chaoskit.acts import changes, fields
from chaoskit.acts.changes import Change
from chaoskit.acts.fields import Path
from chaoskit.clock import Clock
from chaoskit.experiments.faults import Parameter
from chaoskit.experiments.selection import Selection, picked
from chaoskit.ports.cluster import Access, Cluster, Object, ObjectRef
from chaoskit.ports.metrics import MetricsSource
from chaoskit.topology import Topology, Workload

Scope = Literal["pod", "workload", "node"]
"""What of the targets is hit: so many of their pods, all that belongs to them, or nodes."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The targets of one run as they are now, and the fault's parameters by name."""

    cluster: Cluster
    clock: Clock
    metrics: MetricsSource | None
    run: str
    namespace: str
    selection: Selection
    topology: Topology
    parameters: Mapping[str, str]

    @property
    def workloads(self) -> Iterator[Workload]:
        """The workloads that are targets, or whose pods are."""
        for ref in self.selection.workloads:
            found = self.topology.workloads.get((ref.namespace, str(ref)))
            if found is not None:
                yield found

    @property
    def chosen(self) -> tuple[Object, ...]:
        """The pods that are hit: so many of the candidates as were asked for, always the same in one run."""
        names = picked(self.selection, self.run)
        return tuple(pod for pod in self.selection.pods if pod["metadata"]["name"] in names)

    def whole(self, name: str) -> int:
        """A parameter that is a whole number; 0 when it is not given."""
        return int(self.parameters.get(name) or 0)

    def true(self, name: str) -> bool:
        """A parameter that is true or false."""
        return self.parameters.get(name) == "true"


def field(
    scene: Scene, body: Object, ref: ObjectRef, path: Path, after: Any, *, secret: bool = False
) -> Change:
    """The field of a target gets another value, which nobody else keeps as it is.

    Raises:
        Refused: Argo CD, Flux or an autoscaler would put it back (guard ``ownership``).
    """
    fields.refuse_when_kept(scene.cluster, body, path)
    return changes.field(scene.cluster, scene.clock, body, ref, path, after, secret=secret)


def nothing(_scene: Scene) -> Iterable[str]:
    """Nothing forbids it."""
    return ()


def no(_scene: Scene) -> bool:
    """It is not so, whatever the scene."""
    return False


def yes(_scene: Scene) -> bool:
    """It is so, whatever the scene."""
    return True


@dataclass(frozen=True, slots=True)
class Direct:
    """A fault that chaoskit does itself, through the API alone.

    `changes` is one round of it; with `repeats` another comes each ``interval``, once the workloads are whole
    again. `seen` says in words what can be seen of what was done to these objects, "" while nothing can.
    `forbidden` says why it would not work on these targets, `needs` what its caller must be allowed to do.
    Where that can be no more than our own write read back, it was `applied`: nobody was seen to feel it.
    With `measured` that is looked for in Prometheus, so not at every tick, and not before so many seconds;
    `unseen` says why it could not be seen of these targets. `doubt` is what to ask where no effect was seen.
    `hits` is how many pods of a workload it disturbs where that is not for the targets to say, and `felt` has
    the workloads that are no targets and are disturbed all the same.
    `shares` is what it changes beside workloads and pods, by the namespace and its parameters alone.
    `one_of` has pairs of parameters of which exactly one is to be given.
    """

    kind: str
    scope: Scope
    parameters: tuple[Parameter, ...]
    changes: Callable[[Scene], Iterable[Change]]
    seen: Callable[[Scene, Sequence[ObjectRef]], str]
    needs: Callable[[Scene], Iterable[Access]]
    forbidden: Callable[[Scene], Iterable[str]] = nothing
    hits: Callable[[Scene, Workload], int] | None = None
    felt: Callable[[Scene], Iterable[Workload]] = lambda _scene: ()
    repeats: bool = False
    measured: float = 0.0
    unseen: Callable[[Scene], Iterable[str]] = nothing
    doubt: str = ""
    applied: Callable[[Scene], bool] = no
    shares: Callable[[str, Mapping[str, str]], Iterable[ObjectRef]] = lambda _namespace, _parameters: ()
    one_of: tuple[tuple[str, str], ...] = ()

    def undecided(self, parameters: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """The pairs of parameters of which both or neither are given; what is empty or false is not."""
        switches = {each.name for each in self.parameters if each.type == "bool"}
        for pair in self.one_of:
            texts = ((name, parameters.get(name, "")) for name in pair)
            if sum(text == "true" if name in switches else bool(text) for name, text in texts) != 1:
                yield pair

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of this name."""
        return next((each for each in self.parameters if each.name == name), None)


def access(verbs: str, group: str, resource: str, namespace: str, subresource: str = "") -> Iterator[Access]:
    """One question for each of the verbs, which spaces separate."""
    return (Access(verb, group, resource, namespace, subresource) for verb in verbs.split())


def sealing(namespace: str) -> Iterator[Access]:
    """What the Secret is made of that holds values of the ledger which nobody is to read in its Lease."""
    return access("create get patch delete", "", "secrets", namespace)


def commanding(namespace: str) -> Iterator[Access]:
    """What a command in a pod there takes: its websocket is a GET, and since 1.35 a server asks for both."""
    return access("create get", "", "pods", namespace, "exec")


def on(ref: ObjectRef, verbs: str) -> Iterator[Access]:
    """What verbs on this kind of object in its namespace."""
    return access(verbs, ref.kind.group, ref.kind.plural, ref.namespace)
