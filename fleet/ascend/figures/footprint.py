"""What decoding a stream takes of a device's memory at most, known before anything runs.

The figures are those by which the engines allocate, so that a device never counts more.
"""

from __future__ import annotations

from fleet.ascend.libav_codec import most_pending
from fleet.ascend.memory import allocation_bytes
from fleet.ascend.soc import Soc
from fleet.ascend.surface import buffer_bytes
from fleet.core.geometry import Size, align_up
from fleet.core.pixel_format import PixelFormat
from fleet.video.stream import StreamInfo

Terms = tuple[tuple[str, int], ...]
"""Bytes with the name of what holds them."""
_NV12 = PixelFormat.NV12


def decoding(soc: Soc, stream: StreamInfo, source_bytes: int, *, on_host: bool) -> Terms:
    """Return what is held while a stream is decoded and its pictures are made upright.

    `source_bytes`: the size of its file. A decoder may hand over as many pictures at once as it may
    hold back, besides the one that was waited for.
    """
    terms: list[tuple[str, int]] = []
    at_once = most_pending(stream.codec) + 1
    if _is_still(stream, on_host=on_host):
        at_once = 1
        terms += [("jpegd input", allocation_bytes(source_bytes + soc.jpegd.tail_bytes))]
    codec = soc.vdec.codec(stream.codec)
    if codec is not None and not on_host:
        channel = soc.vdec.channel_bytes(codec, stream.size, stream.reference_frames)
        terms += [("vdec channel", allocation_bytes(channel))]
    decoded = at_once * _decoded_bytes(soc, stream, on_host=on_host)
    terms += [(f"{at_once} decoded picture{'s' * (at_once > 1)}", decoded)]
    if not stream.is_shown_as_stored:
        # One that is cropped or made square, and another that is turned.
        largest = max(picture_bytes(soc, stream.size), picture_bytes(soc, stream.shown_size))
        terms += [("2 pictures made upright", 2 * largest)]
    return tuple(terms)


def given_bytes(soc: Soc, stream: StreamInfo, *, on_host: bool) -> int:
    """Return the memory of a picture as a job is given it."""
    decoded = _decoded_bytes(soc, stream, on_host=on_host)
    if stream.is_shown_as_stored:
        return decoded
    # A picture of a stream that changes its size is not cropped.
    return max(decoded, picture_bytes(soc, stream.shown_size))


def picture_bytes(soc: Soc, size: Size) -> int:
    """Return the memory of an NV12 picture in the layout of VPC."""
    strides = soc.vpc.stride_for(size, _NV12).strides(size)
    return allocation_bytes(buffer_bytes(soc, _NV12, *strides))


def _decoded_bytes(soc: Soc, stream: StreamInfo, *, on_host: bool) -> int:
    is_still = _is_still(stream, on_host=on_host)
    strides = (soc.jpegd if is_still else soc.vdec).stride.strides(stream.size)
    return allocation_bytes(buffer_bytes(soc, _NV12, *strides))


def _is_still(stream: StreamInfo, *, on_host: bool) -> bool:
    return stream.jpeg is not None and not on_host


def jpeg_bytes(soc: Soc, size: Size) -> int:
    """Return the memory into which JPEGE writes the JPEG of an NV12 picture."""
    ws, hs = soc.vpc.stride_for(size, _NV12).strides(size)
    raw = buffer_bytes(soc, _NV12, ws, hs) + soc.jpege.header_bytes
    return allocation_bytes(align_up(raw, soc.jpege.size_step))
