"""Packets that were found in a file without libav, a stretch of it at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


class UnusualError(ValueError):
    """Something of a file is left to libav: all of it is read by libav then."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """Some packets of a stream, in the order of the file, each of them in one piece."""

    data: bytes
    """Bytes of the file in which all of them lie."""
    base: int
    """Where in the file these begin."""
    position: NDArray[np.int64]
    """Where in the file each packet begins: int64 [n]."""
    size: NDArray[np.int64]
    """How many bytes each one has: int64 [n]."""
    pts: NDArray[np.int64]
    """When each one is shown; NO_PTS where the file does not say: int64 [n]."""
    key: NDArray[np.bool_]
    """Whether the file says that decoding may begin at each one: bool [n]."""
    codes: NDArray[np.int64] | None = None
    """Where start codes lie in `data`, where that is known: int64 [m]."""

    def __len__(self) -> int:
        return len(self.position)

    def parts(self, most: int) -> Iterator[Stretch]:
        """Yield it in parts of so many packets at most, over the same bytes."""
        for begin in range(0, len(self), most):
            place = slice(begin, begin + most)
            position, size = self.position[place], self.size[place]
            codes = self.codes
            if codes is not None:
                ends = position[0] - self.base, position[-1] + size[-1] - self.base
                first, behind = np.searchsorted(codes, ends)
                codes = codes[first:behind]
            pts, key = self.pts[place], self.key[place]
            yield Stretch(self.data, self.base, position, size, pts, key, codes)

    def after(self, count: int) -> Stretch:
        """Return it without its first `count` packets."""
        return replace(
            self,
            position=self.position[count:],
            size=self.size[count:],
            pts=self.pts[count:],
            key=self.key[count:],
        )
