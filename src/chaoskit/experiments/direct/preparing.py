"""A trial as chaoskit itself would inject it: the scene, what would be changed, who may do it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from chaoskit import kube
from chaoskit.acts.changes import Change
from chaoskit.clock import Clock
from chaoskit.errors import CannotStart, ChaoskitError, InvalidInput, Refused
from chaoskit.experiments import checks, onnodes, targets
from chaoskit.experiments.checks import Check
from chaoskit.experiments.direct.faults import DIRECT, EVERY
from chaoskit.experiments.direct.scene import Direct, Scene, sealing
from chaoskit.experiments.faults import Parameter
from chaoskit.experiments.preparing import Prepared, looked_at
from chaoskit.experiments.selection import Selection, share
from chaoskit.experiments.spec import Experiment
from chaoskit.experiments.trials import Trial
from chaoskit.governor import Hit
from chaoskit.ports.cluster import Access, Cluster, ObjectRef
from chaoskit.ports.metrics import MetricsSource
from chaoskit.sharing import Moment
from chaoskit.topology import Topology

SHOWS = 15.0
"""Seconds after its time in which a fault's effect is still looked for, when none was seen."""
OVERHEAD = 3.0
"""Seconds that a direct fault takes beside its duration: reading, writing down, looking for its effect."""


def directly(trial: Trial, cluster: Cluster, clock: Clock, metrics: MetricsSource | None) -> Prepared:
    """The trial as chaoskit itself would inject it.

    Raises:
        InvalidInput: the fault has no direct form, or a parameter that only Litmus understands.
        Refused: the targets' namespace cannot be read.
    """
    experiment = _native(trial)
    scene = scene_of(experiment, cluster, clock, metrics, "000000")
    scene = replace(scene, cluster=Moment(cluster))  # what forbids a change and the change look at the same
    fault, selection = DIRECT[experiment.spec.fault.kind], scene.selection
    found = list(checks.targets({fault.kind: selection}))
    changes: list[Change] = []
    lasting = seconds_of(experiment)
    if not selection.missing:
        found += _forbidden(fault, scene)
        if all(each.state == "ok" for each in found):
            found += _previewed(fault, scene, changes)
        found += _unseen(fault, scene, lasting)
        found += _felt(fault, scene)
    needed = () if selection.missing else fault.needs(scene)
    felt = () if selection.missing else tuple(each.ref for each in fault.felt(scene))
    sealed = any(entry.secret for each in changes for entry in each.entries)
    own = (*_own_needs(trial), *(sealing(trial.namespace) if sealed else ()))
    needs = tuple(dict.fromkeys((*own, *needed)))
    return Prepared(
        way="direct",
        selections={fault.kind: selection},
        topologies=dict.fromkeys((trial.namespace, *selection.places), scene.topology),
        checks=(*found, *checks.permitted(cluster, needs, trial.namespace)),
        chaos_seconds=lasting,
        expected_seconds=lasting + OVERHEAD,
        identity={"parameters": dict(scene.parameters)},
        needs=needs,
        changes=tuple(each.words for each in changes),
        changed=tuple(dict.fromkeys((*fault.shares(scene.namespace, scene.parameters), *_changed(changes)))),
        felt=felt,
    )


def felt_by(trial: Trial, cluster: Cluster, clock: Clock) -> tuple[ObjectRef, ...] | None:
    """Who feels a direct fault beside its targets, as the cluster is now; None where that cannot be known."""
    try:
        experiment = _native(trial)
        scene = scene_of(experiment, cluster, clock, None, "000000")
        return tuple(each.ref for each in DIRECT[experiment.spec.fault.kind].felt(scene))
    except ChaoskitError:
        return None


def _native(trial: Trial) -> Experiment:
    if trial.experiment is None or trial.experiment.spec.fault.kind not in DIRECT:
        message = f"{trial.path}: {', '.join(trial.faults)} cannot be injected directly"
        raise InvalidInput(message, hint=f"engine: litmus, or one of {', '.join(DIRECT)}")
    return trial.experiment


def scene_of(
    experiment: Experiment, cluster: Cluster, clock: Clock, metrics: MetricsSource | None, run: str
) -> Scene:
    """The experiment's targets as they are now.

    Raises:
        InvalidInput: a parameter is none of the direct fault's, or has a value that it cannot have.
        Refused: the namespace cannot be read.
    """
    fault, namespace = DIRECT[experiment.spec.fault.kind], experiment.metadata.namespace
    parameters = chosen(experiment, fault)
    taints = parameters.get("taints", "")
    seen = looked_at(cluster, "" if onnodes.empties(fault.kind, {"TAINTS": taints}) else namespace)
    aim = _aim(experiment, fault, seen, taints)
    scene = Scene(cluster, clock, metrics, run, namespace, aim, seen, parameters)
    return replace(scene, selection=_counted(fault, scene))


def seconds_of(experiment: Experiment) -> float:
    """How long the fault lasts."""
    spec, fault = experiment.spec, EVERY[experiment.spec.fault.kind]
    usual = fault.preset(spec.severity).get("duration", fault.duration)
    return float(spec.fault.parameters.get("duration", usual)) if spec.duration is None else spec.duration


