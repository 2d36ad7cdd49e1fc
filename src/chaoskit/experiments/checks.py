"""What must be there before a fault is worth starting: Litmus, definitions, accounts, rights, targets.

Each check reads and says in words what is wrong and how to mend it. What cannot be known (because the
caller may not ask) is a warning, never a no.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from chaoskit import kube
from chaoskit.acts import fields
from chaoskit.acts.trail import runs
from chaoskit.documents import closest
from chaoskit.errors import Forbidden, Refused
from chaoskit.experiments import entitled
from chaoskit.experiments.direct.faults import EVERY
from chaoskit.experiments.direct.scene import commanding
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.litmus import image_of
from chaoskit.experiments.operators import IMAGE, Operator, operators
from chaoskit.experiments.selection import Selection
from chaoskit.experiments.trials import Trial
from chaoskit.experiments.versions import RUNNER, before, named
from chaoskit.ports.cluster import Access, Cluster, Kind, Object, ObjectRef, Permission
from chaoskit.sharing import abreast, right
from chaoskit.topology import Topology

State = Literal["ok", "warning", "blocked", "refused"]
_LITMUS = "litmuschaos.io"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: ``blocked`` cannot start, ``refused`` must not; `mend` says what next.

    What is missing is `made` by what ``plan --rbac`` prints.
    """

    name: str
    state: State
    words: str
    mend: str = ""
    made: bool = False

    def document(self) -> dict[str, str]:
        """The check as JSON."""
        return {"name": self.name, "state": self.state, "words": self.words, "mend": self.mend}


def found(cluster: Cluster, kind: Kind, namespace: str, name: str) -> Object | Literal["unknown"] | None:
    """The object, None when it is absent, "unknown" when the caller may not read it."""
    try:
        return kube.found(cluster, ObjectRef(kind, namespace, name))
    except Forbidden:
        return "unknown"


def definition(cluster: Cluster, trial: Trial, fault: str) -> Object | Literal["unknown"] | None:
    """The ChaosExperiment that a fault will use: one in the namespace already stays; else the one beside."""
    there = found(cluster, kube.CHAOS_EXPERIMENT, trial.namespace, fault)
    if there is None or there == "unknown":
        return trial.definition(fault) or there
    return there


def litmus(cluster: Cluster, namespace: str = "", *, selectors: bool = False) -> Iterator[Check]:
    """Litmus' custom resources are known to the server, and its operator takes up engines there.

    With `selectors` as well such engines whose targets stand there alone, as ours do.
    """
    for kind in (kube.CHAOS_ENGINE, kube.CHAOS_EXPERIMENT, kube.CHAOS_RESULT):
        name = f"{kind.plural}.{kind.group}"
        there = found(cluster, kube.CRD, "", name)
        if there is None:
            mend = "install Litmus: helm install litmus litmuschaos/litmus-core -n litmus"
            yield Check("litmus", "blocked", f"Litmus is not installed: {name} is missing", mend)
            return
        if there == "unknown":
            words = "whether Litmus is installed cannot be known: reading its CRDs is forbidden"
            yield Check("litmus", "warning", words)
            return
    try:
        known = operators(cluster)
    except Forbidden:
        return
    yield _operator(known, namespace, selectors=selectors)


def _operator(known: Sequence[Operator], namespace: str, *, selectors: bool) -> Check:
    """One that works there; one that no Deployment runs is possible, so only a warning."""
    if not known:
        words = "no deployment runs Litmus' operator: unless it runs elsewhere, nothing will happen"
        return Check("litmus", "warning", words, f"kubectl get deployments -A | grep {IMAGE}")
    near = [each for each in known if each.takes(namespace)]
    one = next((each for each in (*near, *known) if each.runs), known[0])
    who = f"Litmus' operator {one.version} is in namespace {one.namespace}"
    if not one.runs:
        mend = f"kubectl describe deployment {one.name} -n {one.namespace}"
        return Check("litmus", "blocked", f"{who}, and has no pod that is ready: nothing will happen", mend)
    if not one.takes(namespace):
        words = f"{who}, and takes up engines of namespace {', '.join(sorted(one.watches))} alone"
        return Check("litmus", "blocked", words, f"WATCH_NAMESPACE of deployment {one.name} names others")
    if selectors and not one.selects:
        words = f"{who}: before 3.0 it knows no selectors, and would take any pod for a target"
        return Check("litmus", "blocked", words, "upgrade it, or write a ChaosEngine with appinfo")
    return Check("litmus", "ok", who)


