"""One decoded picture of a stream, which says what no container does: format, range, matrix."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import av
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from fleet.core.geometry import Size
from fleet.video.containers.libav import packet_of

DECODERS = {"av1": "libdav1d", "msmpeg4v3": "msmpeg4", "jpeg": "mjpeg"}
"""libav's decoder of a codec, where it has another name or needs a graphics card."""


def first_picture(
    codec: str,
    codec_tag: str,
    configuration: bytes,
    size: Size | None,
    packets: Iterable[bytes],
    max_pixels: int,
) -> av.VideoFrame | None:
    """Return the first picture that comes out of packets from a key on; None where none does.

    Packets that are damaged are passed over. `codec_tag`, `configuration`, `size`: what the
    container says, if it does.
    """
    context = CodecContext.create(DECODERS.get(codec, codec), "r")
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1
    context.options = {"max_pixels": str(max_pixels)}
    if size is not None:
        context.width, context.height = size.width, size.height
    if codec_tag:
        context.codec_tag = codec_tag
    if configuration:
        context.extradata = configuration
    for packet in (*map(packet_of, packets), None):
        with suppress(FFmpegError):
            for frame in context.decode(packet):
                return frame
    return None
