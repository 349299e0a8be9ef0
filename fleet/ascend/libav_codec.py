"""A decoder of libav's for one stream, with the options under which it reports damage.

A channel leaves it to the next one of the same stream: a lease is often the next stretch of the
video that a device has just decoded, and a new decoder gets the memory of its pictures anew, which
the system hands out page by page, each cleared first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import av
from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext

from fleet.ascend.unwritten import Unwritten
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


@dataclass(eq=False)
class LibavCodec:
    """A decoder of libav's, and what is known of it; only the channel that has it changes it."""

    codec: VideoCodecContext
    """The decoder."""
    unwritten: Unwritten | None
    """What finds pictures that were not written to their end; None: libav does it itself."""
    is_spoilt: bool = False
    """Whether there was damage, of which something shows in later pictures, flushed or not."""
    lacked_pictures: bool = False
    """Whether it was given units of which no picture came out."""

    @classmethod
    def of(cls, stream: StreamInfo, codec: VideoCodecContext) -> LibavCodec:
        """Return a decoder that has decoded nothing yet."""
        finds = stream.codec != "h264"
        return cls(codec, Unwritten(stream.reference_frames) if finds else None)

    def left_out_some_of(self, frame: av.VideoFrame) -> bool:
        """Return whether a picture that it has just returned was not written to its end."""
        return self.unwritten is not None and self.unwritten.is_in(frame)

    def forget(self) -> None:
        """Hold none of its pictures any more."""
        if self.unwritten is not None:
            self.unwritten.forget()


class IdleDecoder:
    """The decoder that the last channel of a device has left; one at most.

    Beside another one of a VDEC in its normal mode it takes no memory: it is freed before that is
    opened. Beside a decoder of the host's, or one in fast mode, it keeps its pictures.
    """

    def __init__(self) -> None:
        # Channels of two threads may ask at once: each call of a deque is one step.
        self._left: deque[tuple[StreamInfo, LibavCodec]] = deque(maxlen=1)

    def take(self, stream: StreamInfo) -> LibavCodec | None:
        """Return what a channel of the same stream has left; what another one has left is freed."""
        try:
            of, decoder = self._left.popleft()
        except IndexError:
            return None
        return decoder if of == stream else None

    def leave(self, stream: StreamInfo, decoder: LibavCodec) -> None:
        """Keep a drained decoder for the next channel, if that cannot tell it from a new one."""
        if decoder.is_spoilt or decoder.lacked_pictures or stream.later_sets:
            decoder.forget()
            return
        decoder.codec.flush_buffers()
        self._left.append((stream, decoder))

    def forget(self) -> None:
        """Free what was left."""
        self._left.clear()


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
