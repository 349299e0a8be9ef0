"""Annex-B form: start codes written in place of length prefixes, and the one search for them."""

from __future__ import annotations

from collections.abc import Iterable

from fleet.core.access_unit import START_CODE, NalUnits

_FOUR_BYTES = b"\0" + START_CODE


def find_offsets(data: bytes) -> tuple[int, ...]:
    """Return where each NAL unit's header lies in Annex-B bytes; nothing else searches for them."""
    offsets = []
    offset = data.find(START_CODE) + 3
    while 3 <= offset < len(data):
        offsets.append(offset)
        offset = data.find(START_CODE, offset) + 3
    return tuple(offsets)


def begins_with_start_code(data: bytes) -> bool:
    """Return whether bytes are in Annex-B form from the first on."""
    return data.startswith((START_CODE, _FOUR_BYTES))


def split(data: bytes) -> NalUnits:
    """Return the NAL units of bytes that have start codes; none where there is no start code."""
    return NalUnits(data, find_offsets(data))


def join(units: Iterable[bytes | memoryview]) -> NalUnits:
    """Return NAL units, header first and none of them empty, in Annex-B form."""
    parts: list[bytes | memoryview] = []
    offsets: list[int] = []
    end = 0
    for unit in units:
        parts += _FOUR_BYTES, unit
        offsets.append(end + len(_FOUR_BYTES))
        end = offsets[-1] + len(unit)
    return NalUnits(b"".join(parts), tuple(offsets))


def evenly(nals: NalUnits) -> NalUnits:
    """Return NAL units of which each takes an even number of bytes, with its start code.

    What follows them is then at an even distance from where it would be without them. libav reads
    compressed samples two bytes at a time, and behind the end of those that are cut short: what it
    makes of them is the same only at an even distance.
    """
    return join(unit + bytes(len(unit) % 2) for unit in nals)


def from_sample(sample: bytes, nal_length_bytes: int, *, cut: bool = False) -> NalUnits:
    """Return a container's sample in Annex-B form.

    `nal_length_bytes`: the width of the length prefix before each NAL unit; 0 where the sample has
    start codes already. `cut`: the sample is only the first bytes of one. Some muxers leave start
    codes where lengths should be: they are taken where the lengths make no sense. Raises ValueError
    where neither does.
    """
    if not nal_length_bytes or (cut and sample.startswith(_FOUR_BYTES)):
        # As a length, the four bytes would be of a NAL unit without content.
        return split(sample)
    try:
        return _from_lengths(sample, nal_length_bytes, cut=cut)
    except ValueError:
        if begins_with_start_code(sample):
            return split(sample)
        raise


def _from_lengths(sample: bytes, nal_length_bytes: int, *, cut: bool) -> NalUnits:
    units = []
    # Parts of a view are no copies: they are copied once, where they are joined.
    view = memoryview(sample)
    offset, end = 0, len(sample)
    while offset + nal_length_bytes <= end:
        start = offset + nal_length_bytes
        offset = start + int.from_bytes(sample[offset:start], "big")
        if offset > end and not cut:
            raise ValueError(f"a NAL unit ends {offset - end} bytes past its sample of {end} bytes")
        if unit := view[start:offset]:
            units.append(unit)
    return join(units)
