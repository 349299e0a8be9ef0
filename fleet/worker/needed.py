"""Which packets of a stretch a decoder is given: those whose pictures the wanted ones need.

Most streams tell it packet by packet. H.265 with temporal sub-layers tells it by what comes later:
there some packets are read ahead of the decoder, so many as memory bears.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fleet.core.access_unit import NalUnits
from fleet.errors import FleetError
from fleet.video.h26x.access_unit import is_droppable
from fleet.video.h26x.annexb import split
from fleet.video.h26x.parameter_sets import has_sequence, sub_layers
from fleet.video.h26x.sub_layers import layer_picture, needed_pictures
from fleet.video.other_codecs.packet_log import is_between
from fleet.video.stream import StreamInfo

_MOST_AHEAD, _MOST_BYTES_AHEAD = 256, 4 << 20


@dataclass(frozen=True, eq=False)
class ReadUnit:
    """A packet as it was read."""

    row: int
    """Its row in the shard's packets."""
    wanted: bool
    """Whether its frame is."""
    begins: bool
    """Whether a decode begins with it."""
    nals: NalUnits
    """What it holds, behind the parameter sets that a decoder lacks there."""


Needed = Callable[[Iterator[ReadUnit], bool], Iterator[tuple[ReadUnit, bool]]]
"""Gives the units of a stretch, each with whether a decoder is to be given it.

What reading them raises is raised where the unit would have come. The second argument: whether
nothing that is decoded behind the stretch refers to it.
"""


def needed_of(stream: StreamInfo, header: NalUnits) -> Needed:
    """Return what tells which packets of a stream are needed; `header`: its parameter sets."""
    if stream.codec == "hevc" and _has_sub_layers(stream, header):
        return _by_what_follows

    def by_itself(units: Iterator[ReadUnit], is_end: bool) -> Iterator[tuple[ReadUnit, bool]]:
        del is_end
        return ((unit, unit.wanted or not _is_droppable(stream, unit.nals)) for unit in units)

    return by_itself


def _has_sub_layers(stream: StreamInfo, header: NalUnits) -> bool:
    """Return whether pictures of an H.265 stream may be of several sub-layers."""
    codec = stream.codec
    later = (split(change.parameter_sets) for change in stream.later_sets)
    try:
        return not has_sequence(codec, header) or any(
            sub_layers(codec, sets) > 1 for sets in (header, *later)
        )
    except ValueError:
        return True


def _is_droppable(stream: StreamInfo, nals: NalUnits) -> bool:
    between = is_between(stream.codec, stream.configuration, nals.data)
    return between or is_droppable(stream.codec, nals)


def _by_what_follows(units: Iterator[ReadUnit], is_end: bool) -> Iterator[tuple[ReadUnit, bool]]:
    while True:
        ahead, error, is_last = _read_ahead(units)
        pictures = [layer_picture(unit.nals) for unit in ahead]
        wanted = [unit.wanted for unit in ahead]
        needed = needed_pictures(pictures, wanted, is_end=is_end and is_last)
        yield from zip(ahead, needed, strict=True)
        if error is not None:
            raise error
        if is_last:
            return


def _read_ahead(units: Iterator[ReadUnit]) -> tuple[list[ReadUnit], FleetError | None, bool]:
    """Return the next units, what ended reading them, and whether none is left."""
    ahead: list[ReadUnit] = []
    held_bytes = 0
    try:
        for unit in units:
            ahead.append(unit)
            held_bytes += len(unit.nals.data)
            if len(ahead) >= _MOST_AHEAD or held_bytes >= _MOST_BYTES_AHEAD:
                return ahead, None, False
    except FleetError as error:
        return ahead, error, False
    return ahead, None, True
