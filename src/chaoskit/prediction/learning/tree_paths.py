"""What a forest is, what each of its trees says of a row of features, and which features led it there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from chaoskit.prediction.data.arrays import Doubles, Floats, Indices, Measured


class NodesLike(Protocol):
    """The nodes of one tree, as scikit-learn names their arrays [node]; a leaf has no child (-1)."""

    @property
    def children_left(self) -> NDArray[np.signedinteger]:
        """Where a row goes whose feature is no more than the threshold."""

    @property
    def children_right(self) -> NDArray[np.signedinteger]:
        """Where every other row goes."""

    @property
    def feature(self) -> NDArray[np.signedinteger]:
        """Which feature is asked for."""

    @property
    def threshold(self) -> Doubles:
        """What that is compared with."""

    @property
    def value(self) -> Doubles:
        """The classes' shares there, or what is in proportion to them [node, 1, class]."""

    def apply(self, rows: Floats, /) -> Indices:
        """The leaf of each row [row]."""


class TreeLike(Protocol):
    """One tree of a forest."""

    @property
    def tree_(self) -> NodesLike:
        """Its nodes."""


class Classifier(Protocol):
    """What tells classes by features: a forest, or several together."""

    @property
    def classes_(self) -> NDArray[Any]:
        """Their names, in order: words, or 0 and 1 for failure."""

    def predict_proba(self, rows: Floats, /) -> Measured:
        """The share of each class for each row of features [row, class]."""


class ForestLike(Classifier, Protocol):
    """A forest, as scikit-learn grows one and as a file without pickle gives one back."""

    @property
    def estimators_(self) -> Sequence[TreeLike]:
        """Its trees."""

    def apply(self, rows: Floats, /) -> NDArray[np.signedinteger]:
        """The leaf of each row in each tree [row, tree]."""


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
    def of(cls, forest: ForestLike) -> Paths:
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


_known: WeakKeyDictionary[ForestLike, Paths] = WeakKeyDictionary()


def _of(forest: ForestLike) -> Paths:
    """The forest's paths, laid out once as long as it lives: look after look asks the same one."""
    found = _known.get(forest)
    if found is None:
        found = _known[forest] = Paths.of(forest)
    return found


def by_tree(forest: ForestLike, rows: Floats) -> Doubles:
    """Each tree's share for failure, for each row of features [row, tree]: their mean is the score."""
    paths = _of(forest)
    out = np.empty((len(paths.first), len(rows)), dtype=np.float64)
    for told, leaves, first in zip(out, _leaves(forest, rows), paths.first, strict=True):
        np.take(paths.share, leaves + first, out=told)
    return out.T


def shares(forest: ForestLike, rows: Floats) -> Doubles:
    """Each class's share, for each row of features [row, class]: what `predict_proba` says, sooner."""
    total = np.zeros((len(rows), len(forest.classes_)))
    for each, mine in zip(forest.estimators_, _leaves(forest, rows), strict=True):
        value = each.tree_.value[:, 0]
        total += (value / value.sum(axis=1, keepdims=True))[mine]
    return total / len(forest.estimators_)


def leaves(forest: ForestLike, rows: Floats) -> Indices:
    """The leaf that each row of features falls into in each tree [row, tree]."""
    return np.stack(list(_leaves(forest, rows)), axis=1)


def _leaves(forest: ForestLike, rows: Floats) -> Iterator[Indices]:
    return (each.tree_.apply(rows) for each in forest.estimators_)  # no threads: a tree takes microseconds


def contributions(forest: ForestLike, rows: Floats) -> Doubles:
    """How much each feature moved the forest's share for failure from its average, per row [row, feature].

    Along each tree's path the change of the share at a split belongs to the feature it asks for; a row's
    contributions and the average sum up to its score (Saabas 2014; Palczewska and others 2013).
    """
    paths, total = _of(forest), np.zeros(rows.shape)
    for row, feature, change in paths.steps(rows):
        np.add.at(total, (row, feature), change)
    return total / len(paths.first)
