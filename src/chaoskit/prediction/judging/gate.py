"""What a model does not beat: the baselines with an event F1 as good, and alarms at random; in words, too."""

from __future__ import annotations

from collections.abc import Sequence

from chaoskit.prediction.judging.luck import AT_RANDOM
from chaoskit.prediction.judging.report import Line


def beaten_by(line: Line, others: Sequence[Line], luck: float) -> tuple[str, ...]:
    """The names of what the model does not beat in event F1; `luck` is that of as many alarms at random.

    A tie beats nobody. Luck is beaten only by all that so few events leave open.
    """
    better = (other.name for other in others if other.f1 >= line.f1)
    return (*better, *([AT_RANDOM] if _is_lucky(line, luck) else []))


def standing(line: Line, others: Sequence[Line], luck: float) -> list[str]:
    """In words, the same: what is better, where a tie in event F1 is none in PR-AUC, and what luck does."""
    better = [other.name for other in others if other.f1 > line.f1]
    found = [f"does not beat {', '.join(better)} in event F1"] if better else []
    for other in others:
        if other.f1 == line.f1:
            ahead = " and beats it in PR-AUC" if line.pr_auc > other.pr_auc else ""
            found.append(f"ties {other.name} in event F1{ahead}: that does not beat it")
    if _is_lucky(line, luck):
        random, low = f"{AT_RANDOM} have an event F1 of {luck:.3f}", line.f1_interval.low
        found.append(f"{random}; for all that so few events tell, the model's is {low:.3f}")
    return found


def _is_lucky(line: Line, luck: float) -> bool:
    return line.f1_interval.low <= luck
