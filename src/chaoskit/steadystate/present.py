"""How a steady state stands now, before anything is done: what can be looked at without doing anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from chaoskit.steadystate.comparing import Judgement
from chaoskit.steadystate.conditions import Condition
from chaoskit.steadystate.readers import Sources, measure


@dataclass(frozen=True, slots=True)
class Present:
    """A condition, and whether it holds now."""

    condition: Condition
    judgement: Judgement

    @property
    def forbids(self) -> bool:
        """Whether a run would end at once for it: it must hold before, and does not, or nobody can tell.

        What a command will say is not known here.
        """
        return self.condition.before and self.judgement.held is not True and self.condition.command is None

    def words(self) -> str:
        """``error_ratio now 0.004, expected below 0.05; looked at before, during and after``."""
        judgement, condition = self.judgement, self.condition
        stages = {"before": condition.before, "during": condition.during, "after": condition.after}
        when = ", ".join(stage for stage, looked in stages.items() if looked)
        ends = "; ends the run" if condition.abort else ""
        return f"{condition.title} now {judgement.observed}, expected {judgement.expected} ({when}{ends})"

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "condition": self.condition.title,
            "mode": self.condition.mode,
            "abort": self.condition.abort,
            "held": self.judgement.held,
            "observed": self.judgement.observed,
            "expected": self.judgement.expected,
        }


def present(conditions: Iterable[Condition], namespace: str, sources: Sources) -> tuple[Present, ...]:
    """Each condition as it stands; a command may change something, so it is left to the run."""
    return tuple(Present(each, _looked(each, namespace, sources)) for each in conditions)


def _looked(condition: Condition, namespace: str, sources: Sources) -> Judgement:
    if condition.command is not None:
        return Judgement(None, "unknown: only a run runs commands", f"exit {condition.command.exit_code}")
    return measure(condition, namespace, sources)
