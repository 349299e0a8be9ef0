"""Find pictures that are missing from an H.264 stream, by frame_num (7.4.3).

A decoder that meets such a gap puts made-up pictures in the place of the missing ones and reports
nothing: all pictures up to the next key may then be wrong.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.core.access_unit import NalUnits
from fleet.video.h26x.access_unit import PARAMETER_SETS
from fleet.video.h26x.h264 import Sps
from fleet.video.h26x.h264_run import Run, steps_of
from fleet.video.h26x.h264_slice import LONGEST_SLICE_HEADER_BYTES, SLICES, Slice, read_slice
from fleet.video.h26x.parameter_set_store import h264_store


class FrameNumbers:
    """Follows the frame numbers of one stream's pictures, in decode order.

    `step`: by how much the stream counts on from one picture that others refer to to the next.
    Encoders that drop every other picture may count by 2.
    """

    def __init__(self, step: int = 1) -> None:
        self._step = step
        self._previous: int | None = None
        self.smallest_step = 0
        """The smallest step that was seen; 0 where none was."""
        self.latest_step = 0
        """The step to the latest picture; 0 where it cannot be known, or gaps are allowed."""

    def reset(self) -> None:
        """Start again: the next picture has none before it."""
        self._previous = None
        self.latest_step = 0

    def continues(self, head: Slice, sps: Sps, left_out: int) -> bool:
        """Return whether no picture is missing between this one and the one before.

        `left_out`: how many pictures between the two are in the file and are not followed.
        """
        modulus = 1 << sps.frame_num_bits
        missing = self.latest_step = 0
        if self._previous is not None and not head.idr and not sps.gaps_allowed:
            self.latest_step = stepped = (head.frame_num - self._previous) % modulus
            if stepped:
                self.smallest_step = min(self.smallest_step or stepped, stepped)
            missing = max(0, -(-stepped // self._step) - 1)
        if head.idr or head.ends_references:
            self._previous = 0
        else:
            self._previous = (head.frame_num - (not head.reference)) % modulus
        return missing <= left_out

    def continue_all(self, run: Run) -> tuple[NDArray[np.int64], int]:
        """Return the step to each of some pictures, and before how many of them one is missing."""
        steps, self._previous = steps_of(run, self._previous)
        self.latest_step = int(steps[-1])
        if len(seen := steps[steps > 0]):
            smallest = int(seen.min())
            self.smallest_step = min(self.smallest_step or smallest, smallest)
        return steps, int((steps > self._step).sum())


class ReferenceChain:
    """Follows the pictures of one stream as they are fed to a decoder, in decode order."""

    def __init__(self, parameter_sets: NalUnits, step: int = 1) -> None:
        """Take the stream's parameter sets; `step`: see FrameNumbers."""
        self._sets = h264_store()
        self._sets.learn_all(parameter_sets)
        self._numbers = FrameNumbers(step)

    def reset(self) -> None:
        """Start again: the next picture has none before it."""
        self._numbers.reset()

    def continues(self, nals: NalUnits, left_out: int) -> bool:
        """Return whether no picture is missing between this one and the one before.

        `left_out`: how many pictures between the two are in the file and were not fed. True for a
        picture that cannot be read.
        """
        try:
            head, sps = self._read(nals)
        except ValueError:
            # This says nothing about order; the decoder reports the damage.
            self._numbers.reset()
            return True
        return self._numbers.continues(head, sps, left_out)

    def _read(self, nals: NalUnits) -> tuple[Slice, Sps]:
        for number, offset in enumerate(nals.offsets):
            nal_type = nals.data[offset] & 0x1F
            if nal_type in SLICES:
                nal = nals.data[offset : offset + LONGEST_SLICE_HEADER_BYTES]
                return read_slice(nal, self._sets)
            if nal_type in PARAMETER_SETS["h264"]:
                self._sets.learn(nals[number])
        raise ValueError("it holds no slice")
