"""What kind of document each is: ours, somebody else's, or one of ours that is misspelt."""

from __future__ import annotations

from collections.abc import Mapping

from chaoskit.documents import Document, nearest, shown
from chaoskit.experiments.lint.access import RBAC, SHAPES
from chaoskit.experiments.lint.rules import Finding, Look, filled
from chaoskit.experiments.lint.shapes import MISSPELT
from chaoskit.experiments.spec import API_VERSION, KIND

BESIDE = frozenset({"ChaosExperiment", *SHAPES})
"""Kinds that may stand beside an engine."""
RUN = frozenset({"ChaosEngine", KIND})
"""Kinds that chaoskit runs."""
LEFT = frozenset({"ChaosSchedule", "Workflow", "CronWorkflow", "WorkflowTemplate", "ClusterWorkflowTemplate"})
"""Kinds that are looked at and that others run: Litmus' scheduler, and Argo."""

_CHAOS = ("ChaosEngine", "ChaosExperiment", "ChaosSchedule")
"""Names that nobody else gives: what is much like one is meant to be it, whatever its group."""
_ARGO = "argoproj.io"
_LITMUS = "litmuschaos.io"
_OWN = API_VERSION.partition("/")[0]
_RBAC = RBAC[0].partition("/")[0]
_GROUPS: Mapping[str, str] = {
    **dict.fromkeys(LEFT, _ARGO), **dict.fromkeys(_CHAOS, _LITMUS), KIND: _OWN,
}  # fmt: skip
"""Kinds that are looked at inside, and the group that each is of."""
_OTHERS = frozenset({"ChaosResult", "ChartServiceVersion"})
"""Kinds of Litmus that nobody writes by hand to run something."""
_READ_ELSEWHERE = frozenset({"Runbook", "RunbookTest", "Signals", "DataMapping"})
"""Kinds of ours that other commands read."""


def known(document: Document) -> bool:
    """Whether it is of a kind that is looked at; Argo and others have kinds of the same name."""
    kind, group = document.kind, _group(document)
    if kind in {KIND, *LEFT} - set(_CHAOS):
        return group == _GROUPS[kind]
    return kind in _CHAOS or (kind in BESIDE and not _of_others(group))


def _of_others(group: str) -> bool:
    """Whether the group is neither Kubernetes' own nor one of ours, nor a slip of these."""
    ours = group.endswith(".k8s.io") or nearest(group, (_LITMUS, _OWN, _RBAC), likeness=MISSPELT)
    return "." in group and not ours


def taken(document: Document) -> bool:
    """Whether chaoskit runs it, or makes it beside what it runs."""
    return known(document) and document.kind in RUN | BESIDE


def foreign(document: Document) -> bool:
    """Whether it is for somebody else, or for another command, and stands beside by right."""
    group = _group(document)
    if not document.kind or not document.api_version or known(document) or _meant(document):
        return False
    own = {_LITMUS, _OWN}
    if document.kind == KIND:
        return "." in group and not nearest(group, own, likeness=MISSPELT)
    return document.kind in _OTHERS | _READ_ELSEWHERE or group not in own


def of_litmus(document: Document) -> bool:
    """Whether it is one of Litmus' own, though nothing that is run."""
    return document.kind in _OTHERS


def passed(document: Document) -> Finding:
    """A warning that this is somebody else's."""
    return Look(document).say(
        "foreign", ("kind",), "an Experiment, or what Litmus knows", found=_words(document)
    )


def stranger(document: Document) -> Finding:
    """What is no kind of document, or of no version, that is known here."""
    if document.kind == KIND:
        place = ("apiVersion",)
        version = shown(document.api_version) if document.at(place) is not None else "missing"
        told = document.problem(place, version, API_VERSION, rule="api-version")
        return Finding("error", told, filled=filled(document, place))
    found = _words(document) if document.kind else "missing"
    wanted = f"{KIND} ({API_VERSION}), ChaosEngine, or what belongs beside one"
    meant = _meant(document)
    hint = f"did you mean {meant}?" if meant else ""
    told = document.problem(("kind",), found, wanted, rule="kind", hint=hint)
    return Finding("error", told, filled=filled(document, ("kind",)))


def _group(document: Document) -> str:
    return document.api_version.partition("/")[0]


def _words(document: Document) -> str:
    return f"{document.kind} ({document.api_version or 'no apiVersion'})"


def _meant(document: Document) -> str:
    """The kind that was meant, in other letters or by a slip; "" when none is like it."""
    if known(document) or document.kind in {KIND, *_OTHERS}:
        return ""
    of_group = [kind for kind, group in _GROUPS.items() if group == _group(document)]
    return nearest(document.kind, (*_CHAOS, *of_group), likeness=MISSPELT)
