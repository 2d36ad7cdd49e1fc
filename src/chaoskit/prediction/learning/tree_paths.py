"""What each tree of a forest says of a row of features, and which features led it there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from chaoskit.prediction.data.arrays import Doubles, Floats, Indices


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """All nodes of all trees on end [node]: where they lead, what they ask, the share for failure there.

    `first` [tree] are the roots; a leaf leads to itself.
    """

    first: Indices
    left: Indices
    right: Indices
    feature: Indices
    threshold: Doubles
    share: Doubles

    @classmethod
    def of(cls, forest: Any) -> Paths:
        """Those of this forest."""
        trees, failing = [each.tree_ for each in forest.estimators_], list(forest.classes_).index(1)
        sizes = [len(tree.feature) for tree in trees]
        first = np.cumsum([0, *sizes[:-1]])
        value = np.concatenate([tree.value[:, 0] for tree in trees])
        here, base = np.arange(sum(sizes)), np.repeat(first, sizes)
        left, right = (
            np.concatenate([getattr(tree, side) for tree in trees])
            for side in ("children_left", "children_right")
        )
        return cls(
            first,
            np.where(left >= 0, left + base, here),
            np.where(left >= 0, right + base, here),
            np.concatenate([tree.feature for tree in trees]).astype(np.intp),
            np.concatenate([tree.threshold for tree in trees]),
            value[:, failing] / value.sum(axis=1),
        )

    def steps(self, rows: Floats) -> Iterator[tuple[Indices, Indices, Doubles]]:
        """Step by step down all trees: which rows move, by which feature, and how the share changes."""
        row = np.repeat(np.arange(len(rows)), len(self.first))
        here = np.tile(self.first, len(rows))
        while len(under_way := np.flatnonzero(self.left[here] != here)):
            row, here = row[under_way], here[under_way]
            feature = self.feature[here]
            lower = rows[row, feature] <= self.threshold[here]
            after = np.where(lower, self.left[here], self.right[here])
            yield row, feature, self.share[after] - self.share[here]
            here = after


_known: WeakKeyDictionary[Any, Paths] = WeakKeyDictionary()


def _of(forest: Any) -> Paths:
    """The forest's paths, laid out once as long as it lives: look after look asks the same one."""
    found = _known.get(forest)
    if found is None:
        found = _known[forest] = Paths.of(forest)
    return found


def by_tree(forest: Any, rows: Floats) -> Doubles:
    """Each tree's share for failure, for each row of features [row, tree]: their mean is the score."""
    paths = _of(forest)
    out = np.empty((len(paths.first), len(rows)), dtype=np.float64)
    for told, leaves, first in zip(out, _leaves(forest, rows), paths.first, strict=True):
        np.take(paths.share, leaves + first, out=told)
    return out.T


def shares(forest: Any, rows: Floats) -> Doubles:
    """Each class's share, for each row of features [row, class]: what `predict_proba` says, sooner."""
    total = np.zeros((len(rows), len(forest.classes_)))
    for each, mine in zip(forest.estimators_, _leaves(forest, rows), strict=True):
        value = each.tree_.value[:, 0]
        total += (value / value.sum(axis=1, keepdims=True))[mine]
    return total / len(forest.estimators_)


def leaves(forest: Any, rows: Floats) -> Indices:
    """The leaf that each row of features falls into in each tree [row, tree]."""
    return np.stack(list(_leaves(forest, rows)), axis=1)


def _leaves(forest: Any, rows: Floats) -> Iterator[Indices]:
    return (each.tree_.apply(rows) for each in forest.estimators_)  # no threads: a tree takes microseconds


def contributions(forest: Any, rows: Floats) -> Doubles:
    """How much each feature moved the forest's share for failure from its average, per row [row, feature].

    Along each tree's path the change of the share at a split belongs to the feature it asks for; a row's
    contributions and the average sum up to its score.
    """
    paths, total = _of(forest), np.zeros(rows.shape)
    for row, feature, change in paths.steps(rows):
        np.add.at(total, (row, feature), change)
    return total / len(paths.first)
