"""The index of a video, as text for a terminal."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import numpy as np

from fleet.core.geometry import Rect
from fleet.text import one_line
from fleet.video.index import VideoIndex
from fleet.video.moment import EPOCH
from fleet.video.stream import CONTAINER_CLOCK, StreamInfo


def describe(index: VideoIndex) -> str:
    """Return the facts of an index, one a line."""
    return "\n".join(f"{name:<12}{one_line(value)}" for name, value in _facts(index).items())


def _facts(index: VideoIndex) -> dict[str, str]:
    stream, frames = index.stream, len(index.order)
    duration_s = index.duration_s
    rate = f"{float(stream.frame_rate):.6g} frames/s" if stream.frame_rate else "not known"
    coding = [part for part in (stream.codec, stream.profile, _level(stream.level)) if part]
    scan = "interlaced" if stream.interlaced else "progressive"
    size = f"{stream.size}, {stream.chroma}, {stream.bit_depth} bit, {scan}"
    source = "the header" if index.origin == "header" else "a scan of the whole file"
    return {
        "video": index.source.uri,
        "container": index.container,
        "codec": " ".join(coding),
        "picture": size,
        **({"shown": _shown(stream)} if not stream.is_shown_as_stored or stream.unheeded else {}),
        "colour": str(stream.colour),
        "rate": rate,
        **({} if stream.clock == CONTAINER_CLOCK else {"times": stream.clock}),
        **({} if stream.created_us is None else {"created": _moment(stream.created_us)}),
        "duration": f"{duration_s:.3f} s",
        "frames": f"{frames} of {len(index.packets)} packets",
        "GOPs": _gops(index),
        "B-frames": "yes" if index.has_b_frames else "no",
        "bytes": f"{index.source.bytes:,}",
        "index from": f"{source}, {index.bytes_read:,} bytes read",
    }


def _moment(us: int) -> str:
    return f"{EPOCH + timedelta(microseconds=us):%Y-%m-%d %H:%M:%S} UTC, as the container says"


def _shown(stream: StreamInfo) -> str:
    """Return how a player shows the pictures, where it is not as they are stored."""
    return ", ".join(
        (
            str(stream.shown_size),
            *([_area(stream.shown_area)] if stream.shown_area else []),
            *(["mirrored"] if stream.mirrored else []),
            *([f"turned by {stream.rotation} degrees clockwise"] if stream.rotation else []),
            *([_aspect(stream.sample_aspect)] if stream.sample_aspect != 1 else []),
            *([f"{stream.unheeded}, which is not done"] if stream.unheeded else []),
        )
    )


def _area(of: Rect) -> str:
    return f"cropped to {of.size} from ({of.left}, {of.top})"


def _aspect(of: Fraction) -> str:
    return f"sample aspect {of.numerator}:{of.denominator}"


def _level(level: str) -> str:
    return f"level {level}" if level else ""


def _gops(index: VideoIndex) -> str:
    count = len(index.cuts)
    if not count or not len(index.order):
        return "none"
    lengths = np.bincount(index.gop_of_row[index.order], minlength=count)
    shortest, middle, longest = lengths.min(), np.median(lengths), lengths.max()
    kind = f"{index.open_gops} open" if index.open_gops else "closed"
    return f"{count}, {kind}, of {shortest} / {middle:g} / {longest} frames (min / median / max)"
