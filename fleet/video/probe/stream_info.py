"""Make the StreamInfo: from the parameter sets, or for other codecs from what libav says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, cast

from av.container import InputContainer
from av.packet import Packet
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from fleet.clock import SYSTEM_CLOCK
from fleet.core.access_unit import NO_NALS, NalUnits
from fleet.core.frames import Range
from fleet.core.geometry import Size
from fleet.errors import BrokenVideoError
from fleet.video.containers.created import creation_us
from fleet.video.containers.display_matrix import Turn, nearest_turn, read_turn
from fleet.video.containers.libav import codec_of, new_configuration, video_streams
from fleet.video.containers.limits import REENCODE, REMUX
from fleet.video.containers.packet_rows import frame_rate
from fleet.video.h26x.annexb import split
from fleet.video.h26x.orientation import display_orientation
from fleet.video.h26x.parameter_sets import CODECS, ParameterSets, from_configuration, sequence
from fleet.video.h26x.sequence import Sequence, colour
from fleet.video.index import PacketTable
from fleet.video.other_codecs.mpeg4 import has_b_pictures
from fleet.video.other_codecs.packet_log import REORDERING
from fleet.video.stream import CONTAINER_CLOCK, MOST_ASPECT, SetsChange, StreamInfo

USUAL_RATE = Fraction(25)
"""Frames a second of a stream that says nothing of it."""
_UNSPECIFIED = 2
"""H.273's number of a colour matrix that is not stated."""
_SUBSAMPLINGS = {
    (1, 1): "4:4:4",
    (2, 1): "4:2:2",
    (2, 2): "4:2:0",
    (4, 1): "4:1:1",
    (4, 4): "4:1:0",
    (1, 2): "4:4:0",
}

_ROUNDED = Fraction(1, 100)
"""Pixels that differ less from squares are taken for squares."""


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """A stream and its packets."""

    stream: StreamInfo
    packets: PacketTable


def codec_name(stream: VideoStream) -> str:
    """Return FFmpeg's name of the codec: h264, hevc, vp9, av1, mpeg4, ..."""
    return codec_of(stream)


def header_sets(uri: str, stream: VideoStream) -> ParameterSets:
    """Return the parameter sets in the container's header.

    Raises BrokenVideoError where they cannot be read.
    """
    codec = codec_name(stream)
    if codec not in CODECS:
        return ParameterSets(NO_NALS, 0)
    try:
        return from_configuration(codec, stream.codec_context.extradata or b"")
    except ValueError as error:
        raise BrokenVideoError(
            uri, f"its codec configuration makes no sense: {error}.", REMUX
        ) from error


def new_sets(
    uri: str, stream: VideoStream, sets: ParameterSets, packet: Packet[Any]
) -> NalUnits | None:
    """Return the parameter sets that the container brings in before a packet, if any.

    `sets`: those of the stream's header. Raises BrokenVideoError where they cannot be used.
    """
    configuration = new_configuration(packet)
    if configuration is None:
        return None
    codec = codec_name(stream)
    try:
        found = from_configuration(codec, configuration) if codec in CODECS else None
    except ValueError as error:
        message = f"its codec configuration changes to one that makes no sense: {error}."
        raise BrokenVideoError(uri, message, REMUX) from error
    if found is None or found.nal_length_bytes != sets.nal_length_bytes:
        message = "its video stream changes its codec configuration midway."
        raise BrokenVideoError(uri, message, REENCODE)
    return found.nals


def describe(
    uri: str,
    stream: VideoStream,
    sets: ParameterSets,
    table: PacketTable,
    time_base: Fraction | None = None,
    later_sets: tuple[SetsChange, ...] = (),
    *,
    clock: str = CONTAINER_CLOCK,
    frame_num_step: int = 1,
    key: NalUnits = NO_NALS,
    picture: VideoFrame | None = None,
    turns: bool = True,
) -> StreamInfo:
    """Return what is known of the stream; `time_base`: where it is not the container's.

    `clock`, `frame_num_step`: see `StreamInfo`.

    `key`: the first picture at which decoding may begin, or its first bytes. `picture`: the first
    one, decoded, for other codecs than H.264 and H.265. `turns`: whether the container may have
    pictures turned or cropped; finding out how takes a sixth of what a short header does.

    Raises BrokenVideoError where it has no size, or no SPS that can be read.
    """
    codec = codec_name(stream)
    time_base = time_base or stream.time_base or Fraction(1, 90000)
    try:
        found = sequence(codec, sets.nals) if codec in CODECS else None
    except ValueError as error:
        message = f"its sequence parameter set cannot be read: {error}."
        raise BrokenVideoError(uri, message, REMUX) from error
    if codec in CODECS and found is None:
        raise no_sequence(uri)
    facts = _with_container_colour(found, stream) if found else _libav_facts(uri, stream, picture)
    # As libav has it, what the stream asks for goes before what its container says.
    asked = display_orientation(codec, key)
    turn = held = read_turn(stream) if turns else Turn()
    if asked is not None:
        turn = nearest_turn(asked[0], mirrored=asked[1])
    container = cast("InputContainer", stream.container)
    streams = video_streams(container)
    return StreamInfo(
        codec=codec,
        profile=facts.profile,
        level=facts.level,
        size=facts.size,
        chroma=facts.chroma,
        bit_depth=facts.bit_depth,
        interlaced=facts.interlaced,
        reference_frames=facts.reference_frames,
        colour=facts.colour,
        time_base=time_base,
        frame_rate=frame_rate(table, time_base, stream.average_rate),
        parameter_sets=sets.nals.data,
        nal_length_bytes=sets.nal_length_bytes,
        later_sets=later_sets,
        clock=clock,
        frame_num_step=frame_num_step,
        number=[other.index for other in streams].index(stream.index),
        beside=",".join(map(codec_of, streams)),
        shown_area=held.aperture.within(facts.size) if held.aperture else None,
        mirrored=turn.mirrored,
        rotation=turn.rotation,
        sample_aspect=_sample_aspect(stream.sample_aspect_ratio, facts.sample_aspect),
        unheeded=turn.unheeded,
        created_us=creation_us(container.metadata, int(SYSTEM_CLOCK.unix_s() * 1e6)),
    )


