"""A video's H.264 or H.265 in Annex-B form, as VDEC takes it: the stream alone, in one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import PurePath

import numpy as np

from fleet.ascend.vdec_settings import en_type_of
from fleet.core.format import plural
from fleet.errors import UsageError
from fleet.index_cache.cache import IndexCache
from fleet.storage import VIDEO_EXTENSIONS, Reader, expand
from fleet.video.containers.demux import Demuxer
from fleet.video.decode_plan import coalesce
from fleet.video.h26x.parameter_sets import CODECS
from fleet.video.index import VideoIndex

_SUFFIXES = {
    "h264": ("H.264", (".h264", ".264", ".avc")),
    "hevc": ("H.265", (".h265", ".265", ".hevc")),
}
"""What each codec is called, and how files of its streams alone are named."""
_GAP_BYTES, _MOST_BYTES = 64 << 10, 8 << 20


def open_stream(uri: str) -> VideoIndex:
    """Return the index of a video of H.264 or H.265, of which a file in Annex-B form can be made.

    Raises UsageError where the name is that of several videos or of another codec, VideoError where
    it has no index.
    """
    sources = expand([uri]).sources
    if len(sources) != 1:
        raise UsageError(f"{uri} names {len(sources):,} videos.", "Name one of them.")
    with closing(IndexCache()) as indexes:
        index = indexes.get(sources[0])
    if index.stream.codec not in CODECS:
        message = f"{uri} is {index.stream.codec}, which has no Annex-B form."
        raise UsageError(message, "Name a video of H.264 or H.265.")
    return index


def check_stream_name(out: PurePath, index: VideoIndex) -> None:
    """Raise UsageError where a file is named like one of another codec, or of a container."""
    suffix, (codec, own) = out.suffix.lower(), _SUFFIXES[index.stream.codec]
    if suffix in VIDEO_EXTENSIONS.difference(own):
        message = f"--out {out} is named like a {suffix} file, but a stream of {codec} is written."
        raise UsageError(message, f"Name it like {out.stem}{own[0]}.")


def access_units(index: VideoIndex) -> Iterator[bytes]:
    """Yield the access units of a video in decode order, parameter sets where a decoder needs them.

    Raises BrokenVideoError where the bytes are not those that the index describes, StorageError and
    VideoChangedError where they cannot be read.
    """
    packets = index.packets
    demuxer, reader = Demuxer(index.source, index.stream), Reader(index.source)
    # What comes before the first key cannot be decoded.
    rows = np.arange(int(index.cuts[0]), len(packets))
    data, position = b"", 0
    ranges = iter(coalesce(packets, rows, _GAP_BYTES, _MOST_BYTES))
    for row in rows.tolist():
        start, span = int(packets.position[row]), int(packets.span[row])
        while not position <= start <= start + span <= position + len(data):
            read = next(ranges, None)
            if read is None:
                # It lies before what was read last, or its file ends in it, which is then said.
                data, position = reader.read(start, span), start
                break
            data, position = reader.read(read.position, read.length), read.position
        unit = demuxer.unit(packets, row, data[start - position :][:span])
        yield demuxer.with_sets(unit, row, begins=bool(packets.key[row])).data


def described(index: VideoIndex, units: int, size: int) -> str:
    """Return a sentence on what was written."""
    stream = index.stream
    kind = en_type_of(stream)
    number = "no enType of the chip" if kind is None else f"enType {kind}"
    what = f"{plural(units, 'packet')} of {stream.codec} {stream.profile} ({number}), {stream.size}"
    return f"{what}, {plural(int(index.packets.key.sum()), 'key')}, {size:,} bytes"
