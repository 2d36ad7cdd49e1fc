"""The types of arrays: what is measured and scored is in single precision, what is summed in double."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Reals: TypeAlias = NDArray[np.floating[Any]]
"""Of either precision."""

Numbers: TypeAlias = NDArray[np.int32]
"""Of runs, pods or blocks, one for each of many lines."""