def definitions(trial: Trial, there: Mapping[str, Object | str | None]) -> Iterator[Check]:
    """Every fault has its ChaosExperiment in the engine's namespace; without it the engine hangs for ever."""
    for name, body in there.items():
        if body is None:
            words = f"ChaosExperiment {name} is missing in namespace {trial.namespace}"
            known = name in CATALOGUE
            yield Check(
                "experiment", "blocked", words, entitling(trial) if known else _own(trial, name), known
            )
        elif isinstance(body, str):
            yield Check("experiment", "warning", f"ChaosExperiment {name} cannot be read by you")
        else:
            yield _new_enough(trial, name, body)


def _new_enough(trial: Trial, name: str, definition: Object) -> Check:
    """Its image knows the fault, as far as that is an image of Litmus whose version can be told."""
    entry = next((each for each in trial.experiments if each["name"] == name), {})
    image, needed = image_of(entry, definition), since(trial, name)
    if not image:
        words = f"ChaosExperiment {name} names no image, and so nothing would run"
        return Check("experiment", "blocked", words, "give it spec.definition.image")
    runner, version = named(image)
    if needed and runner == RUNNER and before(version, needed):
        words = (
            f"ChaosExperiment {name} runs {runner} {version}: {_asked(trial, name)} is there since {needed}"
        )
        return Check("experiment", "blocked", words, f"give it an image of {runner} {needed} or newer")
    return Check("experiment", "ok", f"ChaosExperiment {name} is there")


def since(trial: Trial, fault: str) -> str:
    """The oldest version of Litmus whose `fault` does what the trial asks of it; "" where nobody knows."""
    kind = _asked(trial, fault)
    return CATALOGUE[kind].since if kind in CATALOGUE else ""


def _asked(trial: Trial, fault: str) -> str:
    return dict(zip(trial.faults, trial.asked, strict=True))[fault]


def _own(trial: Trial, fault: str) -> str:
    """How to get a ChaosExperiment that is none of the catalogue: it is misspelt, or somebody's own."""
    hint = closest(fault, EVERY)
    apply = f"kubectl apply -n {trial.namespace} its ChaosExperiment"
    return f"{hint} Otherwise {apply}" if hint else apply


def entitling(trial: Trial) -> str:
    """The command that makes what Litmus needs of the catalogue: ChaosExperiments, account and rights."""
    path = "-" if trial.path == "stdin" else trial.path
    given = "".join(f" --var {name}=VALUE" for name in sorted(trial.variables))
    return f"chaoskit plan {shlex.quote(path)}{given} --rbac | kubectl apply -f -"


def account_of(cluster: Cluster, trial: Trial) -> str:
    """The name of the account that the chaos runs under: the one named, or the first usual one there is."""
    if trial.engine is not None:
        return str(trial.engine["spec"].get("chaosServiceAccount") or "default")
    if trial.experiment is not None and trial.experiment.spec.litmus.service_account:
        return trial.experiment.spec.litmus.service_account
    usual = [name for fault in trial.faults for name in (f"chaoskit-{fault}", f"{fault}-sa")]
    for name in (*usual, "litmus-admin"):
        if isinstance(found(cluster, kube.SERVICE_ACCOUNT, trial.namespace, name), dict):
            return name
    return usual[0]


def account(cluster: Cluster, trial: Trial, name: str) -> Iterator[Check]:
    """The chaos account exists; without it the operator cannot make the runner's pod."""
    if trial.brings("ServiceAccount", name):
        return
    if found(cluster, kube.SERVICE_ACCOUNT, trial.namespace, name) is None:
        words = f"service account {name} is missing in namespace {trial.namespace}"
        yield Check("service account", "blocked", words, entitling(trial), made=True)


def engine(cluster: Cluster, trial: Trial) -> Iterator[Check]:
    """The engine is meant to run, and none of its name runs already."""
    if trial.engine is None:
        return
    name = trial.name
    if trial.engine["spec"].get("engineState") == "stop":
        words = f"engineState of {name} is stop: nothing will happen"
        yield Check("engine", "blocked", words, "set spec.engineState to active")
    existing = found(cluster, kube.CHAOS_ENGINE, trial.namespace, name)
    if not isinstance(existing, dict):
        return
    if runs(existing):
        words = f"engine {name} runs already in namespace {trial.namespace}"
        mend = f"wait, or stop it: kubectl patch chaosengine {name} -n {trial.namespace} --type merge"
        yield Check("engine", "blocked", words, mend + """ -p '{"spec":{"engineState":"stop"}}'""")
    else:
        yield Check("engine", "ok", f"engine {name} has ended before and is made anew")


