"""Index a JPEG file: a video of one picture, which is one packet."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import numpy as np

from fleet.core.frames import Colour, Matrix, Range
from fleet.core.source import Source
from fleet.errors import BrokenVideoError
from fleet.video.containers.limits import MAX_PACKET_BYTES, MAX_PIXELS
from fleet.video.containers.reader import RangeReader
from fleet.video.index import PacketTable
from fleet.video.probe.stream_info import ProbeResult
from fleet.video.stills.jpeg_header import JpegHeader, NotJpegError, read_header, read_start
from fleet.video.stream import StreamInfo

JPEG = "jpeg"
"""The container and the codec of a JPEG file. Streams of such pictures are mjpeg."""
_RATE = Fraction(1)
"""A still counts as a second of video: how far a run is, is told in seconds."""
_COPY = "Copy it again from where it came."
_PROFILES = {0: "Baseline", 1: "Extended", 2: "Progressive", 3: "Lossless"}
_ARITHMETIC = 9
# Orientation of EXIF -> whether left and right change places, and degrees clockwise after that.
_TURNS = {
    1: (False, 0),
    2: (True, 0),
    3: (False, 180),
    4: (True, 180),
    5: (True, 270),
    6: (False, 90),
    7: (True, 90),
    8: (False, 270),
}


def index_jpeg(
    source: Source, head: bytes, reader: RangeReader
) -> tuple[ProbeResult, Literal["header", "scan"]]:
    """Return the stream and the packet of a JPEG file, and where they were found.

    `head`: its first bytes, which are enough for most files; else it is read whole. Raises
    BrokenVideoError where it has no header of one picture.
    """
    if source.bytes > MAX_PACKET_BYTES:
        message = f"it has {source.bytes:,} bytes; a picture has up to {MAX_PACKET_BYTES:,}."
        raise BrokenVideoError(source.uri, message, "Write it anew as a smaller JPEG.")
    origin: Literal["header", "scan"] = "header"
    try:
        header = read_start(head)
        if header is None:
            origin = "scan"
            header = read_header(head + reader.read(len(head), source.bytes - len(head)))
    except NotJpegError as error:
        raise BrokenVideoError(source.uri, f"it is a damaged JPEG: {error}.", _COPY) from error
    if header.size.pixels > MAX_PIXELS:
        message = f"it says that its picture is of {header.size}."
        raise BrokenVideoError(source.uri, message, _COPY)
    return ProbeResult(_stream(header), _packet(source.bytes)), origin


def _stream(header: JpegHeader) -> StreamInfo:
    mirrored, rotation = _TURNS[header.orientation]
    arithmetic = header.process >= _ARITHMETIC
    profile = _PROFILES.get(header.process, f"process {header.process}")
    return StreamInfo(
        codec=JPEG,
        profile="Arithmetic" if arithmetic else profile,
        level="",
        size=header.size,
        chroma=header.chroma,
        bit_depth=header.bits,
        interlaced=False,
        reference_frames=0,
        # That of every JPEG (docs/chip.md#jpegd-colour).
        colour=Colour(Matrix.BT601, Range.WIDE, declared=True),
        time_base=Fraction(1),
        frame_rate=_RATE,
        parameter_sets=b"",
        nal_length_bytes=0,
        beside=JPEG,
        mirrored=mirrored,
        rotation=rotation,
        jpeg=header,
    )


def _packet(size: int) -> PacketTable:
    row = {"position": 0, "span": size, "skip": 0, "size": size, "pts": 0, "display": 0}
    flags = {"key": True, "entry": True, "shown": True}
    columns = {
        name: np.array([value], PacketTable.DTYPES[name]) for name, value in (row | flags).items()
    }
    return PacketTable(**columns)
