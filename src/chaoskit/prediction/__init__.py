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
    from chaoskit.prediction.artifact import load as load
    from chaoskit.prediction.artifact import load_model as load_model
    from chaoskit.prediction.artifact import save as save
    from chaoskit.prediction.card import document as document
    from chaoskit.prediction.card import rows as rows
    from chaoskit.prediction.dataset import Dataset as Dataset
    from chaoskit.prediction.dataset import collect as collect
    from chaoskit.prediction.dataset import unmeasured as unmeasured
    from chaoskit.prediction.evaluation import Trained as Trained
    from chaoskit.prediction.evaluation import build as build
    from chaoskit.prediction.evaluation import evaluate as evaluate
    from chaoskit.prediction.evaluation import evaluate_foreign as evaluate_foreign
    from chaoskit.prediction.evaluation import recalibrated as recalibrated
    from chaoskit.prediction.failures import Objectives as Objectives
    from chaoskit.prediction.forest import Options as Options
    from chaoskit.prediction.health import Health as Health
    from chaoskit.prediction.health import health_of as health_of
    from chaoskit.prediction.health import strange_here as strange_here
    from chaoskit.prediction.labels import Chaos as Chaos
    from chaoskit.prediction.labels import Labelled as Labelled
    from chaoskit.prediction.labels import Target as Target
    from chaoskit.prediction.labels import label as label
    from chaoskit.prediction.mapping import Mapping as Mapping
    from chaoskit.prediction.mapping import load_mapping as load_mapping
    from chaoskit.prediction.outside import from_recoveries as from_recoveries
    from chaoskit.prediction.outside import from_runs as from_runs
    from chaoskit.prediction.page import markdown as markdown
    from chaoskit.prediction.page import notes as notes
    from chaoskit.prediction.page import silent_forest as silent_forest
    from chaoskit.prediction.portable import is_portable as is_portable
    from chaoskit.prediction.predictor import history as history
    from chaoskit.prediction.predictor import predict as predict
    from chaoskit.prediction.registry import Listed as Listed
    from chaoskit.prediction.registry import against as against
    from chaoskit.prediction.registry import answering as answering
    from chaoskit.prediction.registry import bare as bare
    from chaoskit.prediction.registry import calibrated_name as calibrated_name
    from chaoskit.prediction.registry import check_answers as check_answers
    from chaoskit.prediction.registry import check_name as check_name
    from chaoskit.prediction.registry import fallback as fallback
    from chaoskit.prediction.registry import judge as judge
    from chaoskit.prediction.registry import names as names
    from chaoskit.prediction.registry import next_name as next_name
    from chaoskit.prediction.registry import promote as promote
    from chaoskit.prediction.registry import promoted as promoted
    from chaoskit.prediction.registry import retire as retire
    from chaoskit.prediction.registry import rollback as rollback
    from chaoskit.prediction.report import Report as Report
    from chaoskit.prediction.rules import by_rules as by_rules
    from chaoskit.prediction.silence import Silent as Silent
    from chaoskit.prediction.silence import beside as beside
    from chaoskit.prediction.silence import heard as heard
    from chaoskit.prediction.silence import heard_of as heard_of
    from chaoskit.prediction.silence import silent as silent
    from chaoskit.prediction.tables import lacking_events as lacking_events
    from chaoskit.prediction.tables import read as read
    from chaoskit.prediction.training import Model as Model

_HOME = {
    "artifact": ("load", "load_model", "save"),
    "card": ("document", "rows"),
    "dataset": ("Dataset", "collect", "unmeasured"),
    "evaluation": ("Trained", "build", "evaluate", "evaluate_foreign", "recalibrated"),
    "failures": ("Objectives",),
    "forest": ("Options",),
    "health": ("Health", "health_of", "strange_here"),
    "labels": ("Chaos", "Labelled", "Target", "label"),
    "mapping": ("Mapping", "load_mapping"),
    "outside": ("from_recoveries", "from_runs"),
    "page": ("markdown", "notes", "silent_forest"),
    "portable": ("is_portable",),
    "predictor": ("history", "predict"),
    "registry": (
        "Listed",
        "against",
        "answering",
        "bare",
        "calibrated_name",
        "check_answers",
        "check_name",
        "fallback",
        "judge",
        "names",
        "next_name",
        "promote",
        "promoted",
        "retire",
        "rollback",
    ),
    "report": ("Report",),
    "rules": ("by_rules",),
    "silence": ("Silent", "beside", "heard", "heard_of", "silent"),
    "tables": ("lacking_events", "read"),
    "training": ("Model",),
}
_MODULE_OF = {name: module for module, public in _HOME.items() for name in public}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_MODULE_OF[name]}")
    return getattr(module, name)
