"""What chaoskit needs, looked at one by one: what is there, what is missing, and how to mend it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from chaoskit import kube
from chaoskit.acts.accounts import accounts
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, Forbidden
from chaoskit.experiments import checks
from chaoskit.experiments.checks import Check, State
from chaoskit.flows.deaths import seem_dead, words
from chaoskit.flows.places import absent
from chaoskit.ports.cluster import Access, Cluster, ObjectRef
from chaoskit.ports.metrics import MetricsSource, Signal
from chaoskit.ports.store import Store
from chaoskit.recovery import remedies
from chaoskit.signals import known
from chaoskit.signals.needs import unmet
from chaoskit.topology import inhabited

NODES_RECOMMENDED = 3

SHOWN = 5
"""So many namespaces in which something is missing are named, others counted."""

_USUAL = ("restart-pod", "rolling-restart", "roll-back")
"""The remediations whose rights stand for all: those of the most frequent issues."""
_MENDS = {
    "run": "whoever may give rights: chaoskit plan FILE --rbac | kubectl apply -f -",
    "recover": "ask for these rights if you want to recover",
}


def examine(name: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """What `look` finds; an error on the way is one more finding, with its own mend.

    What may not be looked at is not known, and a warning: which rights a run needs is asked for by itself.
    """
    try:
        yield from look()
    except Forbidden as error:
        yield Check(name, "warning", f"cannot be known: {error.message}", error.hint)
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


def dead(found: Cluster, clock: Clock, namespace: str) -> Iterator[Check]:
    """No run or recovery was left behind by a process that died."""
    told = words(seem_dead(accounts(found, namespace), clock.now()))
    if told:
        yield Check("dead runs", "warning", told, "chaoskit rescue")
    else:
        yield Check("dead runs", "ok", f"none{f' in namespace {namespace}' if namespace else ''}")


def litmus(found: Cluster, namespace: str, protected: Collection[str] = ()) -> Iterator[Check]:
    """Litmus and its operator are there, and the namespace has ChaosExperiments.

    With "", each namespace with workloads does, but for protected ones: it is blocked when none does.
    """
    yield from checks.litmus(found, namespace)
    names: dict[str, list[str]] = {}
    for body in found.list(kube.CHAOS_EXPERIMENT, namespace).items:
        names.setdefault(body["metadata"]["namespace"], []).append(body["metadata"]["name"])
    wanted = (namespace,) if namespace else inhabited(found, protected) or tuple(names)
    having = [each for each in wanted if each in names]
    lacking = [each for each in wanted if each not in names]
    place = f"namespace {namespace}" if namespace else "the cluster"
    if having:
        known = sorted({name for each in having for name in names[each]})
        yield Check("experiments", "ok", f"{place} has {', '.join(known)}")
    if lacking or not having:
        words = f"{_some(lacking) or f'{place} has'} no ChaosExperiment: an engine there would hang for ever"
        mend = "chaoskit plan FILE --rbac | kubectl apply -f - makes them; without, some are direct"
        yield Check("experiments", "warning" if having else "blocked", words, mend)


def _some(namespaces: Sequence[str]) -> str:
    """``namespace bank has``, ``namespaces a, b, c and 2 more have``; "" of none."""
    if len(namespaces) < 2:
        return "".join(f"namespace {each} has" for each in namespaces)
    more = f" and {len(namespaces) - SHOWN} more" if len(namespaces) > SHOWN else ""
    return f"namespaces {', '.join(namespaces[:SHOWN])}{more} have"


def signals(
    found: MetricsSource | None, cluster: Cluster, namespace: str, protected: Collection[str] = ()
) -> Iterator[Check]:
    """Which signals have a sample in the namespace; without, nothing is learned or predicted.

    With "", in any but protected ones, and which of those with workloads have none.
    """
    if found is None:
        yield Check(
            "prometheus", "warning", "none is configured: no training, no prediction", "--prometheus URL"
        )
        return
    every = known()
    seen = {signal.name: _sampled(found, signal, namespace, protected) for signal in every}
    present = [name for name, places in seen.items() if places]
    lost = [need.words for need in unmet(present, every)]
    words = f"{len(present)} of {len(every)} signals have samples"
    if not present:
        yield Check("prometheus", "warning", words, "have it scrape cAdvisor and kube-state-metrics")
    elif lost:
        yield Check("prometheus", "warning", f"{words}: no {', no '.join(lost)}", "chaoskit monitor lint")
    else:
        yield Check("prometheus", "ok", f"{words}; all classes of failure have one")
    dark = [] if namespace else sorted(set(inhabited(cluster, protected)).difference(*seen.values()))
    if present and dark:
        words = f"{_some(dark)} no sample of any signal"
        yield Check("prometheus", "warning", words, "have it scrape cAdvisor and kube-state-metrics there")


def _sampled(
    found: MetricsSource, signal: Signal, namespace: str, protected: Collection[str]
) -> frozenset[str]:
    """The namespaces in which the signal has samples; "" stands for a node's."""
    if signal.scope == "node":
        return frozenset([""] if found.instant(signal) else [])
    samples = found.instant(signal, {"namespace": namespace} if namespace else None)
    places = frozenset(each.labels.get("namespace", "") for each in samples)
    return places if namespace else places - frozenset(protected)


def store(found: Store) -> Iterator[Check]:
    """The store can be read."""
    newest = found.latest("run")
    yield Check("store", "ok", f"{found.name}{'' if newest else ', no run yet'}")


def model(models: Path, key: bytes = b"") -> Iterator[Check]:
    """Whether a model answers, and which; raises what a prediction with it would."""
    from chaoskit.flows import learning

    if found := learning.chosen(models, key=key):
        yield Check("model", "ok", f"{found[0]} answers")
    else:
        yield Check("model", "warning", "none is promoted: plain rules answer", "chaoskit train")
