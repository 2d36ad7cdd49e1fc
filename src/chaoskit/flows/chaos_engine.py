"""`AIChaosEngine`, the library's facade of prediction and experiments: train, predict, generate, run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chaoskit import experiments, kube, prediction, signals, topology
from chaoskit.acts.heart import Heart
from chaoskit.acts.ledger import Ledger
from chaoskit.amending import early
from chaoskit.clock import Stop
from chaoskit.documents import parse
from chaoskit.errors import Forbidden
from chaoskit.events import Listener, Step, ignore
from chaoskit.experiments import batch
from chaoskit.experiments.direct.preparing import felt_by
from chaoskit.experiments.generation import TRACE, Measured, Proposal, Source, propose, reproduce
from chaoskit.flows import learning
from chaoskit.flows.completing import completed, placed, unbegun, versions_of
from chaoskit.flows.foreseeing import Lookout
from chaoskit.flows.learning import Fitted
from chaoskit.flows.outlook import Outlook
from chaoskit.flows.places import refuse_absent
from chaoskit.flows.rescuing import keeper
from chaoskit.flows.world import World
from chaoskit.ports.store import Document
from chaoskit.records import PredictionRecord, RunRecord
from chaoskit.sharing import Ages, Moment, SharedCluster, SharedMetrics, seldom_collected

if TYPE_CHECKING:
    from chaoskit.experiments import Trial
    from chaoskit.ports.cluster import Identity
    from chaoskit.prediction import Chaos, Dataset, Objectives, Options
    from chaoskit.prediction.patterns import Patterns

_STEADY = ("error_ratio", "latency_p95", "memory_usage", "db_pool_usage", "fs_usage")
"""Signals that conditions of generated experiments are made of."""

EVERYWHERE = "all"
"""The first part of the name of a model that learned from all namespaces."""


class AIChaosEngine:
    """Learns from a cluster's metrics, predicts failures, generates experiments and runs them.

    Predictions and runs are kept in the world's store, one lineage id through all of them.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def collect(
        self, namespace: str, length: timedelta, *, step: int = 60, listen: Listener = ignore
    ) -> Dataset:
        """The signals of a namespace over the last `length`, on a grid of `step` seconds.

        Namespace "" means all but protected ones.
        """
        world, now = self._world, self._world.clock.now()
        without = () if namespace else world.limits.protected
        return prediction.collect(
            world.measured, now - length, now, namespace, step=step, without=without, listen=listen
        )

    def train(
        self,
        namespace: str,
        length: timedelta = timedelta(hours=24),
        *,
        base: str = "",
        options: Options | None = None,
        chaos: Chaos = "mask",
        objectives: Objectives | None = None,
        promote: bool = True,
        thorough: bool = True,
        listen: Listener = ignore,
    ) -> Fitted:
        """A model of the namespace's last `length` was trained, judged, kept and, if it earned it, promoted.

        Namespace "" means all but protected ones.
        Past runs and recoveries of the store are labels. Chaos windows are masked or, with `chaos` "label",
        failures of their fault's class, exactly while they last; they are never silently healthy.
        `objectives` say what in the history is a failure.
        """
        base = base or namespace or EVERYWHERE
        prediction.check_name(base)
        return learning.fit(
            self.collect(namespace, length, listen=listen),
            models=self._world.models,
            base=base,
            options=options,
            extra=learning.labels_of(self._world),
            chaos=chaos,
            objectives=objectives,
            promote=promote,
            thorough=thorough,
            key=self._world.model_key,
            now=self._world.clock.now(),
            listen=listen,
        )

    def predict(
        self, namespace: str, *, model: str = "", listen: Listener = ignore
    ) -> tuple[PredictionRecord, ...]:
        """How likely each workload of the namespace is to fail, riskiest first; kept in the store.

        Namespace "" means all but protected ones.
        Without a promoted model (or one named) plain rules answer, without probabilities.
        """
        return self.outlook(namespace, model=model, listen=listen).predictions

    def outlook(
        self, namespace: str, *, model: str = "", selector: str = "", listen: Listener = ignore
    ) -> Outlook:
        """The same with who says so and what speaks against it, for the workloads with these labels."""
        return self.lookout(namespace, model=model, selector=selector, listen=listen).look()

    def lookout(
        self, namespace: str, *, model: str = "", selector: str = "", listen: Listener = ignore
    ) -> Lookout:
        """What looks at a namespace again and again, and remembers what it has measured.

        Namespace "" means all but protected ones.
        """
        loaded = learning.chosen(self._world.models, model, key=self._world.model_key)
        return Lookout(self._world, namespace, loaded, selector, listen, by_itself=not model)

    def patterns(self, namespace: str, length: timedelta, *, listen: Listener = ignore) -> Patterns:
        """What recurs in the failures of a namespace over the last `length`, beyond chance."""
        from chaoskit.prediction.patterns import patterns

        extra = learning.labels_of(self._world)
        seen = self.collect(namespace, length, listen=listen)
        return patterns(prediction.label(seen, prediction.Target(), extra=extra))

    def generate(
        self,
        namespace: str,
        predictions: Sequence[PredictionRecord] = (),
        *,
        top: int = 5,
        selector: str = "",
        source: Source = "predictions",
        direct: bool = True,
    ) -> tuple[Proposal, ...]:
        """The `top` experiments most worth doing, ranked, each with its reason and cost.

        `namespace` "" means all of them; protected ones are left out. `selector` takes workloads by their
        labels, as kubectl does. From ``history`` comes what was tested before, from ``topology`` nodes too.
        Of a store that several clusters share, only what was tested in this one counts. Without `direct` only
        what Litmus can inject is proposed.

        Raises:
            InvalidInput: the selector is none.
            NotFound: there is no such namespace.
        """
        world = self._world
        refuse_absent(world.cluster, namespace)
        seen = topology.snapshot(world.cluster, namespace, settings=True)
        return propose(
            predictions,
            seen,
            world.kept("run", limit=500),
            measured=self._measured(namespace),
            installed=self._installed(namespace),
            only=self._wanted(seen, namespace, selector),
            source=source,
            nodes=source == "topology" and not selector,
            direct=direct,
            top=top,
            now=world.clock.now(),
        )

    def reproduce(self, incident: Document, *, top: int = 1, direct: bool = True) -> tuple[Proposal, ...]:
        """At most `top` experiments that bring about what a kept run or recovery was about.

        Without `direct` only what Litmus can inject is proposed.

        Raises:
            InvalidInput: the record is neither.
            NotFound: its workload is gone.
        """
        namespace = incident["namespace"]
        return reproduce(
            incident,
            topology.snapshot(self._world.cluster, namespace, settings=True),
            measured=self._measured(namespace),
            installed=self._installed(namespace),
            direct=direct,
            top=top,
            now=self._world.clock.now(),
        )

    def run(
        self,
        what: Trial | Proposal,
        *,
        listen: Listener = ignore,
        stop: threading.Event | None = None,
        preflight: bool = True,
        timeout: float | None = None,
        expected_hash: str = "",
        known: Identity | None = None,
        heart: Heart | None = None,
        ledger: Ledger | None = None,
    ) -> RunRecord:
        """The experiment was run, judged and undone; the record, with the signals around it, is kept.

        It was generated, or read by `chaoskit.load`. `known` is the cluster as the plan of `expected_hash`
        knew it, whose maker may read more of it, or less. `ledger` is that of a run that was handed over.
        """
        world, trial = self._world, _trial(what) if isinstance(what, Proposal) else what
        trial = replace(trial, hidden=trial.hidden | world.secrets)
        record = experiments.run(
            trial,
            cluster=world.cluster,
            clock=world.clock,
            governor=world.governor,
            metrics=world.metrics,
            http=world.http,
            commands=world.commands,
            listen=listen,
            stop=stop or Stop(),
            preflight=preflight,
            timeout=timeout,
            trace_id=trace_of(trial.document),
            expected_hash=expected_hash,
            known=known,
            heart=heart,
            ledger=ledger,
            ending=lambda ended: world.keep(ignore, early(placed(ended, trial).document())),
            keep=keeper(world, listen),
        )
        whole = completed(record, trial, world, self._versions)
        world.keep(listen, whole.document())
        return whole

    def run_all(
        self,
        trials: Sequence[Trial],
        *,
        parallel: int = 1,
        fail_fast: bool = False,
        listen: Listener = ignore,
        stop: threading.Event | None = None,
        preflight: bool = True,
        expected: Sequence[str] = (),
        known: Identity | None = None,
        ended: Callable[[RunRecord], None] = lambda _: None,
    ) -> tuple[RunRecord, ...]:
        """The experiments were run, `parallel` at a time, two on one workload after each other.

        `expected` are hashes of their plans, in the same order, `known` is the cluster as these knew it. With
        `fail_fast` none is begun after one that does not end with 0, nor once `stop` is set: the record of
        such a one says so, and is in no store. `ended` is told each record as its run ends, from whatever
        thread that ran it.
        """
        stop = stop or Stop()
        world = self._world
        if parallel > 1:
            world = _shared(world)
        one = AIChaosEngine(world)
        with Heart(world.cluster, world.clock) as heart, _crowded(parallel):

            def run_one(place: int, trial: Trial) -> RunRecord:
                wanted = expected[place] if expected else ""
                record = one.run(
                    trial,
                    listen=listen,
                    stop=stop,
                    preflight=preflight,
                    expected_hash=wanted,
                    known=known,
                    heart=heart,
                )
                ended(record)
                return record

            def skip_one(trial: Trial, reason: str) -> RunRecord:
                record = unbegun(trial, world, reason)
                ended(record)
                return record

            def waits(mine: Trial, other: Trial) -> None:
                why = "they share a workload, or one looks at or may feel what the other disturbs"
                words = f"{mine.name} waits for {other.name}: {why}"
                listen(Step(world.clock.now(), "parallel", "note", words))

            now = Moment(world.cluster)
            return batch.run_all(
                trials,
                run_one,
                skip_one,
                parallel=parallel,
                fail_fast=fail_fast,
                stop=stop,
                waits=waits,
                felt=lambda trial: felt_by(trial, now, world.clock),
            )

    def _measured(self, namespace: str) -> Measured:
        """What is measured of the workloads now, the worst of their pods; empty without a Prometheus."""
        metrics, found = self._world.metrics, dict[tuple[str, str], dict[str, float]]()
        if metrics is None:
            return {}
        for name in _STEADY:
            for each in metrics.instant(
                signals.BY_NAME[name], {"namespace": namespace} if namespace else None
            ):
                key = (each.labels.get("namespace", namespace), topology.workload_name(each.labels))
                values = found.setdefault(key, {})
                values[name] = max(each.value, values.get(name, each.value))
        return found

    def _installed(self, namespace: str) -> set[tuple[str, str]] | None:
        """The faults that can be run at once, by namespace; None when that cannot be known."""
        try:
            bodies = self._world.cluster.list(kube.CHAOS_EXPERIMENT, namespace).items
        except Forbidden:
            return None
        return {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in bodies}

    def _wanted(self, seen: topology.Topology, namespace: str, selector: str) -> set[tuple[str, str]]:
        """The workloads that are not protected; with a selector those that the server selects by it."""
        protected = self._world.limits.protected
        allowed = {key for key in seen.workloads if key[0] not in protected}
        if not selector:
            return allowed
        chosen = topology.labelled(self._world.cluster, namespace, selector)
        return allowed & {(ref.namespace, str(ref)) for ref in chosen}

    @cached_property
    def _versions(self) -> Mapping[str, str]:
        """Asked once for all runs: it costs a list of every deployment."""
        return versions_of(self._world.cluster)


def _crowded(parallel: int) -> AbstractContextManager[None]:
    return seldom_collected() if parallel > 1 else nullcontext()


def _shared(world: World) -> World:
    """The same world for many threads: what they ask alike is asked once."""
    return replace(
        world,
        cluster=SharedCluster(world.cluster, Ages.of(world.clock)),
        metrics=None if world.metrics is None else SharedMetrics(world.metrics, world.clock),
    )


def _trial(proposal: Proposal) -> Trial:
    """What a proposal says, as if it had been written to a file and read."""
    (trial,) = experiments.trials(parse(proposal.text, f"{proposal.name}.yaml"))
    return trial


def trace_of(document: Mapping[str, Any]) -> str:
    """The lineage that an experiment's annotation names, or ""."""
    return str((document["metadata"].get("annotations") or {}).get(TRACE, ""))
