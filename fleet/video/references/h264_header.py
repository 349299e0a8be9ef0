"""H.264's slice headers, up to what they say of references (ITU-T H.264 7.3.3)."""

from __future__ import annotations

from typing import NamedTuple

from fleet.video.h26x.bits import BitReader, unescape
from fleet.video.h26x.h264 import Pps, Sps
from fleet.video.h26x.h264_slice import LONGEST_SLICE_HEADER_BYTES
from fleet.video.h26x.parameter_set_store import H264Store

SLICES = frozenset({1, 5})
"""The NAL types of slices that are read here: of a picture, and of an IDR picture."""
_IDR = 5
_P, _B, _I = 0, 1, 2
_LISTS = {_P: 1, _B: 2, _I: 0}
# At most one command for each of 32 fields, and those that end the list or stand alone.
_MOST_COMMANDS = 40

Commands = tuple[tuple[int, ...], ...]


class Head(NamedTuple):
    """What a slice of a frame says of references, and what a hollow picture repeats of it."""

    sps: Sps
    pps: Pps
    nal_ref_idc: int
    """0 where no picture refers to this one."""
    idr: bool
    frame_num: int
    order_lsb: int
    """Of type 0: the low bits of the order count."""
    order_deltas: tuple[int, ...]
    """Those that the header carries, as it carries them: 0 to 2 of them."""
    active: tuple[int, ...]
    """How many pictures each of its lists has: 0 to 2 lists."""
    changes: tuple[Commands, ...]
    """For each list, the commands that reorder it (7.3.3.1): operation, number."""
    marking: Commands | None
    """The commands that mark pictures (7.3.3.3); None: the oldest one makes place."""

    @property
    def is_b(self) -> bool:
        """Return whether it has two lists."""
        return len(self.active) == 2


def read_head(nal: bytes, sets: H264Store) -> Head:
    """Return what a slice NAL unit of a frame says of references.

    Raises ValueError for headers that make no sense, and for what is not followed here: streams
    that may have fields, colour planes coded apart, SP and SI slices, slices that are sent twice.
    """
    bits = BitReader(unescape(nal[1:LONGEST_SLICE_HEADER_BYTES]))
    bits.ue()
    kind = bits.ue(9) % 5
    sps, pps = sets.of_slice(bits.ue(255))
    plain = sps.frames_only and not sps.separate_planes and not pps.redundant_pictures
    if kind not in _LISTS or not plain:
        raise ValueError("references of such slices are not followed")
    frame_num = bits.u(sps.frame_num_bits)
    idr, nal_ref_idc = nal[0] & 0x1F == _IDR, nal[0] >> 5 & 3
    if idr:
        bits.ue()
    lsb, deltas = _order(bits, sps, both=pps.bottom_field_order)
    active, changes = _lists(bits, kind, pps)
    weighted = (kind == _P and pps.weighted_p) or (kind == _B and pps.weighted_b)
    if weighted and nal_ref_idc:
        _skip_weights(bits, active, has_chroma=bool(sps.chroma_array_type))
    marking = _marking(bits, idr=idr) if nal_ref_idc else None
    return Head(sps, pps, nal_ref_idc, idr, frame_num, lsb, deltas, active, changes, marking)


def _order(bits: BitReader, sps: Sps, *, both: bool) -> tuple[int, tuple[int, ...]]:
    if sps.poc_type == 0:
        return bits.u(sps.poc_lsb_bits), (bits.se(),) if both else ()
    if sps.poc_type == 1 and not sps.poc_cycle.fixed:
        return 0, tuple(bits.se() for _ in range(1 + both))
    return 0, ()


def _lists(bits: BitReader, kind: int, pps: Pps) -> tuple[tuple[int, ...], tuple[Commands, ...]]:
    """Return how long each list is, and the commands that reorder it."""
    count = _LISTS[kind]
    if kind == _B:
        bits.skip(1)
    active = pps.references[:count]
    if count and bits.flag():
        active = tuple(bits.ue(31) + 1 for _ in range(count))
    return active, tuple(_reordering(bits) if bits.flag() else () for _ in range(count))


def _reordering(bits: BitReader) -> Commands:
    found: list[tuple[int, ...]] = []
    for _ in range(_MOST_COMMANDS):
        operation = bits.ue(3)
        if operation == 3:
            return tuple(found)
        found.append((operation, bits.ue()))
    raise ValueError("a slice reorders more references than there can be")


def _skip_weights(bits: BitReader, active: tuple[int, ...], *, has_chroma: bool) -> None:
    bits.ues(1 + has_chroma)
    for count in active:
        for _ in range(count):
            if bits.flag():
                bits.ues(2)
            if has_chroma and bits.flag():
                bits.ues(4)


def _marking(bits: BitReader, *, idr: bool) -> Commands | None:
    if idr:
        bits.skip(1)
        return ((6, 0),) if bits.flag() else None
    if not bits.flag():
        return None
    found: list[tuple[int, ...]] = []
    for _ in range(_MOST_COMMANDS):
        operation = bits.ue(6)
        if operation == 0:
            return tuple(found)
        values = {3: 2, 5: 0}.get(operation, 1)
        found.append((operation, *bits.ues(values)))
    raise ValueError("a slice marks more pictures than there can be")
