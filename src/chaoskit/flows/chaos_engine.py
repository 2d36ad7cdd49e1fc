"""`AIChaosEngine`, the library's facade of prediction and experiments: train, predict, generate, run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chaoskit import experiments, prediction, signals, topology
from chaoskit.acts.heart import Heart
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import Stop
from chaoskit.errors import CannotStart
from chaoskit.events import Listener, ignore
from chaoskit.experiments import batch
from chaoskit.experiments.generation import Proposal, propose
from chaoskit.flows import learning
from chaoskit.flows.auto_recovery import keep
from chaoskit.flows.completing import completed, versions_of
from chaoskit.flows.learning import Fitted
from chaoskit.flows.world import World
from chaoskit.ports.metrics import MetricsSource
from chaoskit.records import PredictionRecord, RunRecord
from chaoskit.sharing import SharedCluster

if TYPE_CHECKING:
    from chaoskit.experiments import Trial
    from chaoskit.prediction import Dataset, Options

TRACE = "chaoskit.io/trace"
"""Annotation on an experiment: the lineage of the prediction that it was generated from."""


class AIChaosEngine:
    """Learns from a cluster's metrics, predicts failures, generates experiments and runs them.

    Predictions and runs are kept in the world's store, one lineage id through all of them.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def collect(
        self, namespace: str, length: timedelta, *, step: int = 60, listen: Listener = ignore
    ) -> Dataset:
        """The signals of a namespace over the last `length`, on a grid of `step` seconds."""
        now = self._world.clock.now()
        return prediction.collect(self._metrics(), now - length, now, namespace, step=step, listen=listen)

    def train(
        self,
        namespace: str,
        length: timedelta = timedelta(hours=24),
        *,
        base: str = "",
        options: Options | None = None,
        promote: bool = True,
        thorough: bool = True,
        listen: Listener = ignore,
    ) -> Fitted:
        """A model of the namespace's last `length` was trained, judged, kept and, if it earned it, promoted.

        Past runs and recoveries of the store are labels: chaos windows are masked, never silently healthy.
        """
        store = self._world.store
        extra = learning.labels_of(store.find("run"), store.find("recovery"))
        return learning.fit(
            self.collect(namespace, length, listen=listen),
            models=self._world.models,
            base=base or namespace,
            options=options,
            extra=extra,
            promote=promote,
            thorough=thorough,
            now=self._world.clock.now(),
            listen=listen,
        )

    def predict(
        self, namespace: str, *, model: str = "", listen: Listener = ignore
    ) -> tuple[PredictionRecord, ...]:
        """How likely each workload of the namespace is to fail, riskiest first; kept in the store.

        Without a promoted model (or one named) plain rules answer, without probabilities.
        """
        world = self._world
        loaded = learning.chosen(world.models, model)
        now = world.clock.now()
        wanted, step = (loaded[1].spec.signals, loaded[1].spec.step) if loaded else (signals.CATALOGUE, 60)
        start = now - learning.wanted_history(loaded[1] if loaded else None)
        window = prediction.collect(self._metrics(), start, now, namespace, wanted=wanted, step=step)
        found = learning.answer(window, loaded, now=now, cluster=world.cluster.name)
        for each in found:
            keep(world, each.document(), listen)
        return found

    def generate(
        self, namespace: str, predictions: Sequence[PredictionRecord] = (), *, top: int = 5
    ) -> tuple[Proposal, ...]:
        """The `top` experiments most worth doing, ranked, each with its reason."""
        world = self._world
        seen = topology.snapshot(world.cluster, namespace)
        history = world.store.find("run", limit=500)
        return propose(
            predictions, seen, history, measured=self._measured(namespace), top=top, now=world.clock.now()
        )

    def run(
        self,
        trial: Trial,
        *,
        listen: Listener = ignore,
        stop: threading.Event | None = None,
        preflight: bool = True,
        timeout: float | None = None,
        expected_hash: str = "",
        heart: Heart | None = None,
        ledger: Ledger | None = None,
    ) -> RunRecord:
        """The experiment was run, judged and undone; the record, with the signals around it, is kept.

        `ledger` is that of a run that was handed over.
        """
        world = self._world
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
            heart=heart,
            ledger=ledger,
        )
        whole = completed(record, trial, world, self._versions)
        keep(world, whole.document(), listen)
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
        ended: Callable[[RunRecord], None] = lambda _: None,
    ) -> tuple[RunRecord, ...]:
        """The experiments were run, `parallel` at a time, two on one workload after each other.

        `expected` are hashes of their plans, in the same order. With `fail_fast` none is begun after one that
        does not end with 0. `ended` is told each record as its run ends, from whatever thread that ran it.
        """
        stop = stop or Stop()
        world = self._world
        if parallel > 1:
            world = replace(world, cluster=SharedCluster(world.cluster))
        one = AIChaosEngine(world)
        with Heart(world.cluster, world.clock) as heart:

            def run_one(place: int, trial: Trial) -> RunRecord:
                wanted = expected[place] if expected else ""
                record = one.run(
                    trial, listen=listen, stop=stop, preflight=preflight, expected_hash=wanted, heart=heart
                )
                ended(record)
                return record

            return batch.run_all(trials, run_one, parallel=parallel, fail_fast=fail_fast, stop=stop)

    def _measured(self, namespace: str) -> set[tuple[str, str]]:
        """The workloads whose errors are measured now."""
        if self._world.metrics is None:
            return set()
        samples = self._world.metrics.instant(signals.BY_NAME["error_ratio"], {"namespace": namespace})
        return {(namespace, topology.workload_name(each.labels)) for each in samples}

    @cached_property
    def _versions(self) -> Mapping[str, str]:
        """Asked once for all runs: it costs a list of every deployment."""
        return versions_of(self._world.cluster)

    def _metrics(self) -> MetricsSource:
        if self._world.metrics is None:
            raise CannotStart(
                "there is no Prometheus to read signals from", hint="give its address with --prometheus"
            )
        return self._world.metrics


def trace_of(document: Mapping[str, Any]) -> str:
    """The lineage that an experiment's annotation names, or ""."""
    return str((document["metadata"].get("annotations") or {}).get(TRACE, ""))
