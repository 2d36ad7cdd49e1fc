"""From documents to trials: what one run needs, native or plain Litmus, with what belongs beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from chaoskit import kube
from chaoskit.documents import Document, each, names_in, refuse, survey, unnamed
from chaoskit.errors import InvalidInput, Problem
from chaoskit.experiments import bindings, lint, litmus
from chaoskit.experiments.direct.faults import EVERY
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.spec import KIND, Experiment, experiment_of
from chaoskit.ports.cluster import Object
from chaoskit.records import WORDS
from chaoskit.redaction import nameless, scrubbed, secrets_in
from chaoskit.steadystate.conditions import Condition


@dataclass(frozen=True)
class Trial:
    """One thing to run: a native experiment, or somebody's engine as it is, with what stands beside it.

    Its document begins at `line` of `path`. `hidden` are the values of variables that its documents were
    filled with, and whose names call them secret, and what whoever runs it tells nobody. `variables` are the
    names of those that its file uses.
    """

    path: str
    experiment: Experiment | None = None
    engine: Object | None = None
    beside: tuple[Object, ...] = ()
    warnings: tuple[Problem, ...] = ()
    line: int = 1
    hidden: frozenset[str] = field(default=frozenset(), repr=False)
    variables: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The document's name."""
        if self.experiment is not None:
            return self.experiment.metadata.name
        return str((self.engine or {})["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Where the engine is made; native experiments have their targets there too."""
        if self.experiment is not None:
            return self.experiment.metadata.namespace
        return str((self.engine or {})["metadata"].get("namespace") or "default")

    @property
    def faults(self) -> tuple[str, ...]:
        """Litmus' names of the faults, in order."""
        if self.experiment is not None:
            return (EVERY[self.experiment.spec.fault.kind].litmus,)
        return litmus.names_of(self.engine or {"spec": {}})

    @property
    def asked(self) -> tuple[str, ...]:
        """The faults as the document calls them: one of chaoskit's own stands for one of Litmus'."""
        return self.faults if self.experiment is None else (self.experiment.spec.fault.kind,)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The steady state that chaoskit itself watches."""
        return () if self.experiment is None else self.experiment.spec.steady_state

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """What was written, for the record."""
        return self.engine or (self.experiment.document() if self.experiment is not None else {})

    @cached_property
    def secrets(self) -> frozenset[str]:
        """What of it nobody is to read in outputs, reports and history, wherever it stands there."""
        return nameless((*self.hidden, *secrets_in((self.document, *self.beside))), self.names)

    @cached_property
    def names(self) -> frozenset[str]:
        """What its documents call things by, and chaoskit's own words: no secret, whatever a Secret holds."""
        beside = ((body.get("metadata") or {}).get(f) for body in self.beside for f in ("name", "namespace"))
        watched = (
            word for each in self.conditions for word in (each.workload, each.namespace(self.namespace))
        )
        own = (*names_in(self.document), *map(str, filter(None, beside)))
        return frozenset((*own, *self.asked, *watched, *self.faults, *WORDS)) - {""}

    @property
    def experiments(self) -> tuple[Mapping[str, Any], ...]:
        """The engine's experiments; for a native one, as they will be written."""
        if self.engine is not None:
            return litmus.experiments_of(self.engine)
        if self.experiment is None or self.faults[0] not in CATALOGUE:
            return ()
        return (litmus.entry(self.experiment, litmus.chosen(self.experiment)),)

    def definition(self, fault: str) -> Object | None:
        """The ChaosExperiment that stands beside the engine, or None."""
        return self._beside("ChaosExperiment", fault)

    def brings(self, kind: str, name: str) -> bool:
        """Whether such an object stands beside the engine."""
        return self._beside(kind, name) is not None

    def _beside(self, kind: str, name: str) -> Object | None:
        same = (b for b in self.beside if b["kind"] == kind and b["metadata"]["name"] == name)
        return next(same, None)


def load(
    paths: Iterable[str],
    *,
    variables: Mapping[str, str] | None = None,
    namespace: str = "",
    strict: bool = False,
) -> tuple[Trial, ...]:
    """Every trial of these files, folders and ``-``; `namespace` is for documents that name none.

    Raises:
        InvalidInput: with every problem of every document; with `strict`, warnings are problems too.
    """
    paths = tuple(paths)
    read, unread = survey(paths, variables=variables)
    return trials(usable(read, unread, paths), namespace=namespace, strict=strict)


def usable(
    read: Collection[Document],
    unread: Sequence[Problem],
    paths: Collection[str],
    given: Collection[str] = (),
) -> tuple[Document, ...]:
    """Of what was `read` of these files, folders and ``-``, the documents; `given` are variables by hand.

    Raises:
        InvalidInput: one is `unread`; what is wrong in the others is told with it. Or no file speaks of a
            variable that was given.
    """
    documents = sifted(read, paths)
    if unread:
        refuse([*unread, *(one.problem for one in lint.findings(documents) if one.level == "error")])
    if documents:
        refuse(unnamed(read, given))
    return documents


def sifted(documents: Iterable[Document], paths: Collection[str]) -> tuple[Document, ...]:
    """The documents, without those that happen to be in a folder: they have no kind, nor a version."""
    named = {*paths, "stdin"}
    return tuple(each for each in documents if each.kind or each.api_version or each.path in named)


def trials(documents: Sequence[Document], *, namespace: str = "", strict: bool = False) -> tuple[Trial, ...]:
    """The trials of documents that were read; objects beside an engine are made before and removed after it.

    Raises:
        InvalidInput: as in `load`.
    """
    company = any(map(lint.known, documents))
    made = each(documents, lambda document: _understood(document, namespace, strict=strict, company=company))
    beside = tuple(body for body in made if isinstance(body, Mapping))
    found = tuple(trial for trial in made if isinstance(trial, Trial))
    if not found:
        told = [one.problem for one in lint.nothing_to_run(documents)]
        raise InvalidInput("there is nothing to run", problems=told)
    hidden = frozenset(secret for document in documents for secret in document.secrets)
    ours = [document for document in documents if lint.taken(document)]
    said = (*lint.unmade(documents), *lint.together(ours, namespace or "default"))
    between = [one.problem for one in lint.heeded(said)]
    refuse([one for one in between if strict])
    return tuple(
        replace(
            trial,
            beside=_beside(trial, beside),
            warnings=(*trial.warnings, *_told(trial, found, between)),
            hidden=hidden,
            variables=frozenset().union(*(one.variables for one in documents if one.path == trial.path)),
        )
        for trial in found
    )


def trial_of(body: Mapping[str, Any], path: str = "", hidden: Iterable[str] = ()) -> Trial:
    """The trial of a document that was read before, and kept somewhere by a program with what it hides.

    Raises:
        InvalidInput: it is none, or not any more, whatever else it may be.
    """
    secrets = frozenset(hidden)
    try:
        (trial,) = trials([Document(path, dict(body), {}, {}, secrets=secrets)])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        words = scrubbed(f"that is no experiment: {error!r}", secrets.union(secrets_in(body)))
        raise InvalidInput(words) from error
    return trial


def _understood(document: Document, namespace: str, *, strict: bool, company: bool) -> Trial | Object | None:
    """The trial, or what stands beside one; None of what `run` neither runs nor makes."""
    found = lint.of_document(document, company=company)
    refuse([one.problem for one in found if _forbids(one, strict=strict)])
    warnings = tuple(one.problem for one in lint.heeded(found))
    if not lint.taken(document):
        return None
    if document.kind == KIND:
        experiment = experiment_of(document)
        if namespace and not document.at(("metadata", "namespace")):
            meta = experiment.metadata.model_copy(update={"namespace": namespace})
            experiment = experiment.model_copy(update={"metadata": meta})
        return Trial(document.path, experiment=experiment, warnings=warnings, line=document.place(()).line)
    body = dict(document.value)
    if document.kind != "ChaosEngine":
        return body
    place = body["metadata"].get("namespace") or namespace or "default"
    body["metadata"] = {**body["metadata"], "namespace": place}
    return Trial(document.path, engine=body, warnings=warnings, line=document.place(()).line)


def _forbids(found: lint.Finding, *, strict: bool) -> bool:
    """Whether nothing can be run with it."""
    grave = found.level == "error" or found.problem.rule in lint.NEEDED
    return grave or (strict and not found.ignored)


def _beside(trial: Trial, bodies: Sequence[Object]) -> tuple[Object, ...]:
    """What belongs beside the trial: in its namespace, in none, or what entitles its accounts elsewhere."""
    return tuple(
        {**body, "metadata": {**body["metadata"], "namespace": place}} if place else body
        for body in bodies
        for place in [_place(body, trial.namespace)]
        if place in {"", trial.namespace} or bindings.reaches(body, bodies, trial.namespace)
    )


def _place(body: Object, home: str) -> str:
    """The namespace of what stands beside; "" of what is in none."""
    return str(body["metadata"].get("namespace") or home) if kube.kind_of(body).namespaced else ""


def _told(trial: Trial, all_of_them: Sequence[Trial], between: Iterable[Problem]) -> tuple[Problem, ...]:
    """What is said of the documents that concerns its file; with the first one, of files without a trial."""
    paths = {each.path for each in all_of_them}
    first = trial is all_of_them[0]
    return tuple(each for each in between if each.path == trial.path or (first and each.path not in paths))


def chaos_seconds(trial: Trial, env: Mapping[str, litmus.Env], targets: int) -> float:
    """How long the faults themselves last: one after the other, and pod by pod where serial."""
    own = {name: env.get(name, {}) for name in trial.faults}
    ramps = sum(2 * litmus.whole(each, "RAMP_TIME", 0) for each in own.values())
    return ramps + sum(fault_seconds(name, each, targets) for name, each in own.items())


def fault_seconds(fault: str, env: litmus.Env, targets: int) -> float:
    """How long one fault lasts, from its first injection on: no ramp is in it.

    Serial helpers have its duration for each pod. What deletes pods goes from one to the next by itself: it
    has that for all of them together, and its first round is a whole one.
    """
    known = CATALOGUE.get(fault)
    duration = litmus.whole(env, "TOTAL_CHAOS_DURATION", known.duration if known else 60)
    if env.get("SEQUENCE") != "serial":
        return float(duration)
    if known is not None and known.deletes:
        return float(max(duration, targets * litmus.whole(env, "CHAOS_INTERVAL", 10)))
    return float(duration * max(1, targets))


def overhead_seconds(trial: Trial) -> float:
    """What Litmus needs beside the faults: starting, checking, reporting, and the probes."""
    probes = sum(litmus.probe_seconds(p) for e in trial.experiments for p in litmus.probes_of(e))
    known = (CATALOGUE.get(name) for name in trial.faults)
    return probes + sum(fault.overhead if fault is not None else 40.0 for fault in known)
