"""Which pictures of an H.265 stream each picture may refer to, by its temporal sub-layers.

A picture refers to none of a higher sub-layer (8.3.2), so that a whole branch of a hierarchy can be
left out where no picture on it is wanted. Nothing takes its place: what a decoder keeps is said by
each picture, and the count of order goes by sub-layer 0 (8.3.1), of which nothing is left out.
"""

from __future__ import annotations

from collections import deque

from fleet.core.access_unit import NO_NALS, NalUnits
from fleet.video.h26x.access_unit import has_any_set, is_auxiliary, is_reference, temporal_id
from fleet.video.references.followed import Followed

_MOST_KEPT = 64


class H265References:
    """Follows the sub-layers of one stream from a key on; see `References`."""

    def __init__(self) -> None:
        # Rows and sub-layers of the latest pictures; a decoder keeps 16 of them at most.
        self._latest: deque[tuple[int, int, bool]] = deque(maxlen=_MOST_KEPT)

    @property
    def kept(self) -> frozenset[int]:
        """Return the rows of the pictures that later ones may refer to."""
        return frozenset(row for row, _, _ in self._latest)

    def follow(self, row: int, nals: NalUnits) -> Followed:
        """Return what is known of a picture's references; see `References`."""
        if is_auxiliary("hevc", nals):
            raise ValueError("it holds no slice")
        layer, reference = temporal_id(nals), is_reference("hevc", nals)
        # Of its own sub-layer, those of the non-reference types are none (7.4.2.2).
        refers = frozenset(
            other for other, of, known in self._latest if of < layer or (of == layer and known)
        )
        self._latest.append((row, layer, reference))
        stays = not layer or has_any_set("hevc", nals)
        return Followed(refers, None if stays else _nothing)


def _nothing() -> NalUnits:
    return NO_NALS
