"""What is known of a video, or why nothing is, as text: for indexes that are kept."""

from __future__ import annotations

import base64
import json
from fractions import Fraction
from typing import Any

from fleet.core.frames import Colour, Matrix, Range
from fleet.core.geometry import Size
from fleet.errors import BrokenVideoError, NotAVideoError, VideoError
from fleet.video.index import StreamInfo

FORMAT = "1"
"""Counted up when indexing would find something else than before."""
_KEPT: dict[str, type[VideoError]] = {
    kind.name: kind for kind in (NotAVideoError, BrokenVideoError)
}


def stream_to_json(stream: StreamInfo) -> str:
    """Write a stream down."""
    fields = vars(stream) | {
        "size": [stream.size.width, stream.size.height],
        "colour": [stream.colour.matrix, stream.colour.range, stream.colour.declared],
        "time_base": str(stream.time_base),
        "frame_rate": str(stream.frame_rate),
        "parameter_sets": base64.b64encode(stream.parameter_sets).decode(),
    }
    return json.dumps(fields)


def stream_from_json(text: str) -> StreamInfo:
    """Read it back; raises ValueError, KeyError or TypeError where it is none."""
    fields: dict[str, Any] = json.loads(text)
    matrix, span, declared = fields["colour"]
    return StreamInfo(
        **fields
        | {
            "size": Size(*fields["size"]),
            "colour": Colour(Matrix(matrix), Range(span), declared),
            "time_base": Fraction(fields["time_base"]),
            "frame_rate": Fraction(fields["frame_rate"]),
            "parameter_sets": base64.b64decode(fields["parameter_sets"]),
        }
    )


def is_lasting(error: VideoError) -> bool:
    """Whether the same bytes will fail in the same way whenever they are looked at."""
    return error.name in _KEPT


def error_to_json(error: VideoError) -> str:
    """Write down why a video has no index; for those that are `lasting`."""
    fields = {"message": error.message, "way_out": error.way_out, "code": error.code}
    return json.dumps({"kind": error.name, **fields})


def error_from_json(uri: str, text: str) -> VideoError:
    """Read it back; raises ValueError, KeyError or TypeError where it is none."""
    fields = json.loads(text)
    kind = _KEPT[fields.pop("kind")]
    return kind(uri, **fields)
