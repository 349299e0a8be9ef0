"""Gather a packet table row by row, in a few bytes a row."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fleet.video.containers.timestamps import NO_PTS
from fleet.video.index import PacketTable


@dataclass(frozen=True)
class PacketLocation:
    """Where a packet's payload lies; see `PacketTable`."""

    position: int
    span: int
    skip: int
    size: int
    verbatim: bool = True
    """Whether the bytes there are the packet's, byte for byte."""

    def incomplete(self) -> PacketLocation:
        """Return the same place with more bytes than there are: the packet counts as damaged."""
        return replace(self, size=self.span + 1)


@dataclass(frozen=True, eq=False)
class PacketLocations:
    """Where the payload of several packets lies, each of them byte for byte: int64 [n] each."""

    position: NDArray[np.int64]
    span: NDArray[np.int64]
    skip: NDArray[np.int64]
    size: NDArray[np.int64]
    block: tuple[bytes, int] | None = None
    """Bytes of the file in which all of them lie, and where these begin; None: not at hand."""

    @classmethod
    def alone(
        cls,
        position: NDArray[np.int64],
        size: NDArray[np.int64],
        block: tuple[bytes, int] | None = None,
    ) -> Self:
        """Return the locations of packets that lie in the file in one piece."""
        return cls(position, size, np.zeros(len(size), np.int64), size, block)


class PacketRows:
    """Rows in decode order; `pts` and `dts` hold NO_PTS where the container has none."""

    def __init__(self) -> None:
        self._numbers = {name: array("q") for name in ("position", "span", "skip", "size")}
        self._times = {name: array("q") for name in ("pts", "dts")}
        self._flags = {name: bytearray() for name in ("key", "shown")}

    def __len__(self) -> int:
        return len(self._flags["key"])

    def add(
        self, location: PacketLocation, pts: int | None, dts: int | None, *, key: bool, shown: bool
    ) -> None:
        """Append a packet."""
        for name, column in self._numbers.items():
            column.append(getattr(location, name))
        self._times["pts"].append(NO_PTS if pts is None else pts)
        self._times["dts"].append(NO_PTS if dts is None else dts)
        self._flags["key"].append(key)
        self._flags["shown"].append(shown)

    def extend(
        self,
        locations: PacketLocations,
        pts: Sequence[int | None],
        dts: Sequence[int | None],
        *,
        key: Sequence[bool],
        shown: Sequence[bool],
    ) -> None:
        """Append several packets."""
        for name, column in self._numbers.items():
            column.frombytes(getattr(locations, name).tobytes())
        self._times["pts"].extend([NO_PTS if time is None else time for time in pts])
        self._times["dts"].extend([NO_PTS if time is None else time for time in dts])
        self._flags["key"].extend(key)
        self._flags["shown"].extend(shown)

    def extend_all(
        self,
        locations: PacketLocations,
        pts: NDArray[np.int64],
        dts: NDArray[np.int64],
        key: NDArray[np.bool_],
    ) -> None:
        """Append several packets that all give frames; `pts`, `dts`: int64 [n], or NO_PTS."""
        for name, column in self._numbers.items():
            column.frombytes(getattr(locations, name).tobytes())
        self._times["pts"].frombytes(pts.tobytes())
        self._times["dts"].frombytes(dts.tobytes())
        self._flags["key"].extend(key.tobytes())
        self._flags["shown"].extend(b"\1" * len(key))

    def set_keys(self, begin: int, keys: bytes | bytearray) -> None:
        """Say of all packets from one on whether decoding may begin there, a byte each."""
        self._flags["key"][begin:] = keys

    @property
    def locations(self) -> PacketLocations:
        """Return where the packets lie, as they were added: int64 [rows] each."""
        columns = (np.array(column, np.int64) for column in self._numbers.values())
        position, span, skip, size = columns
        return PacketLocations(position, span, skip, size)

    @property
    def pts(self) -> NDArray[np.int64]:
        """Return the container's presentation times, NO_PTS where it has none: int64 [rows]."""
        return np.array(self._times["pts"], np.int64)

    @property
    def dts(self) -> NDArray[np.int64]:
        """Return the container's decode times, NO_PTS where it has none: int64 [rows]."""
        return np.array(self._times["dts"], np.int64)

    @property
    def key(self) -> NDArray[np.bool_]:
        """Return whether decoding may begin at each packet: bool [rows]."""
        return np.array(self._flags["key"], np.bool_)

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Return whether each packet gives a frame, as it was added: bool [rows]."""
        return np.array(self._flags["shown"], np.bool_)

    def table(
        self,
        pts: NDArray[np.int64],
        key: NDArray[np.bool_],
        shown: NDArray[np.bool_],
        ranks: NDArray[np.int64] | None = None,
    ) -> PacketTable:
        """Return the rows as a table, with what was found out about the pictures since.

        `ranks`: int64 [rows], each picture's position in display order; None: in decode order.
        """
        display = np.arange(len(pts)) if ranks is None else ranks
        numbers: dict[str, NDArray[Any]] = {
            name: np.array(column, PacketTable.DTYPES[name])
            for name, column in self._numbers.items()
        }
        return PacketTable(
            **numbers, pts=pts, display=display.astype(np.int32), key=key, entry=key, shown=shown
        )


def frame_rate(table: PacketTable, time_base: Fraction, declared: Fraction | None) -> Fraction:
    """Return the average frames a second; 0 where there is one frame and none is declared.

    `declared`: what the container or libav says; it is taken where it agrees within 0.5 %, because
    it is free of the time base's rounding.
    """
    pts = table.pts[table.shown]
    span = int(pts.max() - pts.min()) if len(pts) > 1 else 0
    if not span:
        return declared or Fraction(0)
    return _rate(len(pts) - 1, span, time_base, declared)


@lru_cache(maxsize=64)
def _rate(pictures: int, span: int, time_base: Fraction, declared: Fraction | None) -> Fraction:
    """Return how many pictures come in a second; clips of one camera mostly have the same."""
    found = Fraction(pictures, span) / time_base
    if declared and abs(found / declared - 1) < Fraction(1, 200):
        return declared
    return found.limit_denominator(1001)
