"""The files of a model's folder, and the digests that tell one model from another."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

CARD, PAGE = "card.json", "card.md"

PORTABLE, DATA = "model.json", "model.joblib"
"""The file that says what a model is, thresholds included: of the form without pickle, else of the other."""


def file_digest(folder: Path) -> str:
    """The SHA-256 of the file that says what the model in this folder is, "" when there is none."""
    path = next((folder / name for name in (PORTABLE, DATA) if (folder / name).is_file()), None)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path else ""


def content_digest(folder: Path) -> str:
    """The SHA-256 of what a model without pickle says of itself, however that is written; "" of any other."""
    try:
        content = json.loads((folder / PORTABLE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return ""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
