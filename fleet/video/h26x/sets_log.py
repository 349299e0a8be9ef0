"""Where in a scanned stream which parameter sets are in force."""

from __future__ import annotations

from fleet.core.access_unit import NalUnits
from fleet.video.h26x import annexb
from fleet.video.h26x.coded_picture import SetsSent
from fleet.video.stream import SetsChange

MOST_CHANGES = 1 << 16
"""Changes that are kept of one stream: one a second for 18 hours."""
MOST_BYTES = 1 << 20
"""Bytes of different parameter sets that are kept of one stream."""

_Sets = tuple[bytes, ...]


class SetsLog:
    """Keeps what was in force before each packet at which decoding may begin.

    What a decoder needs there is the latest set of each number, wherever it was sent: later keys
    need not repeat it.
    """

    def __init__(self, sent: SetsSent) -> None:
        self._sent = sent
        self._version = sent.version
        self._in_force: _Sets = sent.in_force
        self._last: _Sets | None = None
        self._changes: list[tuple[int, _Sets, bool]] = []
        self._sizes: dict[_Sets, int] = {}

    def before(self, row: int, *, begins: bool, out_of_band: bool) -> None:
        """Note what was in force before a packet that has been read since.

        `begins`: decoding may begin there. `out_of_band`: the container brought other sets in.
        Raises ValueError for more changes than are kept.
        """
        if (begins or out_of_band) and self._in_force != self._last:
            self._last = self._in_force
            self._changes.append((row, self._in_force, out_of_band))
            self._sizes.setdefault(self._in_force, sum(map(len, self._in_force)))
            if len(self._changes) > MOST_CHANGES or sum(self._sizes.values()) > MOST_BYTES:
                raise ValueError("it changes its parameter sets more often than can be kept")

    def after(self) -> None:
        """Take note of what was learned from a packet, or from the container."""
        if self._sent.version != self._version:
            self._version, self._in_force = self._sent.version, self._sent.in_force

    def changes(self, first: NalUnits) -> tuple[SetsChange, ...]:
        """Return where others are in force than before.

        `first`: those that the index begins with.
        """
        found, before = [], frozenset(first)
        for row, sets, out_of_band in self._changes:
            if sets and frozenset(sets) != before:
                found.append(SetsChange(row, annexb.join(sets).data, out_of_band))
                before = frozenset(sets)
        return tuple(found)
