"""A decoder of libav's for one stream, with the options under which it reports damage."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext

from fleet.core.geometry import Size
from fleet.video.h26x.annexb import join, split
from fleet.video.h26x.parameter_sets import CODECS, sequence
from fleet.video.other_codecs.first_picture import DECODERS
from fleet.video.stream import StreamInfo

# strict: where the SPS does not state how far pictures are reordered, libav assumes what the level
# allows; otherwise it guesses low and drops the pictures that come too late. explode: libav reports
# damage instead of concealing it. Not for H.264, where it would also refuse the sound pictures
# after the key of an open GOP without its leading pictures; there libav marks damaged pictures.
_EXPLODE = {"err_detect": "explode"}
_OPTIONS = {
    "h264": {"strict": "1"},
    "hevc": {"strict": "1", **_EXPLODE},
    # buffer: bits that are left over behind a picture count as damage.
    **{codec: {"err_detect": "explode+buffer"} for codec in ("mpeg4", "flv1", "h263")},
}

# Units whose picture may still come out: twice the 16 pictures that a decoder may hold back. Other
# codecs hold back one picture at most.
_MOST_PENDING, _MOST_PENDING_OTHERS = 32, 4


def open_codec(stream: StreamInfo, max_pixels: int) -> VideoCodecContext:
    """Return a decoder that has decoded nothing yet, and refuses pictures of more pixels."""
    codec = CodecContext.create(DECODERS.get(stream.codec, stream.codec), "r")
    assert isinstance(codec, VideoCodecContext)
    # With frame threads, libav returns pictures of H.264 before it is known that they are damaged.
    codec.thread_count = 1
    # A stream may change to a size that would take 10 GB before the first picture is returned.
    options: Mapping[str, str] = _OPTIONS.get(stream.codec, _EXPLODE)
    codec.options = {**options, "max_pixels": str(max_pixels)}
    # libav crops exactly as the stream states, even where the left edge is then not aligned in
    # memory: boxes are in pixels of that picture.
    codec.flags |= Flags.unaligned
    if stream.codec not in CODECS:
        # Some codecs leave the size to the container, and MJPEG whether a packet is one field.
        codec.width, codec.height = stream.size.width, stream.size.height
    if stream.codec_tag:
        codec.codec_tag = stream.codec_tag
    if stream.codec != "mjpeg" and (configuration := stream.parameter_sets or stream.configuration):
        codec.extradata = configuration
    return codec


def stated_size(codec: str, data: bytes) -> Size | None:
    """Return the size that an access unit of H.264 or H.265 says its pictures have, if it does.

    Of several sets the last counts: those before it may be those of the stream's beginning.
    """
    found = None
    for nal in split(data) if codec in CODECS else ():
        with suppress(ValueError):
            found = sequence(codec, join([nal])) or found
    return found.size if found else None


def most_pending(codec: str) -> int:
    """Return how many units may wait for their pictures, which then come out at once."""
    return _MOST_PENDING if codec in CODECS else _MOST_PENDING_OTHERS
