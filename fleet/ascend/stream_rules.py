"""The streams that VDEC and JPEGD decode, and how many at once, checked before decoding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.soc import CodecLimits, SizeRange, Soc
from fleet.core.geometry import Size
from fleet.errors import StillRefusedError, StreamRefusedError
from fleet.video.stills.jpeg_header import JpegHeader
from fleet.video.stream import StreamInfo

HOST_CODECS = frozenset(
    {
        *("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg"),
        *("prores", "dnxhd", "ffv1", "dvvideo", "h263", "flv1", "msmpeg4v2", "msmpeg4v3"),
        *(
            "wmv1",
            "wmv2",
            "jpeg2000",
            "cfhd",
            "huffyuv",
            "ffvhuff",
            "utvideo",
            "magicyuv",
            "png",
            "theora",
        ),
    }
)
"""What the host decodes where the chip does not, as FFmpeg names it: codecs of which it is known
where decoding may begin, which packets show a picture, and in which order."""
BY_NEITHER = "Neither"
"""How a refusal begins for a stream that the host was asked to decode."""
_PLAIN = "-c:v libx264 -profile:v high -pix_fmt yuv420p"


_HOST_PROCESSES = frozenset({0, 1, 2})
_HOST_COMPONENTS = frozenset({1, 3})
_JPEG_BITS = 8
"""What libav decodes of JPEG: baseline, extended and progressive files, gray or in colour."""
_JPEG_ANEW = "Write it anew as a baseline JPEG."
_PROCESSES = {
    1: "extended",
    2: "progressive",
    3: "lossless",
    9: "arithmetically coded",
    10: "progressive and arithmetically coded",
}
_THREE_SCANS = 3


@dataclass(frozen=True)
class JpegRefusal:
    """Why JPEGD does not decode a file."""

    code: Code
    """The number that the chip answers with."""
    what: str
    """What it does instead, as in: decodes no file of 3 scans."""
    rule: str
    """Where docs/chip.md says so."""


@dataclass(frozen=True)
class _Rule:
    """One rule, applied to a stream."""

    broken: bool
    """Whether the stream breaks it."""
    code: Code
    """The number that the chip answers with."""
    says: str
    """The rule, and what the stream is, without a full stop."""
    ffmpeg: str
    """The options with which ffmpeg repairs the stream."""


def check_stream(soc: Soc, stream: StreamInfo, uri: str = "") -> None:
    """Raise StreamRefusedError, with the rule and a way out, where the chip cannot decode a stream.

    Rules and numbers are those of docs/chip.md#vdec-codecs, docs/chip.md#vdec-refused,
    docs/chip.md#vdec-interlaced and docs/chip.md#vdec-size-error; a JPEG file is JPEGD's, see
    `jpeg_refusal`. A profile or level that the
    stream does not state passes.
    """
    if stream.jpeg is not None:
        _check_jpeg(soc, stream.jpeg, stream, uri)
        return
    limits = soc.vdec.codec(stream.codec)
    if limits is None:
        names = " and ".join(codec.title for codec in soc.vdec.codecs)
        says = f"{soc.name} decodes {names} only; this stream is {stream.codec or 'unknown'}"
        rules = [_Rule(True, Code.ERR_VIDEO_FORMAT, says, _PLAIN)]
    else:
        rules = _rules(soc, limits, stream)
    for rule in rules:
        if rule.broken:
            convert = f"ffmpeg -i INPUT {rule.ffmpeg} -c:a copy OUTPUT.mp4"
            host = "Decode it on the host: --fallback cpu. " if is_for_host(soc, stream) else ""
            way_out = f"{host}{'Or convert' if host else 'Convert'} it: {convert}"
            raise StreamRefusedError(uri, f"{rule.says}.", way_out, int(rule.code))


def jpeg_refusal(soc: Soc, header: JpegHeader) -> JpegRefusal | None:
    """Return why JPEGD does not decode a file with this header; None where it does.

    Rules and numbers are those of docs/chip.md#jpegd, docs/chip.md#jpegd-tables and
    docs/chip.md#jpegd-sizes.
    """
    unsupported = Code.ACL_ERROR_UNSUPPORTED_JPEG
    if what := _unsupported(soc, header):
        what = f"decodes baseline JPEG, and this one {what}"
        return JpegRefusal(unsupported, what, "docs/chip.md#jpegd")
    if what := _beyond_tables(soc, header):
        return JpegRefusal(unsupported, what, "docs/chip.md#jpegd-tables")
    if header.size not in soc.jpegd.input:
        what = f"decodes pictures of {soc.jpegd.input}, not {header.size}"
        return JpegRefusal(Code.ACL_ERROR_INVALID_PARAM, what, "docs/chip.md#jpegd-sizes")
    return None


def is_for_chip(soc: Soc, stream: StreamInfo) -> bool:
    """Return whether the chip decodes a stream."""
    try:
        check_stream(soc, stream)
    except StreamRefusedError:
        return False
    return True


def check_host_stream(soc: Soc, stream: StreamInfo, uri: str = "") -> None:
    """Raise StreamRefusedError where the host's decoder can do nothing for a stream either.

    Its codec must be one of `HOST_CODECS`, and VPC must take its pictures (docs/chip.md#vpc-input).
    """
    if is_for_host(soc, stream):
        return
    says = f"{BY_NEITHER} {soc.name} nor the host decodes "
    if stream.jpeg is not None and stream.size in soc.vpc.input:
        what = f"{stream.profile} JPEG of {stream.bit_depth} bits a sample"
        says += f"{what} and {stream.jpeg.components} components."
    elif stream.codec not in HOST_CODECS and stream.jpeg is None:
        says += f"{stream.codec or 'an unknown codec'}."
    else:
        says += f"to pictures of {stream.size}: VPC takes {soc.vpc.input}."
    if stream.jpeg is not None:
        raise StillRefusedError(uri, says, _JPEG_ANEW, int(Code.ACL_ERROR_UNSUPPORTED_JPEG))
    scale = f"-vf scale={_fitting(stream.size, soc.vdec.input)} {_PLAIN}"
    way_out = f"Convert it: ffmpeg -i INPUT {scale} -c:a copy OUTPUT.mp4"
    raise StreamRefusedError(uri, says, way_out, int(Code.ERR_VIDEO_FORMAT))


def is_for_host(soc: Soc, stream: StreamInfo) -> bool:
    """Return whether the host can decode a stream into pictures that VPC takes."""
    if stream.jpeg is not None:
        header = stream.jpeg
        known = header.process in _HOST_PROCESSES and header.components in _HOST_COMPONENTS
        return known and header.bits == _JPEG_BITS and stream.size in soc.vpc.input
    return stream.codec in HOST_CODECS and stream.size in soc.vpc.input


def check_channels(soc: Soc, streams: Iterable[StreamInfo]) -> None:
    """Raise DeviceError (207005) for more channels, for these streams, than the chip decodes.

    32 channels up to 1280x720, 16 up to 1920x1080, 4 above, on Ascend310, and more where streams
    have less than 25 pictures a second (docs/chip.md#vdec-channels and
    docs/chip.md#vdec-channel-error). Channels of different kinds share the chip in proportion
    (modelled).
    """
    streams = list(streams)
    shares = (soc.vdec.channel_share(each.size, each.frame_rate) for each in streams)
    if sum(shares) > 1:
        raise_device_error(
            Code.ACL_ERROR_RT_RESOURCE_ALLOC_FAIL,
            f"{soc.name} cannot decode one more stream of {streams[-1].size} beside "
            f"{len(streams) - 1} others.",
            "Close a channel first.",
            "docs/chip.md#vdec-channel-error",
        )


def _rules(soc: Soc, limits: CodecLimits, stream: StreamInfo) -> list[_Rule]:
    chip, vdec, title = soc.name, soc.vdec, limits.title
    depths = " or ".join(str(depth) for depth in sorted(limits.bit_depths))
    named = f" ({stream.profile})" if stream.profile else ""
    fault = Code.ERR_VDM_DECODE_FAIL
    return [
        _Rule(
            stream.bit_depth not in limits.bit_depths,
            fault,
            f"{chip} decodes {title} of {depths} bits; this stream has {stream.bit_depth}{named}",
            _PLAIN,
        ),
        _Rule(
            stream.chroma != vdec.chroma,
            fault,
            f"{chip} decodes chroma {vdec.chroma} only; this stream is {stream.chroma}{named}",
            _PLAIN,
        ),
        _Rule(
            bool(stream.profile) and stream.profile not in limits.profiles,
            fault,
            f"{chip} decodes {title} of the profiles {', '.join(sorted(limits.profiles))}; "
            f"this stream's is {stream.profile}",
            _PLAIN,
        ),
        _Rule(
            _level(stream.level) > vdec.most_level,
            fault,
            f"{chip} decodes {title} up to level {vdec.most_level}; this stream's is "
            f"{stream.level}",
            f"{_PLAIN} -level {vdec.most_level}",
        ),
        _Rule(
            stream.interlaced and not limits.interlaced,
            fault,
            f"{chip} does not decode interlaced {title}",
            f"-vf bwdif {_PLAIN}",
        ),
        _Rule(
            stream.size not in vdec.input,
            Code.ERR_ALLOC_DYNAMIC_MEM_FAIL,
            f"{chip} decodes pictures of {vdec.input}; this stream's are {stream.size}",
            f"-vf scale={_fitting(stream.size, vdec.input)} {_PLAIN}",
        ),
    ]


def _check_jpeg(soc: Soc, header: JpegHeader, stream: StreamInfo, uri: str) -> None:
    refusal = jpeg_refusal(soc, header)
    if refusal is None:
        return
    host = "Decode it on the host: --fallback cpu. " if is_for_host(soc, stream) else ""
    says = f"JPEGD of {soc.name} {refusal.what}."
    raise StillRefusedError(uri, says, f"{host}{_JPEG_ANEW}", int(refusal.code))


def _unsupported(soc: Soc, header: JpegHeader) -> str:
    if header.process:
        return f"is {_PROCESSES.get(header.process, f'of process {header.process}')}"
    if header.bits != _JPEG_BITS:
        return f"has {header.bits} bits a sample"
    if header.chroma not in soc.jpegd.output_formats:
        return "has another sampling than 4:4:4, 4:2:2, 4:2:0, 4:4:0 or gray"
    return "holds R, G and B" if header.is_rgb else ""


def _beyond_tables(soc: Soc, header: JpegHeader) -> str:
    limits = soc.jpegd
    if header.huffman_tables > limits.most_huffman_tables:
        most = f"{limits.most_huffman_tables} Huffman tables for DC and for AC"
        return f"has {most}, and this file {header.huffman_tables}"
    if header.quantiser_tables > limits.most_quantiser_tables:
        most = f"{limits.most_quantiser_tables} quantisation tables"
        return f"has {most}, and this file {header.quantiser_tables}"
    if header.scans >= _THREE_SCANS:
        return f"decodes no file of {header.scans} scans"
    return ""


def _level(level: str) -> float:
    """Return a level as a number; H.264's 1b counts as 1, and an unstated level as 0."""
    return float(level.rstrip("b") or 0)


def _fitting(size: Size, limits: SizeRange) -> str:
    """Return the closest size that the chip decodes, as ffmpeg's scale filter takes it."""
    grow = max(limits.min.width / size.width, limits.min.height / size.height, 1)
    shrink = min(limits.max.width / size.width, limits.max.height / size.height, 1)
    factor = grow if grow > 1 else shrink
    width, height = (round(side * factor / 2) * 2 for side in (size.width, size.height))
    return f"{min(width, limits.max.width)}:{min(height, limits.max.height)}"
