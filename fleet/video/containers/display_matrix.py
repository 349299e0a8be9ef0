"""How a container has pictures turned before they are shown: its display matrix.

What it says of cropping (`clap` in MP4, PixelCrop in Matroska) is found beside it. Players crop,
and so does FFmpeg's command from version 7.1 on; libav's decoders do not.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from math import ceil, floor

import av
from av.video.stream import VideoStream

from fleet.core.geometry import Rect, Size

_CONTAINERS = {"mov", "matroska"}
"""The names of the demuxers that find a display matrix."""
_MUXERS = ("mp4", "mov")
_TKHD_MATRIX = 4 + 40
"""Bytes from a track header's name to its matrix, in version 0 (ISO 14496-12 8.3.2)."""
_CLEAN_APERTURE = (40).to_bytes(4, "big") + b"clap"
"""Size and name of the box."""
_NEAR = 0.02
"""Directions and angles that differ by less, in radians, count as the same."""


@dataclass(frozen=True)
class Aperture:
    """The part of a picture that is shown, as MP4 states it (ISO 14496-12 12.1.4)."""

    width: Fraction
    height: Fraction
    right: Fraction
    """How far its middle lies to the right of the picture's; negative: to the left."""
    down: Fraction
    """How far its middle lies below the picture's; negative: above."""

    def within(self, size: Size) -> Rect | None:
        """Return the rectangle in a picture, its edges even; None where it is all or none of it.

        Chroma has half the resolution: an odd first column or row is left out, and so is a last.
        """
        sides = []
        for whole, part, off in (
            (size.width, self.width, self.right),
            (size.height, self.height, self.down),
        ):
            start = ceil((Fraction(whole) - part) / 2 + off)
            end = floor((Fraction(whole) + part) / 2 + off)
            sides.append((start + start % 2, end - end % 2))
        (left, right), (top, bottom) = sides
        is_inside = 0 <= left < right <= size.width and 0 <= top < bottom <= size.height
        area = Rect(left, top, right - left, bottom - top) if is_inside else None
        return None if area is None or area.size == size else area


@dataclass(frozen=True)
class Turn:
    """How a stored picture becomes the one that is shown: mirrored first, then turned."""

    rotation: int = 0
    """Degrees clockwise: 0, 90, 180 or 270."""
    mirrored: bool = False
    """Whether left and right change places before."""
    unheeded: str = ""
    """What the matrix asks for and is not done, in a sentence; empty where all is done."""
    aperture: Aperture | None = None
    """What is shown of the stored picture; None: all."""


def read_turn(stream: VideoStream) -> Turn:
    """Return how the container of a stream has pictures turned.

    Turns of Matroska are not found for the codecs that libav writes to neither MP4 nor QuickTime:
    VP8, Theora and the like.
    """
    names = set(stream.container.format.name.split(","))
    if not names & _CONTAINERS:
        return Turn()
    try:
        header = _header(stream)
    except av.PatchWelcomeError:
        return Turn()
    except av.FFmpegError as error:
        return Turn(unheeded=f"its display matrix cannot be read ({error.strerror})")
    if header is None:
        return Turn()
    turn = turn_of(struct.unpack_from(">9i", header, header.rindex(b"tkhd") + _TKHD_MATRIX))
    return replace(turn, aperture=_aperture(header))


def turn_of(matrix: Sequence[int]) -> Turn:
    """Return the turn that comes nearest to a display matrix: a, b, u, c, d, v, x, y, w.

    It takes the point (p, q), right and down, to (a p + c q, b p + d q). Scales are no turns: libav
    counts them as the shape of pixels.
    """
    a, b, _, c, d = matrix[:5]
    across, down = math.hypot(a, b), math.hypot(c, d)
    area = a * d - b * c
    if not across or not down or abs(area) < _NEAR * across * down:
        return Turn(unheeded="its display matrix makes no sense")
    mirrored = area < 0
    angle = math.degrees(math.atan2(-b, -a) if mirrored else math.atan2(b, a)) % 360
    turn = nearest_turn(angle, mirrored=mirrored)
    if abs(a * c + b * d) > _NEAR * across * down:
        return replace(turn, unheeded="its display matrix slants pictures")
    return turn


def nearest_turn(degrees: float, *, mirrored: bool) -> Turn:
    """Return the turn by whole quarters that comes nearest to an angle, clockwise."""
    rotation = round(degrees / 90) % 4 * 90
    off = abs((degrees - rotation + 180) % 360 - 180)
    odd = f"it asks to be turned by {degrees:.0f} degrees" if off > math.degrees(_NEAR) else ""
    return Turn(rotation, mirrored, odd)


def _aperture(header: bytes) -> Aperture | None:
    at = header.find(_CLEAN_APERTURE)
    if at < 0:
        return None
    numbers = struct.unpack_from(">IIIIiIiI", header, at + len(_CLEAN_APERTURE))
    if not all(numbers[1::2]):
        return None
    return Aperture(*(Fraction(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)))


def _header(stream: VideoStream) -> bytes | None:
    """Return what libav has found of display matrix and cropping, as the header of a movie.

    None for codecs that it does not write. libav combines what MP4 says of the track and of the
    movie, and the angles of Matroska. PyAV hands it to decoders and muxers only; a muxer writes it
    down without looking at any picture.
    """
    codec = stream.codec_context.codec.canonical_name
    muxer = next((name for name in _MUXERS if codec in _codecs(name)), None)
    if muxer is None:
        return None
    header = io.BytesIO()
    with av.open(header, "w", format=muxer, options={"movflags": "empty_moov"}) as output:
        context = output.add_stream_from_template(stream, opaque=True).codec_context
        # Parameter sets would be looked at, and the layout of samples missed; neither counts here.
        context.extradata = None
        context.pix_fmt = context.pix_fmt or "yuv420p"
        output.start_encoding()
    return header.getvalue()


@cache
def _codecs(muxer: str) -> frozenset[str]:
    """Return the names of the codecs that a muxer writes."""
    with av.open(io.BytesIO(), "w", format=muxer) as output:
        return frozenset(output.supported_codecs)
