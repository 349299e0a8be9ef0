"""The cells of networks that have one candidate or more in each cell of maps of several strides."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size

STRIDES = (8, 16, 32)
LARGE_STRIDES = (8, 16, 32, 64)
"""Those of networks for large pictures (P6)."""


def count_cells(canvas: Size, each: int = 1) -> set[int]:
    """Return how many candidates there may be on an input of a size, with `each` in a cell.

    On maps of strides 8, 16, 32 (and 64), or 16 and 32 alone, as tiny networks have them.
    """
    return {
        each * sum(_columns(canvas, stride) * _rows(canvas, stride) for stride in strides)
        for strides in (STRIDES, LARGE_STRIDES, STRIDES[1:])
    }


def strides_of(canvas: Size, cells: int) -> tuple[int, ...] | None:
    """Return the strides of the maps that have so many cells together; None where none have."""
    for strides in (STRIDES, LARGE_STRIDES, STRIDES[1:]):
        if cells == sum(_columns(canvas, step) * _rows(canvas, step) for step in strides):
            return strides
    return None


@lru_cache(maxsize=16)
def cell_table(canvas: Size, strides: tuple[int, ...]) -> NDArray[np.float32]:
    """Return column, row and stride of each cell: float32 [cells, 3], map by map, row by row.

    It is kept for the next picture, and read-only.
    """
    tables = []
    for stride in strides:
        rows, columns = np.indices((_rows(canvas, stride), _columns(canvas, stride)))
        steps = np.full(rows.size, stride)
        tables.append(np.column_stack([columns.ravel(), rows.ravel(), steps]))
    table = np.concatenate(tables).astype(np.float32)
    table.flags.writeable = False
    return table


def _columns(canvas: Size, stride: int) -> int:
    return math.ceil(canvas.width / stride)


def _rows(canvas: Size, stride: int) -> int:
    return math.ceil(canvas.height / stride)
