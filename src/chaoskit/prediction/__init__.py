"""The failure model: data in, an honest model out, and what it says about now.

Importing this imports neither numpy nor scikit-learn: they come with the first use.

    data     read(paths, mapping) or collect(metrics, start, end, namespace) -> Dataset
    labels   label(dataset, target) -> Labelled
    model    build(labelled, options) -> Trained (model, baselines, report); save, load, promote
    judged   evaluate(trained, labelled) -> Report, on other data; recalibrated(trained, labelled) to it
    answers  predict(model, window, now=...) or by_rules(window, now) -> PredictionRecord per workload
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chaoskit.prediction.answers.health import Health as Health
    from chaoskit.prediction.answers.health import health_of as health_of
    from chaoskit.prediction.answers.health import strange_here as strange_here
    from chaoskit.prediction.answers.predictor import history as history
    from chaoskit.prediction.answers.predictor import predict as predict
    from chaoskit.prediction.answers.rules import by_rules as by_rules
    from chaoskit.prediction.answers.silence import Silent as Silent
    from chaoskit.prediction.answers.silence import Young as Young
    from chaoskit.prediction.answers.silence import beside as beside
    from chaoskit.prediction.answers.silence import heard as heard
    from chaoskit.prediction.answers.silence import heard_of as heard_of
    from chaoskit.prediction.answers.silence import silent as silent
    from chaoskit.prediction.answers.silence import young as young
    from chaoskit.prediction.artifacts.artifact import load as load
    from chaoskit.prediction.artifacts.artifact import load_model as load_model
    from chaoskit.prediction.artifacts.artifact import save as save
    from chaoskit.prediction.artifacts.listing import Listed as Listed
    from chaoskit.prediction.artifacts.listing import names as names
    from chaoskit.prediction.artifacts.listing import next_name as next_name
    from chaoskit.prediction.artifacts.portable import is_portable as is_portable
    from chaoskit.prediction.artifacts.promotion import against as against
    from chaoskit.prediction.artifacts.promotion import answering as answering
    from chaoskit.prediction.artifacts.promotion import check_answers as check_answers
    from chaoskit.prediction.artifacts.promotion import fallback as fallback
    from chaoskit.prediction.artifacts.promotion import promote as promote
    from chaoskit.prediction.artifacts.promotion import promoted as promoted
    from chaoskit.prediction.artifacts.promotion import retire as retire
    from chaoskit.prediction.artifacts.promotion import rollback as rollback
    from chaoskit.prediction.artifacts.verdicts import judge as judge
    from chaoskit.prediction.data.dataset import Dataset as Dataset
    from chaoskit.prediction.data.dataset import collect as collect
    from chaoskit.prediction.data.dataset import unmeasured as unmeasured
    from chaoskit.prediction.judging.card import document as document
    from chaoskit.prediction.judging.card import rows as rows
    from chaoskit.prediction.judging.evaluation import Trained as Trained
    from chaoskit.prediction.judging.evaluation import build as build
    from chaoskit.prediction.judging.evaluation import evaluate as evaluate
    from chaoskit.prediction.judging.evaluation import evaluate_foreign as evaluate_foreign
    from chaoskit.prediction.judging.evaluation import recalibrated as recalibrated
    from chaoskit.prediction.judging.page import markdown as markdown
    from chaoskit.prediction.judging.page import notes as notes
    from chaoskit.prediction.judging.page import silent_forest as silent_forest
    from chaoskit.prediction.judging.report import Report as Report
    from chaoskit.prediction.labelling.failures import Objectives as Objectives
    from chaoskit.prediction.labelling.labels import Chaos as Chaos
    from chaoskit.prediction.labelling.labels import Labelled as Labelled
    from chaoskit.prediction.labelling.labels import Target as Target
    from chaoskit.prediction.labelling.labels import label as label
    from chaoskit.prediction.labelling.outside import from_recoveries as from_recoveries
    from chaoskit.prediction.labelling.outside import from_runs as from_runs
    from chaoskit.prediction.learning.options import Options as Options
    from chaoskit.prediction.learning.training import Model as Model
    from chaoskit.prediction.naming import bare as bare
    from chaoskit.prediction.naming import calibrated_name as calibrated_name
    from chaoskit.prediction.naming import check_name as check_name
    from chaoskit.prediction.reading.mapping import Mapping as Mapping
    from chaoskit.prediction.reading.mapping import load_mapping as load_mapping
    from chaoskit.prediction.reading.tables import lacking_events as lacking_events
    from chaoskit.prediction.reading.tables import read as read

_HOME = {
    "artifacts.artifact": ("load", "load_model", "save"),
    "judging.card": ("document", "rows"),
    "data.dataset": ("Dataset", "collect", "unmeasured"),
    "judging.evaluation": ("Trained", "build", "evaluate", "evaluate_foreign", "recalibrated"),
    "labelling.failures": ("Objectives",),
    "learning.options": ("Options",),
    "answers.health": ("Health", "health_of", "strange_here"),
    "labelling.labels": ("Chaos", "Labelled", "Target", "label"),
    "naming": ("bare", "calibrated_name", "check_name"),
    "reading.mapping": ("Mapping", "load_mapping"),
    "labelling.outside": ("from_recoveries", "from_runs"),
    "judging.page": ("markdown", "notes", "silent_forest"),
    "artifacts.portable": ("is_portable",),
    "answers.predictor": ("history", "predict"),
    "artifacts.listing": ("Listed", "names", "next_name"),
    "artifacts.promotion": (
        "against",
        "answering",
        "check_answers",
        "fallback",
        "promote",
        "promoted",
        "retire",
        "rollback",
    ),
    "artifacts.verdicts": ("judge",),
    "judging.report": ("Report",),
    "answers.rules": ("by_rules",),
    "answers.silence": ("Silent", "Young", "beside", "heard", "heard_of", "silent", "young"),
    "reading.tables": ("lacking_events", "read"),
    "learning.training": ("Model",),
}
_MODULE_OF = {name: module for module, public in _HOME.items() for name in public}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_MODULE_OF[name]}")
    return getattr(module, name)