def chosen(experiment: Experiment, fault: Direct) -> Mapping[str, str]:
    """The parameters by name: defaults, then what the severity stands for, then what was written."""
    spec = experiment.spec
    values = {each.name: each.default for each in fault.parameters}
    for name, value in EVERY[fault.kind].preset(spec.severity).items():
        known = fault.parameter(name)
        if known is not None and known.accepts(value):
            values[name] = Parameter.text(value)
    for name, value in spec.fault.parameters.items():
        if name == "duration":
            continue
        known = next((each for each in fault.parameters if name in {each.name, each.env}), None)
        if known is None or not known.accepts(value):
            wanted = known.expected if known else "one of " + ", ".join(p.name for p in fault.parameters)
            found = f"{name} is {value!r}; directly injected, {fault.kind} takes {wanted}"
            message = f"{experiment.metadata.name}: {found}"
            raise InvalidInput(message, hint="engine: litmus has Litmus inject it")
        values[known.name] = Parameter.text(value)
    return values


# ---------------------------------------------------------------- targets


def _aim(experiment: Experiment, fault: Direct, seen: Topology, taints: str) -> Selection:
    namespace, nodes = experiment.metadata.namespace, experiment.spec.targets.nodes
    if fault.scope == "node" and nodes:
        return targets.nodes_named(fault.kind, nodes, namespace, seen, taints=taints)
    pods, missing = targets.candidates(experiment, seen)
    if missing:
        return Selection((), 0, (), 0, (namespace,), missing=missing)
    if fault.scope == "node":
        under = dict.fromkeys(pod["spec"].get("nodeName", "") for pod in pods)
        return targets.nodes_named(fault.kind, _some(experiment, under), namespace, seen, taints=taints)
    return targets.so_many(experiment, pods, seen)


def _some(experiment: Experiment, nodes: Iterable[str]) -> Sequence[str]:
    """As many of the nodes under the targets as the experiment says, by name."""
    found, wanted = sorted(nodes), experiment.spec.targets
    many = wanted.pods if wanted.percent is None else share(len(found), str(wanted.percent))
    return found[:many]


def _counted(fault: Direct, scene: Scene) -> Selection:
    """A fault on whole workloads disturbs as many pods of each as it says itself, of whoever feels it too."""
    selection = scene.selection
    if fault.hits is None or selection.missing:
        return selection
    others = tuple(fault.felt(scene))
    hits = tuple(
        Hit(f"pods of {each.ref}", fault.hits(scene, each), len(each.alive), each.ref)
        for each in (*scene.workloads, *others)
    )
    total = selection.total + sum(len(each.alive) for each in others)
    return replace(selection, hit=sum(each.number for each in hits), total=total, hits=hits, counted=True)


# ---------------------------------------------------------------- checks


def _forbidden(fault: Direct, scene: Scene) -> Iterator[Check]:
    for words in fault.forbidden(scene):
        yield Check("fault", "blocked", f"{fault.kind}: {words}")


def _unseen(fault: Direct, scene: Scene, lasting: float) -> Iterator[Check]:
    """Why nothing could be seen of it here; what is not seen is no pass."""
    for words in fault.unseen(scene):
        yield Check("effect", "warning", f"{words}: unless pods fail, the run proves nothing", _SEE)
    if lasting + SHOWS < fault.measured:
        words = f"{lasting:g} s may be over before its effect is in Prometheus"
        yield Check("effect", "warning", words, f"duration: {fault.measured - SHOWS:g}s")


def _felt(fault: Direct, scene: Scene) -> Iterator[Check]:
    """Who is no target, and is disturbed all the same."""
    for each in fault.felt(scene):
        words = f"{each.ref} is no target and feels {fault.kind} too: its {len(each.alive)} pods are counted"
        yield Check("targets", "warning", words)


_SEE = "--prometheus URL of one that scrapes the nodes, and traffic on the targets"


def _previewed(fault: Direct, scene: Scene, previewed: list[Change]) -> Iterator[Check]:
    """What would be changed is in `previewed`; whoever else keeps it as it is says no."""
    try:
        previewed += changes_of(fault, scene)
    except Refused as error:
        yield Check(error.guard, "refused", error.message, error.hint)
    except ChaoskitError as error:
        yield Check("fault", "blocked", error.message, error.hint)


def changes_of(fault: Direct, scene: Scene) -> tuple[Change, ...]:
    """One round of it.

    Raises:
        CannotStart: there is nothing to do it to, or everything is as it would make it.
        ChaoskitError: what it raises itself.
    """
    found = tuple(fault.changes(scene))
    if not found:
        raise CannotStart(f"{fault.kind}: there is nothing left to do it to")
    if all(each.idle for each in found):
        named = ", ".join(dict.fromkeys(str(each.target) for each in found))
        message = f"{fault.kind} would change nothing: {named} is already as it would make it"
        raise CannotStart(message, hint="other targets, or another value")
    return found


def _changed(changes: Iterable[Change]) -> Iterator[ObjectRef]:
    """What is changed and is no pod: a pod belongs to its workload, which is a target already."""
    for each in changes:
        yield from (e.target for e in each.entries if e.kind != "created" and e.target.kind != kube.POD)


def _own_needs(trial: Trial) -> Iterable[Access]:
    """What every run does beside its fault: the ledger, and looking."""
    yield from checks.ledger_needs(trial.namespace)
    yield from checks.needs_of_steady_state(trial)
    yield from (Access(verb, "", "pods", trial.namespace) for verb in ("get", "list", "watch"))
