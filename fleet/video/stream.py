"""What a video stream is: its codec, its pictures, its clock, its parameter sets."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Self

from fleet.core.frames import Colour
from fleet.core.geometry import Rect, Size, square_pixels
from fleet.video.stills.jpeg_header import JpegHeader

MOST_ASPECT = 16
"""Pixels are at most so many times as wide as high, or as high as wide."""
CONTAINER_CLOCK = "container"
"""Of a stream whose times are the container's, as they are."""


@dataclass(frozen=True)
class SetsChange:
    """Where other parameter sets are in force than before."""

    row: int
    """The packet from which on they are, before those that it carries itself."""
    parameter_sets: bytes
    """VPS, SPS and PPS in Annex-B form: the latest of each number."""
    out_of_band: bool
    """Whether the container says so, so that a decoder that comes to this packet lacks them."""


@dataclass(frozen=True)
class StreamInfo:
    """The video stream as its parameter sets and container describe it."""

    codec: str
    """FFmpeg's name: h264, hevc, vp9, ..."""
    profile: str
    """The standard's name: High, Main 10, ..."""
    level: str
    """In its usual form, such as 4.0; empty where the codec has none."""
    size: Size
    """The pictures as a decoder gives them, cropped."""
    chroma: str
    """The chroma format: 4:2:0 and the like."""
    bit_depth: int
    """Bits a luma or chroma sample, the larger of the two."""
    interlaced: bool
    """Whether pictures may be coded as two fields."""
    reference_frames: int
    """How many frames the stream may refer to at a time."""
    colour: Colour
    """How the samples are to be read."""
    time_base: Fraction
    """Seconds a tick of pts."""
    frame_rate: Fraction
    """The average number of frames a second; 0 where it is unknown."""
    parameter_sets: bytes
    """VPS, SPS and PPS in Annex-B form; empty for other codecs than H.264 and H.265."""
    nal_length_bytes: int
    """The width of the NAL length prefix in the container's samples; 0 where these are Annex-B."""
    transport_pid: int = 0
    """The stream's PID where samples lie in MPEG-TS packets, its id where they lie in an MPEG
    program stream, its serial number and 1 where they lie in Ogg pages; 0 where each is one run of
    bytes."""
    transport_step: int = 188
    """Bytes from one TS packet to the next, 188 or 192; 0 in a program stream, 1 in Ogg."""
    configuration: bytes = b""
    """What a decoder of another codec than H.264 and H.265 is told before its first packet."""
    codec_tag: str = ""
    """The container's four characters for such a codec, where it has some."""
    number: int = 0
    """Which of the container's video streams it is, from 0; covers and thumbnails do not count."""
    beside: str = ""
    """The codecs of all of them, in their order, with commas between; `?` for one that appears only
    in mid-stream."""
    clock: str = CONTAINER_CLOCK
    """Where times come from: the container, or how they were mended or made up."""
    frame_num_step: int = 1
    """H.264: by how much frame numbers count on where no picture is missing; 0: they are not
    checked, as the times show that none is."""
    repeats_sets: bool = False
    """Whether the first key comes with parameter sets, though the container's header has some."""
    later_sets: tuple[SetsChange, ...] = ()
    """Where other parameter sets than `parameter_sets` are in force; by row, which rises."""
    shown_area: Rect | None = None
    """Which part of the pictures a player shows, before anything else is done; None: all."""
    mirrored: bool = False
    """Whether a player has left and right change places, before it turns pictures."""
    rotation: int = 0
    """Degrees clockwise by which a player turns pictures: 0, 90, 180 or 270."""
    sample_aspect: Fraction = Fraction(1)
    """The width of a pixel to its height, from 1/16 to 16."""
    unheeded: str = ""
    """What else its container asks for and is not done, in a sentence; empty where nothing is."""
    created_us: int | None = None
    """When the container says that it was created, in microseconds since 1970; None where it does
    not, or cannot be believed."""

    jpeg: JpegHeader | None = None
    """Of a JPEG file: what decides which decoder takes it; None for all else."""

    def __post_init__(self) -> None:
        if self.time_base <= 0:
            raise ValueError(f"a time base is a positive fraction of a second: {self.time_base}")
        if self.nal_length_bytes not in {0, 1, 2, 4}:
            raise ValueError(f"NAL lengths take 1, 2 or 4 bytes, not {self.nal_length_bytes}")
        if self.codec_tag and not (len(self.codec_tag) == 4 and self.codec_tag.isascii()):
            raise ValueError(f"a codec tag has four characters of ASCII: {self.codec_tag!r}")
        if self.rotation not in {0, 90, 180, 270}:
            raise ValueError(f"pictures are turned by whole quarters, not {self.rotation} degrees")
        if not Fraction(1, MOST_ASPECT) <= self.sample_aspect <= MOST_ASPECT:
            raise ValueError(f"pixels are not {self.sample_aspect} times as wide as high")
        area = self.shown_area
        if area is not None and (area.right > self.size.width or area.bottom > self.size.height):
            raise ValueError(f"a player cannot show {area} of pictures of {self.size}")
        rows = [change.row for change in self.later_sets]
        if any(row <= before for before, row in pairwise(rows)):
            raise ValueError(f"parameter sets change at rows that do not rise: {rows[:9]}")

    def sets_at(self, row: int) -> bytes:
        """Return the parameter sets in force before a packet, in Annex-B form."""
        at = bisect_right(self.later_sets, row, key=lambda change: change.row)
        return self.later_sets[at - 1].parameter_sets if at else self.parameter_sets

    def changes_at(self, row: int) -> bool:
        """Return whether the container brings other parameter sets in at this packet."""
        at = bisect_right(self.later_sets, row, key=lambda change: change.row)
        return at > 0 and self.later_sets[at - 1].row == row and self.later_sets[at - 1].out_of_band

    @property
    def is_shown_as_stored(self) -> bool:
        """Return whether a player shows pictures as a decoder gives them."""
        is_upright = not self.mirrored and self.rotation == 0 and self.sample_aspect == 1
        return is_upright and self.shown_area is None

    @property
    def shown_size(self) -> Size:
        """Return the size of pictures as a player shows them: upright, with square pixels."""
        shown = self.size if self.shown_area is None else self.shown_area.size
        square = square_pixels(shown, self.sample_aspect)
        return Size(square.height, square.width) if self.rotation % 180 else square

    def as_stored(self) -> Self:
        """Return the stream as if a player showed the pictures as a decoder gives them."""
        return replace(self, shown_area=None, mirrored=False, rotation=0, sample_aspect=Fraction(1))
