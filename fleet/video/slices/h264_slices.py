"""Read many of H.264's slice headers side by side; see `fleet.video.h26x.h264_slice` for one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.video.h26x.h264 import Pps, Sps
from fleet.video.h26x.h264_run import Run
from fleet.video.h26x.h264_slice import Slice
from fleet.video.h26x.parameter_set_store import H264Store
from fleet.video.slices.many_bits import ManyBits, Rows

_B, _I, _SI = 1, 2, 4
_IS_INTRA = np.isin(np.arange(5), (_I, _SI))
"""By the type of a slice: P, B, I, SP, SI."""
_IDR = 5
# Streams have some of each; a header with more is read by itself.
_MOST_COMMANDS, _MOST_REFERENCES = 34, 16


def read_slices(bits: ManyBits, headers: NDArray[np.uint8], sets: H264Store) -> Slices:
    """Return the headers of slices.

    `bits`: behind the NAL units' headers, which are u8 [n]. Those of fields, of order counts of
    type 1, and those that make no sense, are to be read by themselves.
    """
    rows = np.arange(len(headers))
    bits.ue(rows)
    types = bits.ue(rows, 9) % 5
    of_set = bits.ue(rows, 255)
    columns = Slices(headers, types)
    for pps_id in np.unique(of_set[~bits.failed]).tolist():
        chosen = rows[(of_set == pps_id) & ~bits.failed]
        try:
            sps, pps = sets.of_slice(pps_id)
        except ValueError:
            bits.failed[chosen] = True
            continue
        columns.read(bits, chosen, sps, pps)
    columns.failed = bits.finish()
    return columns


class Slices:
    """The fields of slice headers, one row each."""

    def __init__(self, headers: NDArray[np.uint8], types: NDArray[np.int64]) -> None:
        count = len(headers)
        self._types = types
        self._idr = headers & 0x1F == _IDR
        self._reference = headers & 0x60 != 0
        self._frame_num, self._lsb, self._delta = np.zeros((3, count), np.int64)
        self._ends_references = np.zeros(count, np.bool_)
        self._sps: dict[int, Sps] = {}
        self._sps_of = np.zeros(count, np.int64)
        self.failed = np.zeros(count, np.bool_)
        """Those that are to be read by themselves: bool [n]."""

    def read(self, bits: ManyBits, rows: Rows, sps: Sps, pps: Pps) -> None:
        """Read the headers that refer to some parameter sets."""
        self._sps[pps.id], self._sps_of[rows] = sps, pps.id
        if sps.poc_type == 1:
            bits.failed[rows] = True
            return
        if sps.separate_planes:
            bits.u(2, rows)
        self._frame_num[rows] = bits.u(sps.frame_num_bits, rows)
        if not sps.frames_only:
            bits.failed[rows[bits.flag(rows)]] = True
        bits.ue(rows[self._idr[rows]])
        if sps.poc_type == 0:
            self._lsb[rows] = bits.u(sps.poc_lsb_bits, rows)
            if pps.bottom_field_order:
                self._delta[rows] = bits.se(rows)
        marking = rows[self._reference[rows] & ~self._idr[rows]]
        self._to_marking(bits, marking, sps, pps)
        self._ends_references[marking] = _has_operation_5(bits, marking)

    def _to_marking(self, bits: ManyBits, rows: Rows, sps: Sps, pps: Pps) -> None:
        """Read what lies before the marking of references."""
        types = self._types
        if pps.redundant_pictures:
            bits.ue(rows)
        bits.u(1, rows[types[rows] == _B])
        predicted = rows[~_IS_INTRA[types[rows]]]
        counts = np.empty((2, len(types)), np.int64)
        counts[0], counts[1] = pps.references
        said = predicted[bits.flag(predicted)]
        both = said[types[said] == _B]
        counts[0, said] = bits.ue(said, 31) + 1
        counts[1, both] = bits.ue(both, 31) + 1
        _skip_reordering(bits, predicted)
        _skip_reordering(bits, predicted[types[predicted] == _B])
        is_b = types[predicted] == _B
        weighted = predicted[np.where(is_b, pps.weighted_b, pps.weighted_p)]
        has_chroma = bool(sps.chroma_array_type)
        bits.ue(weighted)
        if has_chroma:
            bits.ue(weighted)
        _skip_weights(bits, weighted, counts[0], has_chroma=has_chroma)
        _skip_weights(bits, weighted[types[weighted] == _B], counts[1], has_chroma=has_chroma)

    def one(self, row: int) -> tuple[Slice, Sps] | None:
        """Return a header and its SPS; None for one that is to be read by itself."""
        if self.failed[row]:
            return None
        head = Slice(
            idr=bool(self._idr[row]),
            reference=bool(self._reference[row]),
            intra=bool(self._intra[row]),
            frame_num=int(self._frame_num[row]),
            field=False,
            bottom=False,
            order_lsb=int(self._lsb[row]),
            order_deltas=(0, int(self._delta[row])),
            ends_references=bool(self._ends_references[row]),
        )
        return head, self._sps[int(self._sps_of[row])]

    def run(self, recovery: NDArray[np.int64]) -> Run | None:
        """Return all headers as a run, in which those of `in_run` alone count.

        None where they refer to several SPS. `recovery`: see `Run`.
        """
        several = {id(sps): sps for sps in self._sps.values()}
        if len(several) != 1:
            return None
        (sps,) = several.values()
        idr, reference, intra = self._idr, self._reference, self._intra
        return Run(sps, idr, reference, intra, self._frame_num, self._lsb, self._delta, recovery)

    @property
    def in_run(self) -> NDArray[np.bool_]:
        """Return which headers may be part of a run: bool [n]."""
        kept: NDArray[np.bool_] = self._reference | ~self._idr
        return ~(self.failed | self._ends_references) & kept

    @property
    def _intra(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = _IS_INTRA[self._types]
        return found


def _skip_reordering(bits: ManyBits, rows: Rows) -> None:
    rows = rows[bits.flag(rows)]
    for _ in range(_MOST_COMMANDS):
        if not len(rows):
            return
        rows = rows[bits.ue(rows, 5) != 3]
        bits.ue(rows)
    bits.failed[rows] = True


def _skip_weights(
    bits: ManyBits, rows: Rows, counts: NDArray[np.int64], *, has_chroma: bool
) -> None:
    for number in range(_MOST_REFERENCES):
        rows = rows[(counts[rows] > number) & ~bits.failed[rows]]
        if not len(rows):
            return
        luma = rows[bits.flag(rows)]
        for _ in range(2):
            bits.ue(luma)
        if has_chroma:
            chroma = rows[bits.flag(rows)]
            for _ in range(4):
                bits.ue(chroma)
    bits.failed[rows[counts[rows] > _MOST_REFERENCES]] = True


def _has_operation_5(bits: ManyBits, rows: Rows) -> NDArray[np.bool_]:
    """Return which of the rows mark all references as unused: bool, as many as rows."""
    found = np.zeros(len(bits.failed), np.bool_)
    left = rows[bits.flag(rows)]
    for _ in range(_MOST_COMMANDS):
        if not len(left):
            break
        operation = bits.ue(left, 6)
        found[left[operation == 5]] = True
        goes_on = (operation != 0) & (operation != 5)
        left, operation = left[goes_on], operation[goes_on]
        bits.ue(left)
        bits.ue(left[operation == 3])
    bits.failed[left] = True
    result: NDArray[np.bool_] = found[rows]
    return result
