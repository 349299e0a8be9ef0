"""Pictures for training, with their truth, in two files for each clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fleet.train.data.pictures import Band

TRUTH_COLUMNS = 7


@dataclass(frozen=True, eq=False)
class Samples:
    """The pictures of one clip, with their truth."""

    bands: NDArray[np.uint8]
    """[n, 256, 416, 3], RGB."""
    truth: NDArray[np.float32]
    """[m, 7], a row for each figure: number of the picture, class, x1, y1, x2, y2 in pixels of the
    band, and the share of the figure that is hidden, 0..1."""

    def __len__(self) -> int:
        return len(self.bands)

    def of(self, number: int) -> NDArray[np.float32]:
        """Return the rows of truth of one picture."""
        rows: NDArray[np.float32] = self.truth[self.truth[:, 0] == number]
        return rows


def bands_path(folder: Path, name: str) -> Path:
    """Return the path of a clip's pictures."""
    return folder / f"{name}.bands.npy"


def truth_path(folder: Path, name: str) -> Path:
    """Return the path of a clip's truth, which is written last, so that it means a whole clip."""
    return folder / f"{name}.truth.npy"


def save(folder: Path, name: str, bands: Sequence[Band], truth: NDArray[np.float32]) -> None:
    """Write the pictures of a clip, then its truth; each file gets its name when it is complete."""
    for path, values in (
        (bands_path(folder, name), np.stack(bands)),
        (truth_path(folder, name), truth),
    ):
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, values)
        part.replace(path)


def load(folder: Path, name: str) -> Samples:
    """Return a clip's pictures, which stay on the disk until they are read."""
    bands = np.load(bands_path(folder, name), mmap_mode="r")
    return Samples(bands, np.load(truth_path(folder, name)))
