"""H.264's slice headers, up to what picture order needs of them (ITU-T H.264 7.3.3)."""

from __future__ import annotations

from typing import NamedTuple

from fleet.video.h26x.bits import BitReader, unescape
from fleet.video.h26x.h264 import Pps, Sps
from fleet.video.h26x.parameter_set_store import H264Store

SLICES = frozenset({1, 2, 5})
"""The NAL types that begin a picture: a slice, its partition A, a slice of an IDR picture."""
_IDR = 5
_P, _B, _I, _SP, _SI = 0, 1, 2, 3, 4
# Enough for a slice header with the weights of 32 reference pictures.
LONGEST_SLICE_HEADER_BYTES = 1024
# Commands that reorder a list of references, or mark pictures: at most one for each of 32 fields,
# and those that end the list or stand alone (7.4.3.1, 7.4.3.3).
_MOST_COMMANDS = 40


class Slice(NamedTuple):
    """A slice header."""

    idr: bool
    reference: bool
    """Whether other pictures may refer to this one."""
    intra: bool
    """Whether it refers to no other picture."""
    frame_num: int
    field: bool
    """Whether the picture is one field of a frame."""
    bottom: bool
    """Whether that is the bottom field."""
    order_lsb: int
    """Of type 0: the low bits of the order count; else 0."""
    order_deltas: tuple[int, int]
    """What is added to the order counts of the top and of the bottom field."""
    ends_references: bool
    """Whether no later picture refers to an earlier one (memory management operation 5, 7.4.3.3).

    False for IDR pictures, of which it is always true.
    """


def read_slice(nal: bytes, sets: H264Store) -> tuple[Slice, Sps]:
    """Return the header of a slice NAL unit, and its SPS.

    Raises ValueError where the header makes no sense, or its parameter sets are not there.
    """
    bits = BitReader(unescape(nal[1:LONGEST_SLICE_HEADER_BYTES]))
    bits.ue()
    slice_type = bits.ue(9) % 5
    sps, pps = sets.of_slice(bits.ue(255))
    return _read(bits, nal[0], slice_type, sps, pps), sps


def _read(bits: BitReader, header: int, slice_type: int, sps: Sps, pps: Pps) -> Slice:
    idr, reference = header & 0x1F == _IDR, bool(header & 0x60)
    if sps.separate_planes:
        bits.skip(2)
    frame_num = bits.u(sps.frame_num_bits)
    field = not sps.frames_only and bits.flag()
    bottom = field and bits.flag()
    if idr:
        bits.ue()
    lsb, deltas = _order(bits, sps, both=pps.bottom_field_order and not field)
    return Slice(
        idr=idr,
        reference=reference,
        intra=slice_type in {_I, _SI},
        frame_num=frame_num,
        field=field,
        bottom=bottom,
        order_lsb=lsb,
        order_deltas=deltas,
        ends_references=reference and not idr and _ends_references(bits, slice_type, sps, pps),
    )


def _order(bits: BitReader, sps: Sps, *, both: bool) -> tuple[int, tuple[int, int]]:
    if sps.poc_type == 0:
        return bits.u(sps.poc_lsb_bits), (0, bits.se() if both else 0)
    if sps.poc_type == 1 and not sps.poc_cycle.fixed:
        return 0, (bits.se(), bits.se() if both else 0)
    return 0, (0, 0)


def _ends_references(bits: BitReader, slice_type: int, sps: Sps, pps: Pps) -> bool:
    lists = {_P: 1, _SP: 1, _B: 2}.get(slice_type, 0)
    if pps.redundant_pictures:
        bits.ue()
    if slice_type == _B:
        bits.skip(1)
    references = list(pps.references)
    if lists and bits.flag():
        references[:lists] = [bits.ue(31) + 1 for _ in range(lists)]
    for _ in range(lists):
        if bits.flag():
            _skip_reordering(bits)
    if (lists == 1 and pps.weighted_p) or (lists == 2 and pps.weighted_b):
        _skip_weights(bits, references[:lists], has_chroma=bool(sps.chroma_array_type))
    return bits.flag() and _has_operation_5(bits)


def _skip_reordering(bits: BitReader) -> None:
    for _ in range(_MOST_COMMANDS):
        if bits.ue(5) == 3:
            return
        bits.ue()
    raise ValueError("a slice reorders more references than there can be")


def _skip_weights(bits: BitReader, references: list[int], *, has_chroma: bool) -> None:
    bits.ues(1 + has_chroma)
    for count in references:
        for _ in range(count):
            if bits.flag():
                bits.ues(2)
            if has_chroma and bits.flag():
                bits.ues(4)


def _has_operation_5(bits: BitReader) -> bool:
    for _ in range(_MOST_COMMANDS):
        operation = bits.ue(6)
        if operation in {0, 5}:
            return operation == 5
        bits.ues(2 if operation == 3 else 1)
    raise ValueError("a slice marks more pictures than there can be")
