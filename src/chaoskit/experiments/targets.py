"""Which pods a fault would hit: Litmus' own way of choosing them, before it does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from chaoskit import kube
from chaoskit.acts.aims import Wanted, csv, has_label, wanted
from chaoskit.documents import closest
from chaoskit.experiments import onnodes
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.litmus import Env, chooses_again, chosen
from chaoskit.experiments.selection import Selection, alive, of_pods, percentage, share
from chaoskit.experiments.spec import Experiment
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.topology import Topology, Workload


def of_engine(engine: Object, env: Env, fault: str, topologies: Mapping[str, Topology]) -> Selection:
    """What a fault of this engine may hit; `topologies` by namespace, each of `wanted`'s among them."""
    known = CATALOGUE.get(fault)
    parts = wanted(engine)
    namespaces = tuple(dict.fromkeys(part.namespace for part in parts))
    if known is not None and known.scope == "node":
        return _nodes(fault, env, namespaces[0], topologies)
    if known is not None and known.scope != "pod":
        return _of_first_label(parts[0], namespaces, topologies, of_workloads=known.scope == "workload")
    pinned = csv(env.get("TARGET_PODS"))
    if pinned:
        return _pinned(pinned, parts[0].namespace, topologies)
    pods = _restricted(_unique(p for part in parts for p in _matching(part, topologies)), env, topologies)
    if not pods:
        return Selection((), 0, (), 0, namespaces, missing=f"no pod is selected: {_spelled(parts)}")
    by_name = all(part.kind == "pod" for part in parts)
    hit = len(pods) if by_name else share(len(pods), env.get("PODS_AFFECTED_PERC", ""))
    return of_pods(pods, hit, namespaces, topologies, pinned=by_name)


def _of_first_label(
    part: Wanted, namespaces: tuple[str, ...], topologies: Mapping[str, Topology], *, of_workloads: bool
) -> Selection:
    """Everything with the first label: names and shares count for nothing in these faults."""
    if not part.labels:
        words = f"the fault reads a label, and there is none: {_spelled([part])}"
        return Selection((), 0, (), 0, namespaces, missing=words)
    kind = part.kind if of_workloads else "KIND"
    first = replace(part, kind=kind, labels=part.labels[:1])
    pods = list(_matching(first, topologies))
    if not pods:
        return Selection((), 0, (), 0, namespaces, missing=f"no pod is selected: {_spelled([first])}")
    found = of_pods(pods, len(pods), namespaces, topologies, pinned=False)
    return replace(found, label=first.labels[0])


def _pinned(names: tuple[str, ...], namespace: str, topologies: Mapping[str, Topology]) -> Selection:
    have = {pod["metadata"]["name"]: pod for pod in topologies[namespace].pods}
    absent = [name for name in names if name not in have]
    if absent:
        return Selection((), 0, (), 0, (namespace,), missing=f"no such pod: {', '.join(absent)}")
    pods = [have[name] for name in names]
    return of_pods(pods, len(pods), (namespace,), topologies, pinned=True)


def _matching(part: Wanted, topologies: Mapping[str, Topology]) -> Iterable[Object]:
    topology = topologies[part.namespace]
    for pod in alive(topology.pods):
        have = kube.labels_of(pod)
        if part.labels and not any(has_label(have, label) for label in part.labels):
            continue
        if part.kind == "pod":
            if pod["metadata"]["name"] in part.names:
                yield pod
        elif part.kind == "KIND":
            if "chaosUID" not in have:
                yield pod
        elif _owned(topology.owner_of(pod), part):
            yield pod


def _owned(owner: ObjectRef | None, part: Wanted) -> bool:
    if owner is None or owner.kind.name.lower() != part.kind.lower():
        return False
    return not part.names or owner.name in part.names


def _restricted(pods: list[Object], env: Env, topologies: Mapping[str, Topology]) -> list[Object]:
    """Only those on nodes with NODE_LABEL, where it is set."""
    label = env.get("NODE_LABEL", "")
    if not label:
        return pods
    nodes = {
        node["metadata"]["name"]
        for topology in topologies.values()
        for node in topology.nodes
        if has_label(kube.labels_of(node), label)
    }
    return [pod for pod in pods if pod["spec"].get("nodeName") in nodes]


def _unique(pods: Iterable[Object]) -> list[Object]:
    return list({(p["metadata"]["namespace"], p["metadata"]["name"]): p for p in pods}.values())


