"""A model without pickle: JSON, plain arrays and ONNX. Reading it runs no code, so it may come from anywhere.

It answers as the model that it was made of, to a millionth: the forest for failure by ONNX where onnxruntime
is installed, else by its arrays; on reading, both have to agree. What judges a model elsewhere stays behind;
of whose samples it learned, and when, travels with it, so that these judge it nowhere.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from chaoskit import errors
from chaoskit.files import whole
from chaoskit.ports.metrics import Signal
from chaoskit.prediction import features, objects
from chaoskit.prediction.artifacts import parcel, trees
from chaoskit.prediction.artifacts.folders import CARD, PAGE, PORTABLE
from chaoskit.prediction.artifacts.soundness import controls, unsound
from chaoskit.prediction.features import Spec
from chaoskit.prediction.judging import drawings
from chaoskit.prediction.labelling.labels import Target
from chaoskit.prediction.learning.calibration import Calibration, Home
from chaoskit.prediction.learning.evidence import Evidence
from chaoskit.prediction.learning.incidents import Incident
from chaoskit.prediction.learning.joined import FOREST, MEMBERS, Join
from chaoskit.prediction.learning.seen import Span
from chaoskit.prediction.learning.training import Model

MODEL, TREES, FAILURE = PORTABLE, "trees.npz", "failure.onnx"
SCHEMA = "chaoskit.io/portable-model/v3"
FORESTS = ("failure", "issues")
BESIDE = (CARD, PAGE, *drawings.NAMES)
FILES = (MODEL, TREES, FAILURE, *BESIDE)


def write(model: Model, folder: Path, *, beside: Path) -> Path:
    """The model lies in `folder` with the card that lies in `beside`.

    Raises:
        InvalidInput: something lies there already.
        CannotStart: skl2onnx is not installed.
    """
    _check_empty(folder)
    files = {TREES: _packed(model), FAILURE: trees.graph(model.failure, len(model.spec.names))}
    document = {
        "schema": SCHEMA,
        "fingerprint": model.spec.fingerprint,
        **_facts(model),
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    files[MODEL] = (json.dumps(document, indent=1) + "\n").encode()
    with whole(folder) as draft:
        for name, data in files.items():
            (draft / name).write_bytes(data)
        _copy(beside, parcel.plain(beside, BESIDE), draft)
    return folder


def copy(source: Path, folder: Path) -> Path:
    """A model of this form, which lies in `source`, lies in `folder` as well.

    Raises:
        InvalidInput: something lies there already, or a file of it is a link.
    """
    _check_empty(folder)
    names = parcel.plain(source, FILES)
    with whole(folder) as draft:
        _copy(source, names, draft)
    return folder


def _copy(source: Path, names: Sequence[str], folder: Path) -> None:
    for name in names:
        shutil.copyfile(source / name, folder / name)


def _check_empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise errors.InvalidInput(f"{folder} is not empty", hint="choose another --out")


def _arrays(incidents: int) -> tuple[str, ...]:
    """The arrays of a model that remembers so many failures."""
    forests = (f"{name}.{part}" for name in FORESTS for part in trees.PARTS)
    return (*forests, *(f"incident.{index}" for index in range(incidents)))


def _packed(model: Model) -> bytes:
    found = trees.arrays(model.failure, "failure") | trees.arrays(model.issues, "issues")
    for index, incident in enumerate(model.incidents):
        found[f"incident.{index}"] = incident.leaves
    buffer = io.BytesIO()
    save: Any = np.savez_compressed  # its stub takes every keyword for an option
    save(buffer, **found)
    return buffer.getvalue()


def _facts(model: Model) -> dict[str, Any]:
    return {
        "spec": asdict(model.spec),
        "target": {**asdict(model.target), **{n: getattr(model.target, n).total_seconds() for n in _SPANS}},
        "calibration": asdict(model.calibration),
        "evidence": dict(model.evidence.spreads),
        "join": dict(model.join.thresholds),
        "alone": dict(model.alone.thresholds),
        "falseAlarmsPerDay": model.false_alarms_per_day,
        "seed": model.seed,
        "trainedAt": model.trained_at.isoformat(),
        "home": asdict(model.home) if model.home else None,
        "ranges": {name: list(pair) for name, pair in model.ranges.items()},
        "incidents": [
            {
                "target": each.target,
                "namespace": each.namespace,
                "issue": each.issue,
                "at": each.at.isoformat(),
            }
            for each in model.incidents
        ],
        "seen": [_told(each) for each in model.seen],
        "tuned": [_told(each) for each in model.tuned],
        "facts": json.loads(json.dumps(model.facts, default=str)),
    }


_SPANS = ("horizon", "warning")


def _told(span: Span) -> dict[str, Any]:
    return {"pods": sorted(span.pods), "first": span.first.isoformat(), "last": span.last.isoformat()}


def is_portable(folder: Path) -> bool:
    """Whether what lies there is such a model."""
    return (folder / MODEL).is_file()


def load(folder: Path) -> Model:
    """The model in `folder`.

    Raises:
        InvalidInput: a file of it was changed, cannot be read, or was made for other features.
    """
    if not is_portable(folder):
        raise errors.InvalidInput(
            f"there is no {folder / MODEL}", hint="name the folder that chaoskit models export wrote"
        )
    document = objects.read(folder / MODEL)
    if document.get("schema") != SCHEMA:
        raise errors.InvalidInput(f"{folder / MODEL} is not a model of this version")
    try:
        digests = document["sha256"]
        data = {name: parcel.content(folder / name, digests.get(name)) for name in (TREES, FAILURE)}
        found = parcel.arrays(data[TREES], _arrays(len(document["incidents"])))
        model = _model(document, found, data)
        _check(folder, model, document)
    except (*parcel.DAMAGED, ValidationError) as error:
        raise errors.InvalidInput(f"{folder} cannot be read as a model: {_damage(error)}") from error
    return model


def _damage(error: Exception) -> str:
    """What is wrong there, on one line."""
    if not isinstance(error, ValidationError):
        return repr(error)
    return ", ".join(".".join(map(str, each["loc"])) + ": " + each["msg"] for each in error.errors())


def _model(document: Mapping[str, Any], found: Mapping[str, Any], data: Mapping[str, bytes]) -> Model:
    spec, target = document["spec"], document["target"]
    spans = {name: timedelta(seconds=target[name]) for name in _SPANS}
    incidents = [
        Incident(
            each["target"],
            each["namespace"],
            each["issue"],
            datetime.fromisoformat(each["at"]),
            found[f"incident.{index}"],
        )
        for index, each in enumerate(document["incidents"])
    ]
    signals = TypeAdapter(tuple[Signal, ...]).validate_python(spec["signals"])
    return Model(
        spec=Spec(spec["recipe"], int(spec["step"]), signals),
        target=TypeAdapter(Target).validate_python({**target, **spans}),
        failure=trees.forest(found, "failure", data[FAILURE], whole=True),
        calibration=TypeAdapter[Calibration](Calibration).validate_python(document["calibration"]),
        issues=trees.forest(found, "issues", whole=False),
        evidence=Evidence(TypeAdapter(dict[str, float]).validate_python(document["evidence"])),
        join=Join(TypeAdapter(dict[str, float]).validate_python(document["join"])),
        alone=Join(TypeAdapter(dict[str, float]).validate_python(document["alone"])),
        false_alarms_per_day=float(document["falseAlarmsPerDay"]),
        seed=int(document["seed"]),
        trained_at=datetime.fromisoformat(document["trainedAt"]),
        home=TypeAdapter[Home | None](Home | None).validate_python(document["home"]),
        ranges=TypeAdapter(dict[str, tuple[float, float]]).validate_python(document["ranges"]),
        incidents=tuple(incidents),
        seen=TypeAdapter(tuple[Span, ...]).validate_python(document["seen"]),
        tuned=TypeAdapter(tuple[Span, ...]).validate_python(document["tuned"]),
        facts=dict(document["facts"]),
    )


def _check(folder: Path, model: Model, document: Mapping[str, Any]) -> None:
    """It asks for features that there are, those that it was trained on, and says what a model can say."""
    known, told = len(model.spec.names), features.told_by_width(model.spec)
    fits = trees.used([model.failure]) <= known and trees.used([model.issues]) <= told
    if model.spec.fingerprint != document.get("fingerprint") or not fits:
        raise errors.InvalidInput(
            f"{folder} was trained on features that this version makes differently", hint="train it again"
        )
    for join in (model.join, model.alone):
        usable = all(0 < limit < np.inf for limit in join.thresholds.values())
        if not usable or FOREST not in join.thresholds or not set(join.thresholds) <= MEMBERS:
            raise errors.InvalidInput(f"{folder}: the alarm has no usable thresholds")
    if words := unsound(model) or ("a word has control characters" if controls(document) else ""):
        raise errors.InvalidInput(f"{folder} is no sound model: {words}")
    if not trees.agree(model.failure, known):
        raise errors.InvalidInput(f"{folder}: {FAILURE} and {TREES} are not the same forest")


def install(source: Path, folder: Path) -> Path:
    """A model from elsewhere lies in `folder`, looked over; it answers when it is named.

    Raises:
        InvalidInput: it is none, a file of it is a link, or something lies in `folder` already.
        Conflict: somebody wrote there meanwhile.
    """
    if folder.exists():
        raise errors.InvalidInput(f"a model is there already: {folder}", hint="choose another --name")
    names = parcel.plain(source, FILES)
    load(source)
    if not objects.read(source / CARD):
        raise errors.InvalidInput(f"{source} has no card: it would not be known how good it is")
    with whole(folder) as draft:
        _copy(source, names, draft)
    return folder