def ticks_a_picture(stream: VideoStream) -> float:
    """Return how many ticks a picture lasts, by the container's average rate or the usual one."""
    rate, time_base = stream.average_rate or USUAL_RATE, stream.time_base or Fraction(1, 90000)
    return float(1 / rate / time_base)


def continued_clock(restarts: int) -> str:
    """Return what `StreamInfo.clock` says of times that start again."""
    return f"continued where it starts again ({restarts} times)"


def no_sequence(uri: str) -> BrokenVideoError:
    """Return the error for H.264 and H.265 without an SPS."""
    message = "there is no sequence parameter set in it, without which nothing can be decoded."
    return BrokenVideoError(uri, message, "Copy it again from where it came.")


def reorders(stream: StreamInfo) -> bool:
    """Return whether pictures may be shown in another order than they are decoded."""
    if stream.codec not in CODECS:
        is_mpeg4 = stream.codec == "mpeg4"
        return has_b_pictures(stream.configuration) if is_mpeg4 else stream.codec in REORDERING
    found = sequence(stream.codec, split(stream.parameter_sets))
    return found is None or found.reorder_frames != 0


def _with_container_colour(found: Sequence, stream: VideoStream) -> Sequence:
    """Return the facts with the container's colour where the stream declares none."""
    if found.colour.declared:
        return found
    container = colour(stream.codec_context.colorspace, stream.codec_context.color_range == 2)
    if not container.declared:
        return found
    wide = Range.WIDE in {container.range, found.colour.range}
    return replace(found, colour=replace(container, range=Range.WIDE if wide else Range.NARROW))


def _sample_aspect(container: Fraction | None, declared: Fraction) -> Fraction:
    """Return the width of a pixel to its height: the container's, else the VUI's, else 1.

    A container's 1 is what muxers write that know of none, and takes no precedence. What is absurd
    counts as 1, and so does what rounding makes of 1: a picture of 1088 rows, of which 1080 count.
    """
    found = declared if container in {None, 1} else container
    if not found or not Fraction(1, MOST_ASPECT) <= found <= MOST_ASPECT:
        return Fraction(1)
    return Fraction(1) if abs(found - 1) < _ROUNDED else found


def _libav_facts(uri: str, stream: VideoStream, picture: VideoFrame | None) -> Sequence:
    context = stream.codec_context
    sized = context if picture is None else picture
    if sized.width < 1 or sized.height < 1:
        raise BrokenVideoError(uri, "its header does not say how large the pictures are.", REMUX)
    known = stream.format if context.pix_fmt else None
    layout = known if picture is None else picture.format
    chroma, depth, wide = _pixel_format(layout)
    matrix, sample_range = context.colorspace, context.color_range
    if picture is not None and picture.colorspace != _UNSPECIFIED:
        matrix = picture.colorspace
    if picture is not None and picture.color_range:
        sample_range = picture.color_range
    return Sequence(
        profile=context.profile or "",
        level="",
        size=Size(sized.width, sized.height),
        chroma=chroma,
        bit_depth=depth,
        interlaced=context.field_order > 1,
        reference_frames=0,
        colour=colour(matrix, wide or sample_range == 2),
        frame_rate=Fraction(0),
        reorder_frames=None,
    )


def _pixel_format(layout: VideoFormat | None) -> tuple[str, int, bool]:
    """Return chroma, bits a sample, and whether the name says full range.

    Empty, 0 and False where there is no format.
    """
    if layout is None:
        return "", 0, False
    if layout.is_rgb:
        chroma = "RGB"
    elif len(layout.components) < 3:
        chroma = "4:0:0"
    else:
        chroma = _SUBSAMPLINGS.get(
            (16 // layout.chroma_width(16), 16 // layout.chroma_height(16)), ""
        )
    return chroma, layout.components[0].bits, layout.name.startswith("yuvj")