def targets(selections: Mapping[str, Selection]) -> Iterator[Check]:
    """Every fault has something to hit."""
    for name, selection in selections.items():
        if selection.missing:
            mend = "labels count on the pods, not on their deployment: kubectl get pods --show-labels"
            if selection.missing.startswith("no such"):
                mend = f"kubectl get deployments,statefulsets,daemonsets -n {selection.namespaces[0]}"
            yield Check("targets", "blocked", f"{name}: {selection.missing}", mend)
        else:
            of = f"{selection.hit} of {selection.total} {'nodes' if selection.nodes else 'pods'}"
            yield Check("targets", "ok", f"{name}: {of}")


def kept(
    cluster: Cluster, selections: Mapping[str, Selection], topologies: Mapping[str, Topology]
) -> Iterator[Check]:
    """Nobody else keeps the replicas that Litmus would change: who does puts them back under the fault."""
    scaled = selections.get("pod-autoscaler")
    for ref in scaled.workloads if scaled is not None else ():
        known = topologies[ref.namespace].workloads.get((ref.namespace, str(ref)))
        try:
            if known is not None:
                fields.refuse_when_kept(cluster, {"kind": ref.kind.name, **known.body}, fields.REPLICAS)
        except Refused as error:
            yield Check(error.guard, "refused", error.message, error.hint)


def rights_of_account(
    cluster: Cluster, trial: Trial, name: str, selections: Mapping[str, Selection]
) -> Iterator[Check]:
    """The chaos account may do what Litmus does in its name; otherwise the run is a silent nothing.

    What the documents beside bring counts, though it is not there yet. Without what a chart gives beyond the
    necessary, a fault may fail: that is a warning.
    """
    needed = tuple(dict.fromkeys(entitled.needed(trial, selections)))
    usual = tuple(dict.fromkeys(entitled.usual(trial, selections)))
    brought = entitled.Brought(cluster, trial, name)
    answers = _answers(cluster, trial, name, brought, {*usual, *(one for each in needed for one in each)})
    lacking = [each[0] for each in needed if all(answers[one] == "denied" for one in each)]
    fewer = [each for each in usual if answers[each] == "denied"]
    if lacking:
        words = f"service account {name} may not {_some(lacking)}"
        yield Check("rights", "blocked", words, entitling(trial), made=True)
    elif "unknown" in answers.values():
        words = f"the rights of service account {name} cannot be known: you may not ask for others"
        yield Check("rights", "warning", words)
    elif fewer:
        words = f"service account {name} may not {_some(fewer)}, as accounts of such faults usually may"
        yield Check("rights", "warning", words, entitling(trial))
    else:
        yield Check("rights", "ok", f"service account {name} has the rights it needs")
    for words in brought.unknown:
        yield Check("rights", "warning", f"what service account {name} is bound to cannot be known: {words}")


def _answers(
    cluster: Cluster, trial: Trial, name: str, brought: entitled.Brought, wanted: Iterable[Access]
) -> dict[Access, Permission]:
    """Whether the account may do each of it, now or with what documents bring."""
    user = f"system:serviceaccount:{trial.namespace}:{name}"
    asked = tuple(wanted)
    found = answered(cluster, (each for each in asked if not brought.has(each)), user)
    return {each: found.get(each, "allowed") for each in asked}


def _some(accesses: Sequence[Access]) -> str:
    """``patch nodes, create pods/eviction, get secrets in lab and 2 more``."""
    more = f" and {len(accesses) - 3} more" if len(accesses) > 3 else ""
    return ", ".join(map(str, accesses[:3])) + more


def _all(verbs: str, group: str, resource: str, namespace: str) -> Iterator[Access]:
    return (Access(verb, group, resource, namespace) for verb in verbs.split())


def needs_of_caller(trial: Trial, selections: Mapping[str, Selection]) -> Iterator[Access]:
    """What a run through Litmus does itself, from the ledger to the undo."""
    home, places = trial.namespace, _places(trial, selections)
    emptied = any(each.leaving for each in selections.values())
    yield from needs_of_every_run(home, ("",) if emptied else places)
    yield from needs_of_steady_state(trial)
    if {"node-drain", "node-taint"}.intersection(trial.faults):
        yield from _all("get list patch", "", "nodes", "")
    if any(fault.endswith("-service-kill") for fault in trial.faults):
        yield from _all("get list", "", "nodes", "")
    if "pod-autoscaler" in trial.faults:
        for place in places:
            yield from _all("get patch", "apps", "deployments", place)
            yield from _all("get patch", "apps", "statefulsets", place)
    for body in trial.beside:
        kind = kube.kind_of(body)
        place = str(body["metadata"].get("namespace") or home) if kind.namespaced else ""
        yield from _all("create get delete", kind.group, kind.plural, place)


