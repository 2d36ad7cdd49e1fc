"""Which fault it is: the class as its forest tells it, and within a class what tells its faults apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from chaoskit.prediction.data.arrays import Bools, Doubles, Floats
from chaoskit.prediction.learning.forest import Lesson
from chaoskit.prediction.learning.forest import fit as grown
from chaoskit.prediction.learning.options import Options
from chaoskit.prediction.learning.tree_paths import Classifier

BESIDE = frozenset({"cpu-saturation"})
"""Of these classes memory that came at once tells whose doing it is: a process beside the one that serves
brings some of its own, code that merely burns CPU does not. Among all that tells the class that one mark is
lost when a fault was seen twice or thrice, so it has a forest of its own, and both have one voice. Where no
memory is measured that one has none: what is missing did not stay as it was.

Where the load was injected into the container, as in the data that taught this, that process is the
injector's: a neighbour that takes CPU and no memory would pass for the pod's own code."""


@dataclass(frozen=True, slots=True, eq=False)
class Faults:
    """Tells the fault of a failure from `Table.fault_told_by`: class by class, as likely as the class is.

    The likeliest fault need not be of the likeliest class, where that has several.

    `within` has for each class the forests of its faults, each with the columns that it looks at; none for
    a class with one fault, which `only` names, or with none: its own name is all that is told of it.
    """

    issues: RandomForestClassifier
    within: Mapping[str, tuple[tuple[slice, Classifier], ...]]
    only: Mapping[str, str]

    @property
    def classes_(self) -> NDArray[np.str_]:
        """The names of all faults, sorted, as a forest has those of its classes."""
        of_forests = (forest.classes_ for forests in self.within.values() for _, forest in forests)
        return np.unique(np.concatenate([np.array([*self.only.values()], dtype=str), *of_forests]))

    def predict_proba(self, rows: Floats) -> Doubles:
        """The share of each fault for each row [row, fault]; each row's are 1 together."""
        names = self.classes_
        found = np.zeros((len(rows), len(names)))
        shares = self.issues.predict_proba(rows[:, : self.issues.n_features_in_])
        for place, issue in enumerate(self.issues.classes_):
            share = shares[:, [place]]
            if issue in self.only:
                found[:, names == self.only[issue]] += share
                continue
            said, voices = np.zeros_like(found), np.zeros((len(rows), 1))
            for columns, forest in self.within[issue]:
                speaks = _known(rows[:, columns])
                if speaks.any():
                    of = np.searchsorted(names, forest.classes_)
                    said[np.ix_(speaks, of)] += forest.predict_proba(rows[speaks, columns])
                    voices[speaks] += 1
            found += share * said / voices
        return found


def _known(rows: Floats) -> Bools:
    """Which rows have any value: only the memory's may have none."""
    return np.asarray(~np.isnan(rows).all(axis=1))


def fit(
    issues: RandomForestClassifier, rows: Floats, of: Sequence[tuple[int, str, str]], options: Options
) -> Faults | None:
    """What tells the faults of these samples, with the forest of their classes; None where no fault is told.

    `of` has each sample's event, class and fault; one without a fault, "", teaches none. Within a class every
    fault counts alike, and of a fault every event: two of one are not outvoted by eight of another. Memory
    tells faults apart where it was measured in each of them.
    """
    number, issue, fault = (np.array(each) for each in zip(*of, strict=True))
    named = fault != ""
    if len(np.unique(fault[named])) < 2:
        return None
    told = issues.n_features_in_
    within: dict[str, tuple[tuple[slice, Classifier], ...]] = {}
    only: dict[str, str] = {}
    for name in np.unique(issue).tolist():
        mine = named & (issue == name)
        names = np.unique(fault[mine]).tolist()
        if len(names) < 2:
            only[name] = names[0] if names else name
            continue
        views = [(slice(0, told), mine)]
        if name in BESIDE and told < rows.shape[1]:
            memory = slice(told, rows.shape[1])
            views.append((memory, mine & _known(rows[:, memory])))
        within[name] = tuple(
            (
                view,
                grown(
                    Lesson(rows[has, view], fault[has], alike(number[has], fault[has]), rows[:0, view]),
                    options,
                ),
            )
            for view, has in views
            if len(np.unique(fault[has])) == len(names)
        )
    return Faults(issues, within, only)


def alike(events: NDArray[np.int_], names: NDArray[np.str_]) -> Doubles:
    """Weights by which every name has the same sum, and every event of a name; 1 on average."""
    weights = np.ones(len(events))
    for of in (events, names):
        _, place = np.unique(of, return_inverse=True)
        weights /= np.bincount(place, weights)[place]
    return np.asarray(weights / weights.mean())
