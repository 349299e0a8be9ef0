"""Take access units, as VDEC needs them, out of the bytes of a container file."""

from __future__ import annotations

from fleet.core.access_unit import NalUnits
from fleet.core.source import Source
from fleet.errors import BrokenVideoError
from fleet.video.containers import mpegps, mpegts, ogg
from fleet.video.h26x.access_unit import has_parameter_sets
from fleet.video.h26x.annexb import evenly, from_sample, split
from fleet.video.h26x.parameter_sets import CODECS
from fleet.video.index import PacketTable
from fleet.video.stream import StreamInfo

PRORES_HEADER_BYTES = 8
_PRORES_MARK = b"icpf"
"""What a frame of ProRes begins with behind its size. Matroska leaves out both."""


class Demuxer:
    """Takes access units out of one video's packets; keeps no state between them."""

    def __init__(self, source: Source, stream: StreamInfo) -> None:
        self._source = source
        self._stream = stream
        self.parameter_sets = split(stream.parameter_sets)
        """The stream's parameter sets, split once for all that read them."""

    def unit(self, packets: PacketTable, row: int, data: bytes) -> NalUnits:
        """Return packet `row` in Annex-B form; `data`: the `span` bytes of the file it lies in.

        A packet of another codec than H.264 and H.265 comes as it is, without NAL units. Raises
        BrokenVideoError where the bytes are not those that the index describes.
        """
        try:
            sample = self._sample(packets, row, data)
            if self._stream.codec not in CODECS and sample:
                return NalUnits(_with_header(self._stream.codec, sample), ())
            nals = from_sample(sample, self._stream.nal_length_bytes)
        except ValueError as error:
            message = no_picture(int(packets.position[row]), str(error))
            raise BrokenVideoError(self._source.uri, message) from error
        if not nals.data:
            message = no_picture(int(packets.position[row]), "they are empty")
            raise BrokenVideoError(self._source.uri, message)
        return nals

    def with_sets(self, nals: NalUnits, row: int, *, begins: bool) -> NalUnits:
        """Return a packet, behind the parameter sets that a decoder lacks there.

        `row`: its row in the whole video. `begins`: a decode begins here, so the parameter sets
        come before the picture: the device, unlike a container, takes them only in the stream
        (docs/chip.md#vdec-input).
        """
        if self._stream.codec not in CODECS:
            return nals
        if not self._stream.later_sets:
            wants = begins and not has_parameter_sets(self._stream.codec, nals)
            return evenly(self.parameter_sets) + nals if wants else nals
        # A key may repeat some sets and go on using others that were sent before.
        wants = begins or self._stream.changes_at(row)
        return evenly(split(self._stream.sets_at(row))) + nals if wants else nals

    def _sample(self, packets: PacketTable, row: int, data: bytes) -> bytes:
        size, sample = int(packets.size[row]), data
        if self._stream.transport_pid:
            skip = int(packets.skip[row])
            found = _payload(data, self._stream.transport_pid, self._stream.transport_step)
            sample = found[skip : skip + size]
        if len(sample) != size:
            raise ValueError(too_few_bytes(len(sample), size))
        return sample


def no_picture(position: int, why: str) -> str:
    """Return what is said of a packet that gives no access unit."""
    return f"The bytes at {position} are no picture: {why}."


def too_few_bytes(there: int, size: int) -> str:
    """Return why the bytes of a packet are no picture where not all of them are there."""
    return f"{there} of {size} bytes are there"


def _payload(data: bytes, stream: int, step: int) -> bytes:
    if step == ogg.PAGES:
        return ogg.payload(data, stream - 1)
    return mpegts.payload(data, stream, step) if step else mpegps.payload(data, stream)


def _with_header(codec: str, sample: bytes) -> bytes:
    if codec != "prores" or sample[4:PRORES_HEADER_BYTES] == _PRORES_MARK:
        return sample
    size = len(sample) + PRORES_HEADER_BYTES
    return size.to_bytes(4, "big") + _PRORES_MARK + sample
