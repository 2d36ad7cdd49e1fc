"""The last steps of an act, as its Lease tells them to whoever follows it from elsewhere."""

from __future__ import annotations

import json
import threading
from collections import deque
from datetime import datetime
from typing import Any, get_args

from chaoskit.events import Event, Mark, Step, Warned
from chaoskit.redaction import scrubbed

KEPT = 40
"""So many steps are told at a time; a Lease must stay small."""

DETAIL = 300
"""Characters of a step's detail that are told."""


class Telling:
    """A `Listener` that collects steps until they are written; one thread may tell while another writes."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self._heard = 0
        self._written = 0

    def __call__(self, event: Event) -> None:
        """A step or a warning is remembered; anything else is not told."""
        step = event.step if isinstance(event, Warned) else event
        if isinstance(step, Step):
            with self._lock:
                self._steps.append(step)
                self._heard += 1

    @property
    def begun(self) -> bool:
        """Whether something was written, so that somebody may follow."""
        return self._written > 0

    @property
    def fresh(self) -> bool:
        """Whether something was not written yet."""
        return self._heard > self._written

    def text(self) -> tuple[str, int]:
        """What a Lease is to hold, and the number to give to `written` when it does."""
        with self._lock:
            steps = [[s.at.isoformat(), s.name, s.mark, _brief(s.detail), s.run] for s in self._steps]
            return json.dumps({"number": self._heard, "steps": steps}), self._heard

    def written(self, number: int) -> None:
        """The text of that number is in the Lease."""
        self._written = max(self._written, number)


def _brief(detail: str) -> str:
    return scrubbed(detail)[:DETAIL]


def told(text: str) -> tuple[int, tuple[Step, ...]]:
    """How many steps there have been, and the last of them; nothing where somebody spoilt the text."""
    try:
        whole: dict[str, Any] = json.loads(text) if text else {"number": 0, "steps": []}
        return int(whole["number"]), tuple(_step(*each) for each in whole["steps"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return 0, ()


def _step(at: Any, name: Any, mark: Any, detail: Any, run: Any) -> Step:
    """The step that was written so; raises ValueError or TypeError for anything else."""
    when = datetime.fromisoformat(at)
    words = all(isinstance(each, str) for each in (name, detail, run))
    if when.tzinfo is None or mark not in get_args(Mark) or not words:
        raise ValueError(f"no step of an act: {name!r}")
    return Step(when, run=run, name=name, mark=mark, detail=detail)