def needs_of_every_run(home: str, places: Iterable[str]) -> Iterator[Access]:
    """What every run through Litmus does itself in its namespace, and in those of its targets."""
    yield from _all("create get list watch patch delete", _LITMUS, "chaosengines", home)
    yield from _all("get list watch", _LITMUS, "chaosresults", home)
    yield from ledger_needs(home)
    yield from _all("list watch", "", "events", home)
    yield from _all("list", "batch", "jobs", home)
    for place in places:
        yield from _all("get list watch", "", "pods", place)


def needs_of_steady_state(trial: Trial) -> Iterator[Access]:
    """What looking at it takes beside reading: its commands in pods."""
    if any(each.command is not None and each.command.workload for each in trial.conditions):
        yield from commanding(trial.namespace)


def _places(trial: Trial, selections: Mapping[str, Selection]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys((trial.namespace, *(p for each in selections.values() for p in each.namespaces)))
    )


def lost_without(cluster: Cluster, trial: Trial, selections: Mapping[str, Selection]) -> Iterator[Check]:
    """A warning for each thing that a run can do without, and the caller may not, with what is lost."""
    for lost, wanted in run_likes(trial, selections):
        missed = _denied(cluster, wanted)
        if missed:
            yield Check("permission", "warning", f"you may not {', '.join(map(str, missed))}: {lost}")


def permitted(cluster: Cluster, needed: Iterable[Access], namespace: str) -> Iterator[Check]:
    """The caller may do all of it."""
    denied = _denied(cluster, needed)
    if denied:
        words = f"you may not {_some(denied)}"
        yield Check("permission", "refused", words, "ask whoever gives rights in this cluster")
    else:
        yield Check("permission", "ok", f"you may do what a run needs in namespace {namespace}")


def _denied(cluster: Cluster, needed: Iterable[Access]) -> list[Access]:
    """What the caller may not."""
    return [access for access, answer in answered(cluster, needed).items() if answer == "denied"]


def answered(cluster: Cluster, needed: Iterable[Access], user: str = "") -> dict[Access, Permission]:
    """Whether the caller, or `user`, may do each; what nobody knows yet is asked side by side."""
    wanted = tuple(dict.fromkeys(needed))
    found = {each: known for each in wanted if (known := right(cluster, each, user)) is not None}
    asked = [each for each in wanted if each not in found]
    answers = abreast(lambda each: cluster.can_i(each, user=user), asked)
    found |= zip(asked, answers, strict=True)
    return {each: found[each] for each in wanted}


def ledger_needs(home: str) -> Iterator[Access]:
    """What the ledger of every run is made of."""
    return _all("create get list patch delete", "coordination.k8s.io", "leases", home)


def run_likes(trial: Trial, selections: Mapping[str, Selection]) -> Iterator[tuple[str, tuple[Access, ...]]]:
    """What a run through Litmus can do without, and what is lost then."""
    home, places = trial.namespace, _places(trial, selections)
    pods = tuple(Access("delete", "", "pods", place) for place in places)
    yield "only Litmus' operator can undo the fault", (*_all("delete", "batch", "jobs", home), *pods)
    yield "logs are not kept", tuple(logs(places))
    if any(EVERY[fault].helper != "none" for fault in trial.faults if fault in EVERY):
        evict = tuple(Access("create", "", "pods", place, "eviction") for place in places)
        yield "a pod in which the fault was left is deleted, whatever its disruption budget", evict
    if "pod-network-partition" in trial.faults:
        policies = (_all("list delete", "networking.k8s.io", "networkpolicies", place) for place in places)
        yield (
            "its network policy is not seen, and only Litmus can remove it",
            tuple(chain.from_iterable(policies)),
        )
    if trial.experiment is not None:
        yield "its ChaosResult stays", tuple(_all("delete", _LITMUS, "chaosresults", home))


def logs(places: Iterable[str]) -> Iterator[Access]:
    """What logs are kept with."""
    return (Access("get", "", "pods", place, "log") for place in places)
