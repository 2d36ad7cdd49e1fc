"""What promotes a model, by its figures alone; what it does not beat, in words, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scipy.stats import poisson

from chaoskit.prediction.judging.luck import AT_RANDOM
from chaoskit.prediction.judging.verdict import AT_LEAST, AT_LEAST_HOURS, ENOUGH, Figures, Kind, Verdict

if TYPE_CHECKING:
    from chaoskit.prediction.judging.report import Line


def verdict(of: Figures) -> Verdict:
    """It promotes a model that keeps its budget, caught more than one, and that nothing is as good as.

    A tie is not enough: the alarm may have joined the very rule that it ties with. Baselines may all be bad,
    so alarms at random are beaten, too, only by all that so few events leave open.
    """
    if not of.judged:
        return Verdict(Kind.UNJUDGED)
    if of.hours < AT_LEAST_HOURS:
        return Verdict(Kind.FEW_HOURS)
    if of.failures < ENOUGH:
        return Verdict(Kind.FEW_FAILURES)
    if _over_budget(of):
        return Verdict(Kind.OVER_BUDGET)
    if of.beaten_by:
        return Verdict(Kind.BEATEN, of.beaten_by)
    return Verdict(Kind.FEW_CAUGHT if of.caught < AT_LEAST else Kind.BEATS)


def _over_budget(of: Figures) -> bool:
    """Whether there were more false alarms than the budget explains, but for one case in twenty."""
    return bool(of.false_alarms > poisson.ppf(0.95, of.budget * of.hours / 24))


def beaten_by(line: Line, others: Sequence[Line], luck: float) -> tuple[str, ...]:
    """The names of what the model does not beat in event F1; `luck` is that of as many alarms at random.

    A tie beats nobody. Luck is beaten only by all that so few events leave open.
    """
    random = [AT_RANDOM] if _is_lucky(line, luck) else []
    return (*(other.name for other in _as_good(line, others)), *random)


def standing(line: Line, others: Sequence[Line], luck: float) -> list[str]:
    """In words, the same: what is better, where a tie in event F1 is none in PR-AUC, and what luck does."""
    as_good = _as_good(line, others)
    better = [other.name for other in as_good if other.f1 > line.f1]
    found = [f"does not beat {', '.join(better)} in event F1"] if better else []
    for other in as_good:
        if other.f1 == line.f1:
            ahead = " and beats it in PR-AUC" if line.pr_auc > other.pr_auc else ""
            found.append(f"ties {other.name} in event F1{ahead}: that does not beat it")
    if _is_lucky(line, luck):
        random, low = f"{AT_RANDOM} have an event F1 of {luck:.3f}", line.f1_interval.low
        found.append(f"{random}; for all that so few events tell, the model's is {low:.3f}")
    return found


def _as_good(line: Line, others: Sequence[Line]) -> list[Line]:
    return [other for other in others if other.f1 >= line.f1]


def _is_lucky(line: Line, luck: float) -> bool:
    return line.f1_interval.low <= luck
