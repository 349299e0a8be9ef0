"""How many pictures a device of several cores decodes ahead of the job; pure."""

from __future__ import annotations

AHEAD_BYTES = 64 << 20
"""Of pictures that wait for the job: 21 at 1920x1080, 5 at 3840x2160."""
RESERVE_BYTES = 512 << 20
"""What stays free beside pictures ahead on a spare core: for the job's next batch, and a decoder.

The channel of a stream of 4096x4096 with 16 references takes less.
"""
_ROUNDING_BYTES = 63
"""What memory adds to a picture at most (docs/chip.md#memory-rounding)."""


def pictures_ahead(batch: int, picture_bytes: int) -> int:
    """Return how many pictures may wait while the job looks at a batch.

    As many as the next batch takes, so that neither thread waits for the other where both are
    equally fast; fewer where pictures are large, and one in any case. `picture_bytes`: the largest
    of them.
    """
    return max(1, min(batch, AHEAD_BYTES // (picture_bytes + _ROUNDING_BYTES)))


def most_ahead_bytes(batch: int, held_bytes: int) -> int:
    """Return the memory that pictures take at most which wait, with one that is taken from there.

    `held_bytes`: what the largest one takes, rounded as memory is.
    """
    return min(batch * held_bytes, max(AHEAD_BYTES, held_bytes)) + held_bytes
