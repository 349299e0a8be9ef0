"""H.264's pictures: where decoding may begin, and the order of display (8.2.1, D.2.8)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.core.access_unit import NalUnits
from fleet.video.h26x.access_unit import PARAMETER_SETS
from fleet.video.h26x.bits import BitReader, unescape
from fleet.video.h26x.coded_picture import CodedPicture
from fleet.video.h26x.h264 import Sps
from fleet.video.h26x.h264_run import Run, counts_by_lsb, since_idr
from fleet.video.h26x.h264_slice import LONGEST_SLICE_HEADER_BYTES, SLICES, Slice, read_slice
from fleet.video.h26x.messages import messages
from fleet.video.h26x.parameter_set_store import H264Store, h264_store

_SEI = 6
_RECOVERY_POINT = 6


class H264Pictures:
    """Reads the pictures of one stream, in decode order; see `PictureReader`."""

    def __init__(self) -> None:
        self._sets = h264_store()
        self._order = _OrderCount()
        self._first_field: Slice | None = None
        self.latest: tuple[Slice, Sps] | None = None
        """The slice header that was read of the latest packet; None where it holds none."""
        self._sequence_and_count = 0, 0

    def learn(self, parameter_sets: NalUnits) -> None:
        """Take parameter sets from the container's header."""
        self._sets.learn_all(parameter_sets)

    def read(self, nals: NalUnits) -> CodedPicture | None:
        """Return the picture of a packet, or of its beginning; see `PictureReader`."""
        self.latest, recovery_frames, picture = None, None, None
        for number, offset in enumerate(nals.offsets):
            nal_type = nals.data[offset] & 0x1F
            if nal_type in SLICES and picture is None:
                head = nals.data[offset : offset + LONGEST_SLICE_HEADER_BYTES]
                picture = self._picture(head, recovery_frames)
            elif nal_type == _SEI and picture is None:
                found = recovery_frames_of(nals[number])
                recovery_frames = recovery_frames if found is None else found
            elif nal_type in PARAMETER_SETS["h264"]:
                self._sets.learn(nals[number])
        return picture

    @property
    def sets(self) -> H264Store:
        """The parameter sets that were sent so far."""
        return self._sets

    def _picture(self, nal: bytes, recovery_frames: int | None) -> CodedPicture:
        return self.follow(*read_slice(nal, self._sets), recovery_frames)

    def follow(self, head: Slice, sps: Sps, recovery_frames: int | None) -> CodedPicture:
        """Return the picture that the next packet begins, by its slice header.

        `sps`: what the header refers to. `recovery_frames`: see `CodedPicture`.
        """
        self.latest = head, sps
        second = self._completes(head)
        if not second:
            self._sequence_and_count = self._order.advance(head, sps)
        self._first_field = head if head.field and not second else None
        return CodedPicture(
            is_random_access=(head.idr or (recovery_frames == 0 and head.intra)) and not second,
            is_idr=head.idr,
            not_output=False,
            second_field=second,
            sequence=self._sequence_and_count[0],
            order_count=self._sequence_and_count[1],
            recovery_frames=None if second else recovery_frames,
        )

    def follow_all(self, run: Run) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return sequence and order count of the pictures of the next packets: int64 [n] each.

        `latest` is left as it is: of several pictures, there is not one.
        """
        sequences, counts = self._order.advance_all(run)
        self._first_field = None
        self._sequence_and_count = int(sequences[-1]), int(counts[-1])
        return sequences, counts

    def _completes(self, head: Slice) -> bool:
        """Return whether this is the second field of the packet before's frame (3.30)."""
        first = self._first_field
        return (
            first is not None
            and head.field
            and not head.idr
            and head.bottom != first.bottom
            and (head.frame_num, head.reference) == (first.frame_num, first.reference)
        )


class _OrderCount:
    """Picture order counts (8.2.1), with a sequence number that rises where they start again."""

    def __init__(self) -> None:
        self._sequence = 0
        self._count = 0
        self._msb = self._lsb = 0
        self._frame_num = self._frame_num_offset = 0

    def advance(self, head: Slice, sps: Sps) -> tuple[int, int]:
        """Return sequence and order count of the next picture in decode order."""
        if head.idr:
            self._sequence += 1
            self._msb = self._lsb = self._count = self._frame_num = self._frame_num_offset = 0
        self._count += 1
        if sps.poc_type == 0:
            count = self._by_lsb(head, 1 << sps.poc_lsb_bits)
        elif sps.poc_type == 1:
            count = self._by_cycle(head, sps)
        else:
            count = self._count  # decode order is display order (8.2.1.3)
        if head.ends_references:
            self._sequence += 1
            self._frame_num = self._frame_num_offset = count = 0
        return self._sequence, count

    def advance_all(self, run: Run) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return sequence and order count of the next pictures in decode order: int64 [n] each."""
        sequences = self._sequence + np.cumsum(run.idr)
        counts = since_idr(run, self._count)
        self._sequence, self._count = int(sequences[-1]), int(counts[-1])
        if run.idr.any():
            self._frame_num = self._frame_num_offset = 0
        if run.sps.poc_type == 0:
            counts, (self._msb, self._lsb) = counts_by_lsb(run, (self._msb, self._lsb))
        elif run.idr.any():
            self._msb = self._lsb = 0
        return sequences, counts

    def _by_lsb(self, head: Slice, modulus: int) -> int:
        """Return an order count of type 0 (8.2.1.1)."""
        msb, lsb = self._msb, head.order_lsb
        if lsb < self._lsb and self._lsb - lsb >= modulus // 2:
            msb += modulus
        elif lsb > self._lsb and lsb - self._lsb > modulus // 2:
            msb -= modulus
        if head.ends_references:
            # Only the distance of its two fields is kept.
            self._msb, self._lsb = 0, 0 if head.bottom else max(0, -head.order_deltas[1])
        elif head.reference:
            self._msb, self._lsb = msb, lsb
        return msb + lsb + min(0, head.order_deltas[1])

    def _by_cycle(self, head: Slice, sps: Sps) -> int:
        """Return an order count of type 1 (8.2.1.2)."""
        if self._frame_num > head.frame_num:
            self._frame_num_offset += 1 << sps.frame_num_bits
        self._frame_num = head.frame_num
        cycle, pictures = sps.poc_cycle, 0
        if cycle.steps:
            pictures = max(0, self._frame_num_offset + head.frame_num - (not head.reference))
        cycles, rest = divmod(pictures, len(cycle.steps) or 1)
        expected = cycles * sum(cycle.steps) + sum(cycle.steps[:rest])
        if not head.reference:
            expected += cycle.unreferenced
        top = expected + head.order_deltas[0]
        if head.field:
            return top + cycle.bottom * head.bottom
        return min(top, top + cycle.bottom + head.order_deltas[1])


def recovery_frames_of(nal: bytes) -> int | None:
    """Return after how many frames pictures are right, by an SEI (D.1.8); None: it does not say."""
    for kind, body in messages(unescape(nal[1:])):
        if kind == _RECOVERY_POINT:
            return BitReader(body).ue()
    return None
