"""Which fault it is: the class as its forest tells it, and within a class what tells its faults apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaoskit.prediction.features import Floats
from chaoskit.prediction.forest import Lesson, Options
from chaoskit.prediction.forest import fit as grown

BESIDE = frozenset({"cpu-saturation"})
"""Of these classes memory that came at once tells whose doing it is: a process beside the one that serves
brings some of its own, code that merely burns CPU does not. Among all that tells the class that one mark is
lost when a fault was seen twice or thrice, so it has a forest of its own, and both have one voice.

Where the load was injected into the container, as in the data that taught this, that process is the
injector's: a neighbour that takes CPU and no memory would pass for the pod's own code."""


@dataclass(frozen=True, slots=True, eq=False)
class Faults:
    """Tells the fault of a failure from `Table.fault_told_by`: class by class, as likely as the class is.

    The likeliest fault need not be of the likeliest class, where that has several.

    `within` has for each class the forests of its faults, each with the columns that it looks at; none for
    a class with one fault, which `only` names.
    """

    issues: Any
    within: Mapping[str, tuple[tuple[slice, Any], ...]]
    only: Mapping[str, str]

    @property
    def classes_(self) -> NDArray[np.str_]:
        """The names of all faults, sorted, as a forest has those of its classes."""
        of_forests = (forest.classes_ for forests in self.within.values() for _, forest in forests)
        return np.unique(np.concatenate([np.array([*self.only.values()], dtype=str), *of_forests]))

    def predict_proba(self, rows: Floats) -> NDArray[np.float64]:
        """The share of each fault for each row [row, fault]; each row's are 1 together."""
        names = self.classes_
        found = np.zeros((len(rows), len(names)))
        shares = self.issues.predict_proba(rows[:, : self.issues.n_features_in_])
        for place, issue in enumerate(self.issues.classes_):
            share = shares[:, [place]]
            if issue in self.only:
                found[:, names == self.only[issue]] += share
                continue
            forests = self.within[issue]
            for columns, forest in forests:
                said = forest.predict_proba(rows[:, columns])
                found[:, np.searchsorted(names, forest.classes_)] += share * said / len(forests)
        return found


def fit(issues: Any, rows: Floats, of: Sequence[tuple[int, str, str]], options: Options) -> Faults | None:
    """What tells the faults of these samples, with the forest of their classes; None where no fault is told.

    `of` has each sample's event, class and fault. Within a class every fault counts alike, and of a fault
    every event: two of one are not outvoted by eight of another.
    """
    number, issue, fault = (np.array(each) for each in zip(*of, strict=True))
    if len(np.unique(fault)) < 2:
        return None
    told = issues.n_features_in_
    within: dict[str, tuple[tuple[slice, Any], ...]] = {}
    only: dict[str, str] = {}
    for name in np.unique(issue).tolist():
        mine = issue == name
        if len(names := np.unique(fault[mine]).tolist()) == 1:
            only[name] = names[0]
            continue
        even, views = alike(number[mine], fault[mine]), [slice(0, told)]
        if name in BESIDE and told < rows.shape[1]:
            views.append(slice(told, rows.shape[1]))
        within[name] = tuple(
            (view, grown(Lesson(rows[mine, view], fault[mine], even, rows[:0, view]), options))
            for view in views
        )
    return Faults(issues, within, only)


def alike(events: NDArray[np.int_], names: NDArray[np.str_]) -> NDArray[np.float64]:
    """Weights by which every name has the same sum, and every event of a name; 1 on average."""
    weights = np.ones(len(events))
    for of in (events, names):
        _, place = np.unique(of, return_inverse=True)
        weights /= np.bincount(place, weights)[place]
    return np.asarray(weights / weights.mean())