def _nodes(fault: str, env: Env, home: str, topologies: Mapping[str, Topology]) -> Selection:
    """The nodes that are named or have the label; `topologies` has "" for faults that empty them."""
    topology = topologies.get("") or topologies[home]
    every = {node["metadata"]["name"]: node for node in topology.nodes}
    names = csv(env.get("TARGET_NODES") or env.get("TARGET_NODE"))
    label = env.get("NODE_LABEL", "")
    absent = [name for name in names if name not in every]
    if every and absent:
        return Selection((), 0, (), 0, (home,), missing=f"no such node: {', '.join(absent)}")
    found = names or tuple(
        n for n, body in every.items() if not label or has_label(kube.labels_of(body), label)
    )
    if not found:
        return Selection((), 0, (), 0, (home,), missing=f"no node has the label {label}")
    hit = len(names) or share(len(found), env.get("NODES_AFFECTED_PERC", ""))
    gone = onnodes.leaving(fault, env, found, topology)
    return onnodes.selected(hit, gone, home, topology, nodes=len(every))


def nodes_named(
    fault: str, names: Iterable[str], namespace: str, topology: Topology, *, taints: str = ""
) -> Selection:
    """These nodes; what is missing of them is said."""
    env = {"TARGET_NODES": ",".join(names), "TAINTS": taints}
    return _nodes(fault, env, namespace, {namespace: topology})


def _spelled(parts: Iterable[Wanted]) -> str:
    told = []
    for part in parts:
        what = ",".join(part.names) or " or ".join(part.labels) or "any"
        kind = "pods" if part.kind in {"KIND", "pod"} else f"pods of a {part.kind}"
        told.append(f"{kind} with {what} in {part.namespace}")
    return "; ".join(told)


def of_experiment(experiment: Experiment, topology: Topology) -> Selection:
    """What Litmus may hit for a native experiment: its own workloads', components' or labelled pods."""
    spec, namespace = experiment.spec, experiment.metadata.namespace
    fault = CATALOGUE[spec.fault.kind]
    if fault.scope == "node":
        return _named_nodes(experiment, topology)
    pods, missing = candidates(experiment, topology)
    if missing:
        return Selection((), 0, (), 0, (namespace,), missing=missing)
    if fault.scope != "pod":
        return _by_label(pods, namespace, topology, of_workloads=fault.scope == "workload")
    env, owners = chosen(experiment), {topology.owner_of(pod) for pod in pods}
    replaced = {owner for owner in owners if owner is not None and owner.kind in kube.WORKLOADS}
    if chooses_again(spec.fault.kind, env) and replaced == owners:
        return _in_rounds(experiment, env, replaced, topology)
    return so_many(experiment, pods, topology)


def _named_nodes(experiment: Experiment, topology: Topology) -> Selection:
    """The nodes that the experiment names: of none, or of more than it knows, Litmus would choose one."""
    names, namespace = experiment.spec.targets.nodes, experiment.metadata.namespace
    single = CATALOGUE[experiment.spec.fault.kind].parameter("node") is not None
    if not names or (single and len(names) > 1):
        words = "Litmus needs the node's name" if not names else "Litmus takes one node at a time"
        return Selection((), 0, (), 0, (namespace,), missing=words)
    taints = chosen(experiment).get("TAINTS", "")
    return nodes_named(experiment.spec.fault.kind, names, namespace, topology, taints=taints)


def candidates(experiment: Experiment, topology: Topology) -> tuple[list[Object], str]:
    """The running pods that the experiment's targets name, or why there are none, in words."""
    wanted_targets, namespace = experiment.spec.targets, experiment.metadata.namespace
    by_name, missing = _asked_for(experiment, topology)
    if missing:
        return [], missing
    pods = [
        pod
        for pod in (topology.pods if by_name is None else topology.pods_of(namespace, sorted(by_name)))
        if pod["metadata"]["namespace"] == namespace
        and not kube.is_deleting(pod)
        and kube.phase(pod) == "Running"
        and wanted_targets.selector.items() <= kube.labels_of(pod).items()
    ]
    return pods, "" if pods else "no running pod is selected"


_COMPONENT = "app.kubernetes.io/component"


