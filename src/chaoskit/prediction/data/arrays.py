"""The types of arrays, whatever their shape, and where they have no value.

What is measured and scored is in single precision, what is summed in double. Docstrings name axes in square
brackets: [row, moment].
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Indices: TypeAlias = NDArray[np.intp]
Bools: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = NDArray[np.int32]
"""Of runs, pods or blocks, one for each of many lines."""
Measured: TypeAlias = NDArray[np.floating[Any]]
"""In either precision."""


def missing(values: Measured) -> Bools:
    """Where there is no value."""
    found: Bools = np.not_equal(values, values)  # np.isnan's type cannot tell array from scalar
    return found
