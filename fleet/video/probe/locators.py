"""Which way the packets of a kind of file are found in it."""

from __future__ import annotations

from av.video.stream import VideoStream

from fleet.video.containers import ogg
from fleet.video.containers.locate import InSequence, Locator, NearPosition
from fleet.video.containers.locate_carried import InOgg, InProgram, InTransport
from fleet.video.containers.mpegts import PacketLayout
from fleet.video.containers.reader import BlockFile
from fleet.video.h26x.parameter_sets import CODECS

_OGG_HEADS_BYTES = 64 << 10


def locator_of(
    file: BlockFile, demuxer: str, stream: VideoStream, layout: PacketLayout | None
) -> Locator:
    """Return what finds a stream's packets; `layout`: how MPEG-TS packets lie in the file.

    Raises ValueError for a stream of Ogg that does not begin where all others do.
    """
    if layout is not None:
        return InTransport(file, stream.id, layout)
    if demuxer == "mpeg":
        return InProgram(file, stream.id & 0xFF)
    if demuxer == "ogg":
        return InOgg(file, ogg_serial(file, stream))
    return InSequence(file) if demuxer in CODECS else NearPosition(file)


def ogg_serial(file: BlockFile, stream: VideoStream) -> int:
    """Return the serial number of a stream in Ogg; libav numbers them in their order.

    Raises ValueError for one that begins later than all others.
    """
    serials = ogg.serials(file.peek(0, _OGG_HEADS_BYTES))
    if stream.index >= len(serials):
        raise ValueError("streams of Ogg all begin at its start, and one of these does not")
    return serials[stream.index]
