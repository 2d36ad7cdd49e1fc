"""A forest as plain arrays: it answers as the one that it was made of, and reading it runs no code."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaoskit import errors
from chaoskit.prediction.data.arrays import Doubles, Floats, Indices, Measured
from chaoskit.prediction.learning.tree_paths import ForestLike, shares

ARRAYS = ("children_left", "children_right", "feature", "threshold", "value")
PARTS = (*ARRAYS, "ends", "classes")

MOST = 10_000
"""Trees of one forest, and classes; more are no model's."""


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """The nodes of one tree, as scikit-learn names their arrays; `value` [node, 1, class]."""

    children_left: NDArray[np.int32]
    children_right: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: Doubles
    value: Doubles

    def apply(self, rows: Floats) -> Indices:
        """The leaf of each row."""
        node = np.zeros(len(rows), dtype=np.intp)
        under_way = np.arange(len(rows))
        while len(under_way := under_way[self.children_left[node[under_way]] >= 0]):
            here = node[under_way]
            left = rows[under_way, self.feature[here]] <= self.threshold[here]
            node[under_way] = np.where(left, self.children_left[here], self.children_right[here])
        return node


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree of a forest."""

    tree_: Nodes


@dataclass(frozen=True, eq=False)
class Forest:
    """What scikit-learn's forest answers, for the part of it that is asked here.

    `graph` is the same forest as ONNX, for speed: it answers where onnxruntime is installed.
    """

    classes_: NDArray[Any]
    estimators_: tuple[Tree, ...]
    graph: bytes = field(default=b"", repr=False)

    def predict_proba(self, rows: Floats) -> Measured:
        """The mean over the trees of each class's share."""
        return self._by_graph(rows) if self._session is not None else shares(self, rows)

    def _by_graph(self, rows: Floats) -> Floats:
        name = self._session.get_inputs()[0].name
        try:
            found: Floats = self._session.run(None, {name: np.asarray(rows, dtype=np.float32)})[1]
        except Exception as error:  # its errors have no common base
            raise errors.InvalidInput(f"the forest cannot be run as ONNX: {_line(error)}") from error
        return found

    def apply(self, rows: Floats) -> Indices:
        """The leaf of each row in each tree [row, tree]."""
        return np.stack([tree.tree_.apply(rows) for tree in self.estimators_], axis=1)

    @cached_property
    def _session(self) -> Any:
        if not self.graph:
            return None
        try:
            import onnxruntime
        except ImportError:
            return None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(self.graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no common base
            raise errors.InvalidInput(f"the forest cannot be read as ONNX: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def graph(forest: ForestLike, features: int) -> bytes:
    """A scikit-learn forest over so many features as ONNX.

    Raises:
        CannotStart: skl2onnx is not installed.
    """
    try:
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType
    except ImportError as error:
        raise errors.CannotStart(
            "ONNX is not installed", hint="in the folder of chaoskit's source: pip install '.[onnx]'"
        ) from error
    made = to_onnx(
        forest,
        initial_types=[("features", FloatTensorType([None, features]))],
        options={id(forest): {"zipmap": False}},
        target_opset=17,
    )
    whole: bytes = made.SerializeToString()
    return whole


def arrays(forest: ForestLike, name: str) -> dict[str, NDArray[Any]]:
    """The forest as arrays whose names begin with `name`: all trees' nodes on end, and where each ends."""
    trees = [each.tree_ for each in forest.estimators_]
    found = {f"{name}.{each}": np.concatenate([getattr(tree, each) for tree in trees]) for each in ARRAYS}
    found[f"{name}.ends"] = np.cumsum([len(tree.children_left) for tree in trees])
    found[f"{name}.classes"] = np.array([str(each) for each in forest.classes_])
    return found


def forest(found: Mapping[str, NDArray[Any]], name: str, graph: bytes = b"", *, whole: bool) -> Forest:
    """The forest of these arrays; with `whole` its classes are whole numbers.

    Raises:
        InvalidInput: they are no forest.
    """
    try:
        parts = {each: found[f"{name}.{each}"] for each in ARRAYS}
        ends, classes = found[f"{name}.ends"], found[f"{name}.classes"]
        _check_few(ends, classes)
        first, trees = 0, []
        for last in ends.tolist():
            trees.append(Tree(Nodes(**{each: part[first:last] for each, part in parts.items()})))
            _check(trees[-1].tree_, len(classes))
            first = last
        known = classes.astype(int) if whole else classes
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise errors.InvalidInput(f"the arrays of {name} are no forest: {error}") from error
    if not trees:
        raise errors.InvalidInput(f"the arrays of {name} have no tree")
    return Forest(known, tuple(trees), graph)


def _check_few(*lists: NDArray[Any]) -> None:
    if any(each.ndim != 1 for each in lists):
        raise ValueError("its trees or classes are no list")
    if max(map(len, lists)) > MOST:
        raise ValueError(f"more than {MOST} trees or classes")


def _check(nodes: Nodes, classes: int) -> None:
    """Children come after their parents and exist: a walk ends, and its end says a share of each class."""
    count, here = len(nodes.children_left), np.arange(len(nodes.children_left))
    inner = nodes.children_left >= 0
    for child in (nodes.children_left, nodes.children_right):
        if not ((child[inner] > here[inner]) & (child[inner] < count)).all():
            raise ValueError("a tree with a child before its parent")
    if not (nodes.feature[inner] >= 0).all():
        raise ValueError("a tree that asks for no feature")
    value = nodes.value
    if value.shape != (count, 1, classes) or not count or not (np.isfinite(value) & (value >= 0)).all():
        raise ValueError("nodes without shares of the classes")
    if not (value.sum(axis=-1) > 0).all():
        raise ValueError("nodes that say nothing")


def agree(forest: ForestLike, features: int) -> bool:
    """Whether its graph, where that can be run, says what its arrays say, of rows around its thresholds."""
    random = np.random.default_rng(0)
    limits = np.concatenate([tree.tree_.threshold for tree in forest.estimators_])
    rows = random.choice(limits, (64, features)).astype(np.float32)
    return bool(np.allclose(forest.predict_proba(rows), shares(forest, rows), atol=1e-6))


def used(forests: Sequence[ForestLike]) -> int:
    """One more than the highest feature that they ask for."""
    return 1 + max(int(tree.tree_.feature.max()) for each in forests for tree in each.estimators_)


def digest(forests: Sequence[ForestLike]) -> str:
    """The SHA-256 of their classes and nodes, whichever kinds of numbers hold them."""
    found = hashlib.sha256()
    for forest in forests:
        found.update(repr([str(name) for name in forest.classes_]).encode())
        for tree in forest.estimators_:
            for name in ARRAYS:
                part = getattr(tree.tree_, name)
                kind = "<f8" if name in {"threshold", "value"} else "<i8"
                found.update(repr((name, part.shape)).encode())
                found.update(np.ascontiguousarray(part, dtype=kind).tobytes())
    return found.hexdigest()
