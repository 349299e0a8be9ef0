"""A stream, or the error of a video without an index, as JSON: for kept indexes."""

from __future__ import annotations

import base64
import json
import re
from fractions import Fraction
from functools import lru_cache
from reprlib import repr as brief

from fleet.core.frames import Colour, Matrix, Range
from fleet.core.geometry import Rect, Size
from fleet.core.json_object import JsonObject, flag, integer, items, text
from fleet.errors import BrokenVideoError, NotAVideoError, VideoError
from fleet.video.containers.limits import MAX_PIXELS
from fleet.video.h26x.parameter_sets import CODECS
from fleet.video.stills.jpeg_header import JpegHeader
from fleet.video.stream import SetsChange, StreamInfo

FORMAT = "3"
"""Raised when indexing would give another result than before."""
_FRACTION = re.compile("[0-9]{1,40}(/0*[1-9][0-9]{0,39})?")
_LASTING: dict[str, type[VideoError]] = {
    kind.name: kind for kind in (NotAVideoError, BrokenVideoError)
}


def stream_to_json(stream: StreamInfo) -> str:
    """Return a stream as JSON."""
    fields = vars(stream) | {
        "size": [stream.size.width, stream.size.height],
        "colour": [stream.colour.matrix, stream.colour.range, stream.colour.declared],
        "shown_area": stream.shown_area and list(vars(stream.shown_area).values()),
        "time_base": str(stream.time_base),
        "frame_rate": str(stream.frame_rate),
        "sample_aspect": str(stream.sample_aspect),
        "parameter_sets": _base64(stream.parameter_sets),
        "configuration": _base64(stream.configuration),
        "later_sets": [
            [change.row, _base64(change.parameter_sets), change.out_of_band]
            for change in stream.later_sets
        ],
    }
    if stream.jpeg is None:
        # Without a still, a stream is written as before there were any.
        del fields["jpeg"]
    else:
        size = stream.jpeg.size
        fields["jpeg"] = vars(stream.jpeg) | {"size": [size.width, size.height]}
    if stream.codec in CODECS:
        # Of H.264 and H.265 the parameter sets say it all.
        del fields["configuration"], fields["codec_tag"]
    return json.dumps(fields)


@lru_cache(maxsize=256)
def stream_from_json(written: str) -> StreamInfo:
    """Return the stream of `stream_to_json`; raise ValueError otherwise.

    Those of one camera are mostly written alike, and are then read once, and held once.
    """
    raw = JsonObject.parse(written)
    # An earlier version wrote none for other codecs, and left open which packets are keys: what it
    # kept is made again.
    default = {"default": ""} if raw.take("codec", text) in CODECS else {}
    return raw.build(
        StreamInfo,
        configuration=base64.b64decode(raw.take("configuration", text, **default)),
        codec_tag=raw.take("codec_tag", text, **default),
        size=Size(*raw.take("size", _size)),
        colour=raw.take("colour", _colour),
        shown_area=raw.take("shown_area", _area),
        time_base=raw.take("time_base", _fraction),
        frame_rate=raw.take("frame_rate", _fraction),
        sample_aspect=raw.take("sample_aspect", _fraction),
        parameter_sets=base64.b64decode(raw.take("parameter_sets", text)),
        later_sets=raw.take("later_sets", _changes),
        jpeg=raw.take("jpeg", _jpeg, default=None),
    )


def _jpeg(value: object) -> JpegHeader | None:
    if value is None:
        return None
    raw = JsonObject.of(value)
    return raw.build(JpegHeader, size=Size(*raw.take("size", _size)))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _changes(value: object) -> tuple[SetsChange, ...]:
    return tuple(_change(*items(change)) for change in items(value))


def _change(row: object, sets: object, out_of_band: object) -> SetsChange:
    return SetsChange(integer(row), base64.b64decode(text(sets)), flag(out_of_band))


def _size(value: object) -> tuple[int, int]:
    width, height = map(integer, items(value))
    if not 0 < width * height <= MAX_PIXELS:
        raise ValueError(f"no picture has {width} x {height} pixels")
    return width, height


def _area(value: object) -> Rect | None:
    return None if value is None else Rect(*map(integer, items(value)))


def _colour(value: object) -> Colour:
    matrix, sample_range, declared = items(value)
    return Colour(Matrix(text(matrix)), Range(text(sample_range)), flag(declared))


def _fraction(value: object) -> Fraction:
    # A fraction may also be written with an exponent, and take all memory then.
    if not _FRACTION.fullmatch(text(value)):
        raise ValueError(f"{brief(value)} is no fraction")
    return Fraction(text(value))


def is_lasting(error: VideoError) -> bool:
    """Return whether the same bytes fail in the same way each time they are indexed."""
    return error.name in _LASTING


def error_to_json(error: VideoError) -> str:
    """Return the error of a video as JSON; only for errors that are lasting."""
    fields = {"message": error.message, "way_out": error.way_out, "code": error.code}
    return json.dumps({"kind": error.name, **fields})


def error_from_json(uri: str, written: str) -> VideoError:
    """Return the error of `error_to_json`; raise ValueError otherwise."""
    raw = JsonObject.parse(written)
    kind = raw.take("kind", text)
    if kind not in _LASTING:
        raise ValueError(f"{brief(kind)} is no error that is kept")
    message, way_out = raw.take("message", text), raw.take("way_out", text)
    return _LASTING[kind](uri, message, way_out, raw.take("code", integer))
