"""Write packets of a video, as they are, into a file of their own."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import IO, Any

import av
import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fleet.export.clips.stretches import Copy, decode_times
from fleet.storage import Reader
from fleet.video.containers.demux import Demuxer
from fleet.video.containers.libav import opened, packet_of, video_stream
from fleet.video.containers.reader import BlockFile
from fleet.video.decode_plan import coalesce
from fleet.video.h26x.parameter_sets import CODECS
from fleet.video.index import VideoIndex

_GAP_BYTES, _MOST_BYTES = 64 << 10, 8 << 20
_RAW = {"h264": "h264", "hevc": "hevc"}
_DEMUXERS = {"mp4": "mov"}
"""The demuxer of a container, where it is called otherwise."""


_FORMS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
_OF_QUICKTIME = frozenset({"prores", "dnxhd", "cfhd", "png"})


def container_of(index: VideoIndex) -> str:
    """Return how the name of a video's clips ends, by what takes its codec: .mp4, .mov or .mkv."""
    if index.stream.codec in CODECS:
        return ".mp4"
    return ".mov" if index.stream.codec in _OF_QUICKTIME else ".mkv"


def write_copy(index: VideoIndex, copy: Copy, file: IO[bytes]) -> None:
    """Write packets into an empty file, the first frame at 0 s; nothing is encoded again.

    Raises BrokenVideoError where the bytes are not those that the index describes, StorageError and
    VideoChangedError where they cannot be read; ValueError where the container does not take them.
    """
    data = _payloads(index, copy)
    first = next(data)
    with _template(index, first) as template:
        try:
            _mux(index, copy, template, chain([first], data), file)
        except av.FFmpegError as error:
            message = f"{container_of(index)} does not take its packets: {error.strerror}"
            raise ValueError(message) from error


def _mux(
    index: VideoIndex, copy: Copy, template: VideoStream, data: Iterator[bytes], file: IO[bytes]
) -> None:
    packets, stream = index.packets, index.stream
    shown_at = packets.pts[copy.rows] - int(packets.pts[index.order[copy.stretch.first]])
    decoded_at, durations = decode_times(shown_at), _durations(shown_at)
    form = _FORMS[container_of(index)]
    with av.open(file, "w", format=form) as output:
        made = output.add_stream_from_template(template, opaque=True)
        made.time_base = stream.time_base
        if form == "mov" and index.container == "mp4" and stream.codec_tag:
            # By it, decoders tell the chroma of ProRes.
            made.codec_context.codec_tag = stream.codec_tag
        if stream.rotation or stream.mirrored:
            made.set_display_matrix(_matrix(stream.rotation, mirrored=stream.mirrored))
        for at, payload in enumerate(data):
            packet: Packet[Any] = packet_of(payload)
            packet.stream, packet.time_base = made, stream.time_base
            packet.pts, packet.dts = int(shown_at[at]), int(decoded_at[at])
            packet.duration = int(durations[at])
            packet.is_keyframe = bool(packets.key[copy.rows[at]])
            output.mux(packet)


def _durations(shown_at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how long each picture is shown, in ticks; the last as long as most: int64 [n]."""
    times = np.sort(shown_at)
    steps = np.diff(times)
    last = int(np.median(steps)) if len(steps) else 1
    return np.append(steps, last)[np.searchsorted(times, shown_at)]


def _payloads(index: VideoIndex, copy: Copy) -> Iterator[bytes]:
    """Yield the bytes of each packet: H.264 and H.265 in Annex-B form, with the sets they need."""
    packets = index.packets
    demuxer, reader = Demuxer(index.source, index.stream), Reader(index.source)
    data, position = b"", 0
    ranges = iter(coalesce(packets, copy.rows, _GAP_BYTES, _MOST_BYTES))
    for at, row in enumerate(copy.rows.tolist()):
        start, span = int(packets.position[row]), int(packets.span[row])
        while not position <= start <= start + span <= position + len(data):
            read = next(ranges)
            data, position = reader.read(read.position, read.length), read.position
        unit = demuxer.unit(packets, row, data[start - position :][:span])
        yield demuxer.with_sets(unit, row, begins=at == 0).data


@contextmanager
def _template(index: VideoIndex, first: bytes) -> Iterator[VideoStream]:
    """Yield a stream that describes the packets, as libav reads it.

    Of H.264 and H.265 the first packet with its parameter sets says all; of other codecs the
    container of the video does.
    """
    uri, codec = index.source.uri, index.stream.codec
    if codec in _RAW:
        with opened(uri, io.BytesIO(first), _RAW[codec]) as raw:
            yield video_stream(uri, raw)
        return
    file = BlockFile(Reader(index.source), seekable=True)
    with opened(uri, file, _DEMUXERS.get(index.container, index.container)) as source:
        yield video_stream(uri, source, index.stream.number)


def _matrix(rotation: int, *, mirrored: bool) -> tuple[int, ...]:
    """Return the display matrix by which a player mirrors pictures if so, then turns them."""
    turn = math.radians(rotation)
    cos, sin = round(math.cos(turn) * 65536), round(math.sin(turn) * 65536)
    a, b = (-cos, -sin) if mirrored else (cos, sin)
    return a, b, 0, -sin, cos, 0, 0, 0, 1 << 30
