"""What is left of some data to judge a model by, or to set its thresholds on; in words, what is not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from chaoskit import errors
from chaoskit.prediction.judging.verdict import AT_LEAST_HOURS
from chaoskit.prediction.labelling.labels import Labelled
from chaoskit.prediction.learning import seen
from chaoskit.prediction.learning import table as tables
from chaoskit.prediction.learning.alarms import Judge
from chaoskit.prediction.learning.folds import Moments
from chaoskit.prediction.learning.table import Table
from chaoskit.prediction.learning.training import Model

_LATER = "give what is later by itself, or a longer time"


@dataclass(frozen=True, slots=True, eq=False)
class Left:
    """Of this data, the moments that the model did not learn from; of those, the ones that set no threshold.

    `absent` are the model's signals that the data has not, `known` is how many pods are left out at a time
    that the model may know.
    """

    table: Table
    unseen: Moments
    fresh: Moments
    absent: tuple[str, ...]
    known: int

    @classmethod
    def of(cls, model: Model, labelled: Labelled) -> Self:
        """With exactly the model's signals, in its order.

        Raises:
            InvalidInput: the data has another step than the model.
            NoBaseline: most of the model's signals are absent, or it learned from, or beside, all of it.
        """
        labelled, absent = _asked(labelled, model)
        labelled, known = _apart(labelled, model)
        table = tables.tabulate(labelled, model.spec)
        unseen = _unseen(model, table)
        free = seen.fresh(model.tuned, labelled)
        fresh = tuple(mine & untuned for mine, untuned in zip(unseen, free, strict=True))
        return cls(table, unseen, fresh, absent, known)

    @property
    def labelled(self) -> Labelled:
        """The data."""
        return self.table.labelled

    @property
    def lacks(self) -> list[str]:
        """In words, the signals that are absent, and how many pods are left out at some time."""
        found = []
        if self.absent:
            found.append(f"without {', '.join(self.absent)}, which the model knows and the data lacks")
        if self.known:
            are = "pod is" if self.known == 1 else "pods are"
            found.append(f"{self.known} {are} left out at a time that the model knows of pods of such names")
        return found

    @property
    def untuned(self) -> bool:
        """Whether nothing that was not learned from set a threshold."""
        return all(free[mine].all() for free, mine in zip(self.fresh, self.unseen, strict=True))

    @property
    def learned(self) -> str:
        """In brackets, the hours that the model learned from or that lie beside that, "" without any."""
        return f" (of the data, {words} are left out)" if (words := self._learned()) else ""

    @property
    def gone(self) -> str:
        """The same with the healthy hours that set the model's thresholds."""
        found = " and ".join(words for words in (self._learned(), self._tuned()) if words)
        return f" (of the data, {found} are left out)" if found else ""

    def _learned(self) -> str:
        hours = _hours(self.unseen, self.table)
        return f"{hours:.1f} h that the model learned from or that lie beside that" if hours else ""

    def _tuned(self) -> str:
        hours = Judge(self.labelled, self.unseen).hours - Judge(self.labelled, self.fresh).hours
        return f"{hours:.1f} h of healthy time that set its thresholds" if hours > 0 else ""

    def check_due(self) -> None:
        """There is a failure to catch in what was not learned from; `NoBaseline`, with the rest, if not."""
        if Judge(self.labelled, self.unseen).due:
            return
        if events := len(self.labelled.events):
            raise errors.NoBaseline(
                f"none of the data's failures ({events}) is left to catch{self.learned}",
                hint=_LATER,
            )
        if late := len(self.labelled.late):
            raise errors.NoBaseline(
                f"the data's failures ({late}) begin when it or their pod ends: no sample shows them",
                hint="give data that goes on longer",
            )
        raise errors.NoBaseline(
            f"the data has no failure to catch{self.learned}: no event names one, no signal shows one",
            hint="give data of a time in which something failed; or name what did in the events file",
        )

    def check_fresh(self, advice: str = "") -> None:
        """There is one that set no threshold; `NoBaseline`, with what else to do, if not."""
        if not Judge(self.labelled, self.fresh).due:
            raise errors.NoBaseline(
                "every failure of this data lies in the time that set the model's thresholds: none judges"
                f" them{self.gone}",
                hint=f"give data of another time{advice}",
            )

    def notes(self, judged: Judge, advice: str = "") -> list[str]:
        """In words, how much set the thresholds and so is not judged, and where that leaves too little."""
        whole, rest = (Judge(self.labelled, each) for each in (self.unseen, self.fresh))
        if rest.hours == whole.hours:
            return []
        lost = len(whole.due) - len(rest.due)
        failures = f" and {lost} failure{'' if lost == 1 else 's'} in it" if lost else ""
        words = (
            f"every figure is of time that set no threshold: {whole.hours - rest.hours:.1f} h of healthy time"
            f" that did{failures} are left out, {judged.hours:.1f} h are counted"
        )
        enough = judged.hours >= AT_LEAST_HOURS
        return [words if enough else words + advice]


def _hours(left: Moments, table: Table) -> float:
    """How many hours of the data are not among these moments."""
    return sum(int((~each).sum()) for each in left) * table.spec.step / 3600


def _asked(labelled: Labelled, model: Model) -> tuple[Labelled, tuple[str, ...]]:
    """The same with exactly the model's signals, in its order, and the names of those that the data lacks."""
    dataset, wanted, step = labelled.dataset, model.spec.signals, model.spec.step
    if dataset.step != step:
        raise errors.InvalidInput(
            f"the data has a sample every {dataset.step} s, the model goes by one every {step} s",
            hint=f"label it on the model's grid: label(dataset.thin({step}), ...)",
        )
    there = dataset.sampled().names
    lacks = [signal.name for signal in wanted if signal.name not in there]
    if 2 * len(lacks) > len(wanted):
        raise errors.NoBaseline(
            f"the data lacks most of the model's signals ({', '.join(lacks)}): rules answer in its place",
            hint="map its columns to them",
        )
    return replace(labelled, dataset=dataset.select(wanted)), tuple(lacks)


def _apart(labelled: Labelled, model: Model) -> tuple[Labelled, int]:
    """The same without the few pods that the model may know the time of, and how many they are."""
    labelled, learned = seen.apart(model.seen, labelled, 2 * model.spec.window)
    labelled, tuned = seen.apart(model.tuned, labelled, 0)
    return labelled, max(learned, tuned)


def _unseen(model: Model, table: Table) -> Moments:
    """What the model did not learn from, nor what lies beside that; `NoBaseline` where it is nothing."""
    gap = 2 * table.spec.window
    moments = seen.unseen(model.seen, table.labelled, gap)
    if any(each.any() for each in moments):
        return moments
    outside = seen.unseen(model.seen, table.labelled, 0)
    if any(each.any() for each in outside):
        raise errors.NoBaseline(
            f"the model learned from {_hours(outside, table):.1f} h of this data, and the rest lies within"
            f" {gap * table.spec.step / 60:.0f} min of that",
            hint=_LATER,
        )
    raise errors.NoBaseline(
        "the model learned from all of this data, of the same pods at the same time: it can neither judge"
        " the model nor set its thresholds",
        hint="give data of another time or cluster; its card tells how it did on held-out time",
    )
