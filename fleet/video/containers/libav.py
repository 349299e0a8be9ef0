"""Open containers with libav, which is allowed to read nothing but the bytes it is given."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import av
from av.container import InputContainer
from av.container.core import Flags
from av.packet import Packet, PktSideDataT
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from fleet.errors import BrokenVideoError, NotAVideoError
from fleet.video.containers.limits import CUT_COMMAND, MAX_PACKETS, MAX_PIXELS, REMUX

# libav's demuxers that may run, and the usual names of what they read. PyAV is told which one to
# use, so that libav guesses nothing.
DEMUXERS = {
    "mov": "MP4 or QuickTime",
    "matroska": "Matroska",
    "avi": "AVI",
    "flv": "Flash video",
    "mpegts": "MPEG-TS",
    "mpeg": "an MPEG program stream",
    "ogg": "Ogg",
    "h264": "raw H.264",
    "hevc": "raw H.265",
}

# To find out what a stream is, libav may decode some of it. The headers of H.264 and H.265 say
# enough, and other codecs are refused anyway. MPEG-4's size is known only to its decoder.
_PROBED = {"codec_whitelist": "mpeg4", "max_pixels": str(MAX_PIXELS), "max_streams": "64"}
_USUAL = frozenset({"h264", "hevc"})
_STILL = Disposition.attached_pic | Disposition.timed_thumbnails
_ENCRYPTED: tuple[PktSideDataT, ...] = ("encryption_info", "encryption_init_info")
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,mpeg,ogg,h264,hevc"


@contextmanager
def opened(uri: str, file: Any, demuxer: str, **options: str) -> Iterator[InputContainer]:
    """Open a file object with one demuxer; `options` are libav's.

    libav may run no other demuxer and no decoder that is not needed, and open no file or address:
    playlists, references of QuickTime and the like are refused. Its errors become NotAVideoError
    while opening, BrokenVideoError afterwards.
    """
    allowed = {"format_whitelist": _FORMATS, "protocol_whitelist": "", **_PROBED, **options}
    try:
        container = av.open(
            file, "r", format=demuxer, options=allowed, io_open=_refuse, metadata_errors="replace"
        )
    except (av.FFmpegError, PermissionError) as error:
        raise NotAVideoError(
            uri,
            f"it begins like {DEMUXERS.get(demuxer, demuxer)}, but no stream can be made out in it "
            f"({_reason(error)}).",
            "If it plays elsewhere, rewrite it: `ffmpeg -i in -c copy out.mp4`.",
        ) from error
    with container:
        try:
            yield container
        except av.FFmpegError as error:
            message = f"reading its packets failed: {_reason(error)}."
            raise BrokenVideoError(uri, message, REMUX) from error


def video_streams(container: InputContainer) -> list[VideoStream]:
    """Return the video streams, but for covers and thumbnails."""
    return [
        cast("VideoStream", stream)
        for stream in container.streams
        if stream.type == "video" and not stream.disposition & _STILL
    ]


def video_stream(uri: str, container: InputContainer, number: int | None = None) -> VideoStream:
    """Return one of the video streams, and have libav pass over all others.

    `number`: which one, from 0; None: the first one of H.264 or H.265, as a preview in another
    codec may lie before it, else the first one. Raises NotAVideoError where there is none.
    """
    found = video_streams(container)
    usual = (stream for stream in found if codec_of(stream) in _USUAL)
    chosen = next(usual, found[0] if found else None)
    if number is not None:
        if number >= len(found):
            message = f"it has {len(found)} video streams, and none of number {number}."
            raise NotAVideoError(uri, message, "They are counted from 0.")
        chosen = found[number]
    for stream in container.streams:
        if stream is not chosen and (chosen is None or stream.index != chosen.index):
            stream.discard = Discard.all
    if chosen is None:
        kinds = sorted({stream.type for stream in container.streams} - {"video"})
        has = f"only {' and '.join(kinds)}" if kinds else "no stream at all"
        message = f"there is no video stream in it, {has}."
        raise NotAVideoError(uri, message, "Leave it out of the inputs.")
    if chosen.codec_context is None:
        message = "its video stream is of a codec that libav has no decoder for."
        raise NotAVideoError(uri, message, "Re-encode it: `ffmpeg -i in -c:v libx264 out.mp4`.")
    return chosen


def codec_of(stream: VideoStream) -> str:
    """Return FFmpeg's name of the codec: h264, hevc, vp9, av1, ...; empty where it has none."""
    context = stream.codec_context
    return "" if context is None else context.codec.canonical_name


def packets(uri: str, container: InputContainer, stream: VideoStream) -> Iterator[Packet[Any]]:
    """Yield the stream's packets as the container has them; pts are None where it has none.

    Raises BrokenVideoError for what no table of packets can express: encryption, and more than
    MAX_PACKETS packets.
    """
    # The times that libav would generate are wrong for B-frames.
    container.flags &= ~cast("int", Flags.gen_pts.value)
    count, demuxed = 0, container.demux(stream)
    while True:
        try:
            packet = next(demuxed, None)
        except IndexError:
            # PyAV's empty packets after the last real one fail for streams that appeared late.
            return
        if packet is None:
            return
        if not packet.size:
            continue
        count += 1
        if count > MAX_PACKETS:
            message = f"it has more than {MAX_PACKETS:,} pictures."
            raise BrokenVideoError(uri, message, f"Cut it into shorter ones: {CUT_COMMAND}.")
        if count == 1 and any(packet.has_sidedata(kind) for kind in _ENCRYPTED):
            message = "its pictures are encrypted."
            raise BrokenVideoError(uri, message, "Decrypt it with the tools it was made with.")
        yield packet


def new_configuration(packet: Packet[Any]) -> bytes | None:
    """Return the codec configuration that the container brings in before a packet, if any."""
    if not packet.has_sidedata("new_extradata"):
        return None
    return bytes(packet.get_sidedata("new_extradata"))


def packet_of(data: bytes) -> Packet[Any]:
    """Return bytes as a packet, with the zeros behind them that libav's decoders may read.

    A packet that PyAV makes of bytes has none: what is behind them in memory decides then, in
    MPEG-4, whether the end of a picture counts as damage.
    """
    packet: Packet[Any] = Packet(len(data))
    packet.update(data)
    return packet


def _refuse(url: str, _flags: int, _options: dict[str, str]) -> Any:
    raise PermissionError(errno.EPERM, "a video may not refer to other files", url)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error).removesuffix(".")
