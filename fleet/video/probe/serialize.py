"""A stream, or the error of a video without an index, as JSON: for kept indexes."""

from __future__ import annotations

import base64
import json
from fractions import Fraction
from typing import Any

from fleet.core.frames import Colour, Matrix, Range
from fleet.core.geometry import Size
from fleet.core.json_text import read_json
from fleet.errors import BrokenVideoError, NotAVideoError, VideoError
from fleet.video.index import StreamInfo

FORMAT = "1"
"""Raised when indexing would give another result than before."""
_LASTING: dict[str, type[VideoError]] = {
    kind.name: kind for kind in (NotAVideoError, BrokenVideoError)
}


def stream_to_json(stream: StreamInfo) -> str:
    """Return a stream as JSON."""
    fields = vars(stream) | {
        "size": [stream.size.width, stream.size.height],
        "colour": [stream.colour.matrix, stream.colour.range, stream.colour.declared],
        "time_base": str(stream.time_base),
        "frame_rate": str(stream.frame_rate),
        "parameter_sets": base64.b64encode(stream.parameter_sets).decode(),
    }
    return json.dumps(fields)


def stream_from_json(text: str) -> StreamInfo:
    """Return the stream of `stream_to_json`; raise ValueError, KeyError or TypeError otherwise."""
    fields: dict[str, Any] = read_json(text)
    matrix, sample_range, declared = fields["colour"]
    return StreamInfo(
        **fields
        | {
            "size": Size(*fields["size"]),
            "colour": Colour(Matrix(matrix), Range(sample_range), declared),
            "time_base": Fraction(fields["time_base"]),
            "frame_rate": Fraction(fields["frame_rate"]),
            "parameter_sets": base64.b64decode(fields["parameter_sets"]),
        }
    )


def is_lasting(error: VideoError) -> bool:
    """Return whether the same bytes fail in the same way each time they are indexed."""
    return error.name in _LASTING


def error_to_json(error: VideoError) -> str:
    """Return the error of a video as JSON; only for errors that are lasting."""
    fields = {"message": error.message, "way_out": error.way_out, "code": error.code}
    return json.dumps({"kind": error.name, **fields})


def error_from_json(uri: str, text: str) -> VideoError:
    """Return the error of `error_to_json`; raise ValueError, KeyError or TypeError otherwise."""
    fields = read_json(text)
    kind = _LASTING[fields.pop("kind")]
    return kind(uri, **fields)
