"""The streams that VDEC decodes, and how many at once, checked before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.soc import CodecLimits, SizeRange, Soc
from fleet.core.geometry import Size
from fleet.errors import StreamRefusedError
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
    docs/chip.md#vdec-interlaced and docs/chip.md#vdec-size-error. A profile or level that the
    stream does not state passes.
    """
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
    if stream.codec not in HOST_CODECS:
        says += f"{stream.codec or 'an unknown codec'}."
    else:
        says += f"to pictures of {stream.size}: VPC takes {soc.vpc.input}."
    scale = f"-vf scale={_fitting(stream.size, soc.vdec.input)} {_PLAIN}"
    way_out = f"Convert it: ffmpeg -i INPUT {scale} -c:a copy OUTPUT.mp4"
    raise StreamRefusedError(uri, says, way_out, int(Code.ERR_VIDEO_FORMAT))


def is_for_host(soc: Soc, stream: StreamInfo) -> bool:
    """Return whether the host can decode a stream into pictures that VPC takes."""
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
