"""H.264's slice headers, as far as picture order needs them (ITU-T H.264 7.3.3)."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.video.h26x.bits import BitReader, unescape
from fleet.video.h26x.h264 import Pps, Sps
from fleet.video.h26x.parameter_set_store import H264Store

SLICES = frozenset({1, 2, 5})
"""The NAL types that begin a picture: a slice, its partition A, a slice of an IDR picture."""
_IDR = 5
_P, _B, _I, _SP, _SI = 0, 1, 2, 3, 4
# A slice header is shorter, with the weights of 32 reference pictures too.
LONGEST_HEADER_BYTES = 1024


@dataclass(frozen=True)
class Slice:
    """A slice header.

    `field`, `bottom`: it is of one field, the bottom one. `order_lsb`, `order_deltas`: order count
    of type 0, and what is added to that of the top and the bottom field. `forgets`: the picture
    ends all that came before, like an IDR (memory management operation 5, 7.4.3.3).
    """

    idr: bool
    reference: bool
    intra: bool
    frame_num: int
    field: bool
    bottom: bool
    order_lsb: int
    order_deltas: tuple[int, int]
    forgets: bool


def read_slice(nal: bytes, sets: H264Store) -> tuple[Slice, Sps]:
    """Read the header of a slice NAL unit, and find its SPS; ValueError where it makes no sense."""
    bits = BitReader(unescape(nal[1:LONGEST_HEADER_BYTES]))
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
        forgets=reference and not idr and _forgets(bits, slice_type, sps, pps),
    )


def _order(bits: BitReader, sps: Sps, *, both: bool) -> tuple[int, tuple[int, int]]:
    if sps.poc_type == 0:
        return bits.u(sps.poc_lsb_bits), (0, bits.se() if both else 0)
    if sps.poc_type == 1 and not sps.poc_cycle.fixed:
        return 0, (bits.se(), bits.se() if both else 0)
    return 0, (0, 0)


def _forgets(bits: BitReader, slice_type: int, sps: Sps, pps: Pps) -> bool:
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
            while bits.ue(5) != 3:
                bits.ue()
    if (lists == 1 and pps.weighted_p) or (lists == 2 and pps.weighted_b):
        _skip_weights(bits, references[:lists], colours=bool(sps.chroma_array_type))
    return bits.flag() and _has_operation_5(bits)


def _skip_weights(bits: BitReader, references: list[int], *, colours: bool) -> None:
    bits.ues(1 + colours)
    for count in references:
        for _ in range(count):
            if bits.flag():
                bits.ues(2)
            if colours and bits.flag():
                bits.ues(4)


def _has_operation_5(bits: BitReader) -> bool:
    while operation := bits.ue(6):
        if operation == 5:
            return True
        bits.ues(2 if operation == 3 else 1)
    return False