def _asked_for(experiment: Experiment, topology: Topology) -> tuple[set[str] | None, str]:
    """The workloads that are asked for, None for any; and in words which of them do not exist."""
    targets, namespace = experiment.spec.targets, experiment.metadata.namespace
    if not (targets.workloads or targets.components):
        return None, ""
    here = [spelled for place, spelled in topology.workloads if place == namespace]
    by_name = {name: {s for s in here if name in {s, s.partition("/")[2]}} for name in targets.workloads}
    parts = {s: _parts(topology.workloads[namespace, s]) for s in here} if targets.components else {}
    by_part = {name: {s for s, called in parts.items() if name in called} for name in targets.components}
    for what, found in (("workload", by_name), ("component", by_part)):
        absent = [name for name, workloads in found.items() if not workloads]
        if absent:
            known = [s.partition("/")[2] for s in here] + here if what == "workload" else _named(parts)
            near = closest(absent[0], known) or f"there is {', '.join(sorted(here)) or 'none'}"
            return None, f"no such {what}: {', '.join(absent)}; {near}"
    return {each for found in (*by_name.values(), *by_part.values()) for each in found}, ""


def _named(parts: Mapping[str, set[str]]) -> set[str]:
    return {name for names in parts.values() for name in names if name}


def _parts(workload: Workload) -> set[str]:
    """What the workload is called as a part of its application: by its label and by its services."""
    labels = {**kube.labels_of(workload.body["spec"]["template"]), **kube.labels_of(workload.body)}
    return {labels.get(_COMPONENT, ""), *(service["metadata"]["name"] for service in workload.services)}


_CHANGES = frozenset({"pod-template-hash", "controller-revision-hash", "statefulset.kubernetes.io/pod-name"})
"""Labels of pods that do not last."""


def _by_label(pods: list[Object], namespace: str, topology: Topology, *, of_workloads: bool) -> Selection:
    """All with one label, for faults that know no names: one that these pods alone have.

    With `of_workloads` the workloads need it as well: Litmus finds them by it.
    """
    owners = {owner for pod in pods if (owner := topology.owner_of(pod)) is not None}
    there = [w for w in topology.workloads.values() if w.ref.namespace == namespace] if of_workloads else []
    ours = [*pods, *(w.body for w in there if w.ref in owners)]
    mine = {id(body) for body in ours}
    others = [
        body
        for body in (*alive(topology.pods), *(w.body for w in there))
        if body["metadata"]["namespace"] == namespace and id(body) not in mine
    ]
    shared = set.intersection(*(set(kube.labels_of(each).items()) for each in ours))
    taken = {pair for each in others for pair in kube.labels_of(each).items()}
    labels = sorted((key, value) for key, value in shared - taken if key not in _CHANGES)
    if not labels or len({owner.kind for owner in owners}) != 1:
        words = "the fault takes all of one label, and there is none that only these pods and workloads have"
        return Selection((), 0, (), 0, (namespace,), missing=words)
    found = of_pods(pods, len(pods), (namespace,), {namespace: topology}, pinned=False)
    return replace(found, label="=".join(labels[0]))


def so_many(experiment: Experiment, pods: list[Object], topology: Topology) -> Selection:
    """As many of these pods as the experiment says, which are then named to whoever injects."""
    wanted_targets, namespace = experiment.spec.targets, experiment.metadata.namespace
    percent = wanted_targets.percent
    hit = min(wanted_targets.pods, len(pods)) if percent is None else share(len(pods), str(percent))
    return of_pods(pods, hit, (namespace,), {namespace: topology}, pinned=True)


def _percent(experiment: Experiment, total: int) -> str:
    asked = experiment.spec.targets
    return str(asked.percent) if asked.percent is not None else percentage(min(asked.pods, total), total)


def _in_rounds(
    experiment: Experiment, env: Env, owners: Collection[ObjectRef], topology: Topology
) -> Selection:
    """Pods that Litmus chooses anew in each round: all that the owners have, since it is told their names."""
    namespace, wanted_labels = experiment.metadata.namespace, experiment.spec.targets.selector
    every = [pod for pod in alive(topology.pods) if topology.owner_of(pod) in owners]
    spared = [p["metadata"]["name"] for p in every if not wanted_labels.items() <= kube.labels_of(p).items()]
    pods = _restricted(every, env, {namespace: topology})
    if spared:
        words = (
            f"in its second round the fault could not spare {spared[0]}: Litmus knows whole workloads only"
        )
        return Selection((), 0, (), 0, (namespace,), missing=words)
    if not pods:
        return Selection((), 0, (), 0, (namespace,), missing="no pod is on a node with this nodeLabel")
    percent = _percent(experiment, len(pods))
    hit = share(len(pods), percent)
    return of_pods(pods, hit, (namespace,), {namespace: topology}, pinned=False, percent=percent)
