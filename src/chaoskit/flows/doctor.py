"""What chaoskit needs, looked at one by one: what is there, what is missing, and how to mend it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from chaoskit import kube
from chaoskit.acts.accounts import accounts
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, NotFound
from chaoskit.experiments import checks
from chaoskit.experiments.checks import Check, State
from chaoskit.flows.deaths import seem_dead, words
from chaoskit.ports.cluster import Access, Cluster, ObjectRef
from chaoskit.ports.metrics import MetricsSource, Signal
from chaoskit.ports.store import Store
from chaoskit.recovery import remedies
from chaoskit.signals import known
from chaoskit.signals.needs import unmet

NODES_RECOMMENDED = 3

_USUAL = ("restart-pod", "rolling-restart", "roll-back")
"""The remediations whose rights stand for all: those of the most frequent issues."""
_MENDS = {
    "run": "ask for these rights: chaoskit plan FILE --rbac prints them",
    "recover": "ask for these rights if you want to recover",
}


def examine(name: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """What `look` finds; an error on the way is one more finding, with its own mend."""
    try:
        yield from look()
    except ChaoskitError as error:
        yield Check(name, "blocked", error.message, error.hint)


def cluster(found: Cluster) -> Iterator[Check]:
    """The server answers, and how fast; how many nodes there are."""
    began = time.perf_counter()
    version = found.server_version()
    took = (time.perf_counter() - began) * 1000
    yield Check("cluster", "ok", f"{found.name} is {version}, reachable in {took:.0f} ms")
    nodes = found.list(kube.NODE).items
    ready = sum(kube.is_true(node, "Ready") for node in nodes)
    words = f"{ready} of {len(nodes)} nodes ready"
    if ready < min(len(nodes), NODES_RECOMMENDED) or len(nodes) < NODES_RECOMMENDED:
        yield Check("nodes", "warning", f"{words}; {NODES_RECOMMENDED} are recommended")
    else:
        yield Check("nodes", "ok", words)


def rights(found: Cluster, namespace: str) -> Iterator[Check]:
    """What the caller may do of what `run` asks for and, needed by fewer people, `recover`; "": in any."""
    if namespace and absent(found, namespace):
        yield Check("namespace", "blocked", f"there is no namespace {namespace}", "-n names another")
        return
    yield _permitted(found, "run", namespace, checks.needs_of_every_run(namespace, [namespace]), "blocked")
    yield _permitted(found, "recover", namespace, _needs_of_recoveries(namespace), "warning")


def _needs_of_recoveries(namespace: str) -> Iterator[Access]:
    """The ledger, and what the usual remediations ask for of a deployment."""
    target = ObjectRef(kube.DEPLOYMENT, namespace, "any")
    yield from checks.ledger_needs(namespace)
    for remedy in map(remedies.EVERY.__getitem__, _USUAL):
        yield from remedy.needs(remedy.step(action=remedy.action), target)


def _permitted(
    found: Cluster, command: str, namespace: str, needed: Iterable[Access], without: State
) -> Check:
    """Whether the caller may do all of it; `without` is what it is when he may not."""
    answers = checks.answered(found, needed)
    denied = [str(access) for access, answer in answers.items() if answer == "denied"]
    if denied:
        words = f"{command}: you may not {', '.join(denied)}"
        return Check("rights", without, words, _MENDS[command])
    if "unknown" in answers.values():
        words = f"{command}: whether you may do what it needs in {_place(namespace)} cannot be known"
        return Check("rights", "warning", words)
    return Check("rights", "ok", f"you may do what {command} needs in {_place(namespace)}")


def _place(namespace: str) -> str:
    return f"namespace {namespace}" if namespace else "all namespaces"


def absent(found: Cluster, namespace: str) -> bool:
    """Whether the server says that there is no such namespace; one that may not be read may be there."""
    try:
        found.get(ObjectRef(kube.NAMESPACE, "", namespace))
    except NotFound:
        return True
    except ChaoskitError:
        return False
    return False


def dead(found: Cluster, clock: Clock, namespace: str) -> Iterator[Check]:
    """No run or recovery was left behind by a process that died."""
    told = words(seem_dead(accounts(found, namespace), clock.now()))
    if told:
        yield Check("dead runs", "warning", told, "chaoskit rescue")
    else:
        yield Check("dead runs", "ok", f"none{f' in namespace {namespace}' if namespace else ''}")


def litmus(found: Cluster, namespace: str) -> Iterator[Check]:
    """Litmus and its operator are there, and the namespace (with "", one of all) has ChaosExperiments."""
    yield from checks.litmus(found)
    place = f"namespace {namespace}" if namespace else "the cluster"
    names = {body["metadata"]["name"] for body in found.list(kube.CHAOS_EXPERIMENT, namespace).items}
    if names:
        yield Check("experiments", "ok", f"{place} has {', '.join(sorted(names))}")
    else:
        words = f"{place} has no ChaosExperiment: an engine there would hang for ever"
        yield Check("experiments", "blocked", words, "install the ChaosExperiments of Litmus' charts there")


def signals(found: MetricsSource | None, namespace: str) -> Iterator[Check]:
    """Which signals have a sample in the namespace ("": in any); without, nothing is learned or predicted."""
    if found is None:
        yield Check(
            "prometheus", "warning", "none is configured: no training, no prediction", "--prometheus URL"
        )
        return
    every = known()
    present = [signal.name for signal in every if _sampled(found, signal, namespace)]
    lost = [need.words for need in unmet(present, every)]
    words = f"{len(present)} of {len(every)} signals have samples"
    if not present:
        yield Check("prometheus", "warning", words, "have it scrape cAdvisor and kube-state-metrics")
    elif lost:
        yield Check("prometheus", "warning", f"{words}: no {', no '.join(lost)}", "chaoskit monitor lint")
    else:
        yield Check("prometheus", "ok", f"{words}; all classes of failure have one")


def _sampled(found: MetricsSource, signal: Signal, namespace: str) -> bool:
    everywhere = signal.scope == "node" or not namespace
    return bool(found.instant(signal, None if everywhere else {"namespace": namespace}))


def store(found: Store) -> Iterator[Check]:
    """The store can be read."""
    newest = found.latest("run")
    yield Check("store", "ok", f"{found.name}{'' if newest else ', no run yet'}")


def model(models: Path) -> Iterator[Check]:
    """A model is promoted."""
    from chaoskit import prediction

    name = prediction.promoted(models)
    if name:
        yield Check("model", "ok", f"{name} answers")
    else:
        yield Check("model", "warning", "none is promoted: plain rules answer", "chaoskit train")
