"""Leave out of what is fed the pictures that no wanted one refers to, not even through others.

Whether later pictures refer to one shows only in their headers. So a stretch of packets is looked
at before it is fed; behind its end, every picture that is kept counts as one that is referred to.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from fleet.core.access_unit import NalUnits
from fleet.video.references.followed import Followed, References
from fleet.video.references.h264_references import H264References
from fleet.video.references.h265_references import H265References

STRETCH = 32
"""How many packets are looked at before the first of them is fed."""
STRETCH_BYTES = 4 << 20
"""How many bytes of packets may wait for that: of pictures in 4K, fewer packets are looked at."""
LEAST_PIXELS = 1 << 18
"""Smaller pictures are decoded in little more time than it takes to read their headers."""
MOST_IN_VAIN = 64
"""After so many pictures of which none could be left out, no more are looked at."""


class Unit(NamedTuple):
    """A packet that is to be fed."""

    row: int
    """Its row in the shard's packets."""
    nals: NalUnits
    """What is fed."""
    wanted: bool
    """Whether its picture is wanted."""
    dropped: int
    """How many packets between the unit before and this one are not fed, as nobody needs them."""


class LeanFeed:
    """Makes stretches of one stream's packets leaner, in decode order."""

    def __init__(
        self, codec: str, pixels: int, parameter_sets: NalUnits, sub_layers: int = 1
    ) -> None:
        """Take the stream; `pixels`, `sub_layers`: how many its pictures have, and it may have."""
        self._codec = codec
        self._sets = parameter_sets
        has_layers = codec == "hevc" and sub_layers > 1
        self._looks = (codec == "h264" or has_layers) and pixels >= LEAST_PIXELS
        self._in_vain = 0
        self._references: References | None = None

    def ahead(self, sizes: Sequence[int], at: int) -> int:
        """Return how many packets are to be looked at together; 1 where it does not pay.

        `sizes`: bytes of packets in feed order. `at`: the number of the next one.
        """
        if not self._looks or self._in_vain >= MOST_IN_VAIN:
            return 1
        fitting = sum(total <= STRETCH_BYTES for total in accumulate(sizes[at : at + STRETCH]))
        return max(1, fitting)

    def reset(self) -> None:
        """Start again: the next picture has none before it."""
        if self._looks:
            h264 = self._codec == "h264"
            self._references = H264References(self._sets) if h264 else H265References()

    def lose_track(self) -> None:
        """Look at nothing until the next reset: packets are fed that nobody looked at here."""
        self._references = None

    def lean(self, units: Sequence[Unit], *, goes_on: bool) -> list[Unit]:
        """Return what is fed in place of a stretch.

        `goes_on`: whether more of the same decode follows.
        """
        followed = self._followed(units)
        if followed is None:
            return list(units)
        assert self._references is not None
        needed = {unit.row for unit in units if unit.wanted}
        needed |= self._references.kept if goes_on else frozenset()
        for unit in reversed(units):
            if unit.row in needed:
                needed |= followed[unit.row].refers
        found = [
            unit if unit.row in needed else _instead(unit, followed[unit.row]) for unit in units
        ]
        left_out = sum(lean is not unit for lean, unit in zip(found, units, strict=True))
        self._in_vain = 0 if left_out else self._in_vain + len(units)
        return [unit for unit in found if unit.nals.data]

    def _followed(self, units: Sequence[Unit]) -> dict[int, Followed] | None:
        """Return what is known of each unit's references; None where something is not."""
        if self._references is None:
            return None
        try:
            return {unit.row: self._references.follow(unit.row, unit.nals) for unit in units}
        except ValueError:
            self.lose_track()
            return None


def _instead(unit: Unit, followed: Followed) -> Unit:
    return unit if followed.instead is None else unit._replace(nals=followed.instead())
