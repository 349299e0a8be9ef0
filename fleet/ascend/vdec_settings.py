"""What a decoding channel is told before it is created, and what the chip takes of it."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn

from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.soc import Soc
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat
from fleet.video.stream import StreamInfo


class EnType(IntEnum):
    """The kind of stream, by AscendCL's numbers (docs/chip.md#vdec-entype)."""

    H265_MAIN = 0
    H264_BASELINE = 1
    H264_MAIN = 2
    H264_HIGH = 3


_PROFILES = {
    EnType.H265_MAIN: (
        "hevc",
        {"Main", "Main 10", "Main Still Picture", "Main Intra", "Main 10 Intra"},
    ),
    EnType.H264_BASELINE: ("h264", {"Baseline", "Constrained Baseline"}),
    # A decoder of Main also decodes Constrained Baseline, one of High both (H.264 A.2).
    EnType.H264_MAIN: ("h264", {"Constrained Baseline", "Main"}),
    EnType.H264_HIGH: ("h264", {"Constrained Baseline", "Main", "High"}),
}
_FAST = 1


def en_type_of(stream: StreamInfo) -> EnType | None:
    """Return the number that a stream is declared with; None for one that has none.

    The lowest of those that name its profile.
    """
    for kind, (codec, profiles) in _PROFILES.items():
        if stream.codec == codec and stream.profile in profiles:
            return kind
    return None


@dataclass(frozen=True)
class ChannelSettings:
    """The settings of a channel; None follows the stream, where the chip has a fixed default."""

    en_type: int | None = None
    """A number of `EnType`."""
    channel_id: int | None = None
    """The channel's number; None for the lowest free one."""
    output_format: PixelFormat = PixelFormat.NV12
    output_size: Size | None = None
    """The size to which pictures are scaled; None for their own."""
    out_mode: int = 0
    """0: in display order, after some have been held back. 1: each at once, without B-frames."""
    largest: Size | None = None
    """The largest picture of the stream."""
    ref_frame_num: int | None = None
    """Reference frames, on chips that can be told."""
    bit_depth: int | None = None
    """0 for 8 bits, 1 for 10, on chips that can be told."""
    csc_matrix: int | None = None
    """The matrix to RGB, on chips that can be told: 0 and 1 BT.601 wide and narrow, 2 and 3 BT.709,
    4 and 5 BT.2020."""

    @property
    def is_fast(self) -> bool:
        """Return whether each picture is to come at once."""
        return self.out_mode == _FAST

    @property
    def is_plain(self) -> bool:
        """Return whether pictures come as the decoder makes them."""
        return self.output_format is PixelFormat.NV12 and self.output_size is None


def check_settings(soc: Soc, settings: ChannelSettings) -> None:
    """Raise DeviceError for a setting that the chip's calls answer with an error.

    200006 for one that the chip lacks (docs/chip.md#vdec-settings), 100000 for a value.
    """
    limits, invalid = soc.vdec, Code.ACL_ERROR_INVALID_PARAM
    for name in ("ref_frame_num", "bit_depth", "csc_matrix"):
        value = getattr(settings, name)
        if value is None:
            continue
        if name not in limits.settings:
            what, way_out = (
                f"cannot be told {name}",
                "Leave it out: the channel follows the stream.",
            )
            _refuse(soc, Code.ACL_ERROR_FEATURE_UNSUPPORTED, what, way_out, "vdec-settings")
        known = limits.settings[name]
        if value not in known:
            what = f"takes {name} of {known[0]} to {known[-1]}, not {value}"
            _refuse(soc, invalid, what, "Choose one of them.", "vdec-settings")
    if settings.channel_id is not None and not 0 <= settings.channel_id < limits.channel_ids:
        what = f"numbers channels 0 to {limits.channel_ids - 1}, not {settings.channel_id}"
        _refuse(soc, invalid, what, "Choose one of them.", "vdec-ids")
    if settings.output_format not in limits.output_formats:
        names = ", ".join(known.name for known in sorted(limits.output_formats))
        what = f"makes {names}, not {settings.output_format.name}"
        _refuse(soc, invalid, what, "Let AIPP or VPC convert.", "vdec-output-format")
    if settings.out_mode not in {0, _FAST}:
        what = f"has the output modes 0 and 1, not {settings.out_mode}"
        _refuse(soc, invalid, what, "Choose 0.", "vdec-mode")
    if settings.en_type is not None and settings.en_type not in set(EnType):
        what = f"has the stream types 0 to 3, not {settings.en_type}"
        _refuse(soc, invalid, what, "Choose the stream's.", "vdec-entype")
    size = settings.output_size
    if size and (size not in limits.output or size.width % 2 or size.height % 2):
        what = f"makes pictures of {limits.output}, even sides, not {size}"
        _refuse(soc, invalid, what, "Choose another size.", "vdec-output-sizes")


def check_against(soc: Soc, settings: ChannelSettings, stream: StreamInfo) -> None:
    """Raise DeviceError where a stream does not keep to what its channel was told.

    The chip answers so in the callback of the first picture.
    """
    if settings.en_type is not None:
        kind = EnType(settings.en_type)
        codec, profiles = _PROFILES[kind]
        if stream.codec != codec or (stream.profile and stream.profile not in profiles):
            what = f"was told {kind.name}, and the stream is {stream.codec} {stream.profile}"
            _refuse(soc, Code.ERR_VIDEO_FORMAT, what, "Tell the stream's type.", "vdec-entype")
    check_size(soc, settings, stream.size)
    told = settings.ref_frame_num
    if told is not None and told < stream.reference_frames:
        what = f"was told {told} reference frames, and the stream uses {stream.reference_frames}"
        _refuse(soc, Code.ERR_REF_NUM, what, "Tell as many.", "vdec-settings")
    if settings.bit_depth == 0 and stream.bit_depth > 8:
        what = f"was told 8 bits, and the stream has {stream.bit_depth}"
        _refuse(soc, Code.ERR_VDM_DECODE_FAIL, what, "Set bit_depth to 1.", "vdec-settings")


def check_size(soc: Soc, settings: ChannelSettings, size: Size) -> None:
    """Raise DeviceError (0x20002) for a picture above the largest that the channel was told."""
    largest = settings.largest
    if largest and (size.width > largest.width or size.height > largest.height):
        what = f"was told {largest} at most, and a picture is of {size}"
        _refuse(soc, Code.ERR_PICTURE_SIZE, what, "Tell a larger one.", "vdec-size-change")


def free_id(soc: Soc, settings: ChannelSettings, used: Container[int]) -> int:
    """Return the number of a new channel: the one it was told, or the lowest that is free.

    Raises DeviceError: 0xA0058004 for a number in use, 207005 where none is free.
    """
    told = settings.channel_id
    if told is not None and told in used:
        what = f"has a channel {told} already"
        _refuse(soc, Code.ERR_VDEC_EXISTS, what, "Choose another number.", "vdec-ids")
    free = [number for number in range(soc.vdec.channel_ids) if number not in used]
    if not free:
        what = f"has {soc.vdec.channel_ids} channels already"
        code = Code.ACL_ERROR_RT_RESOURCE_ALLOC_FAIL
        _refuse(soc, code, what, "Close one first.", "vdec-channel-error")
    return free[0] if told is None else told


def _refuse(soc: Soc, code: Code, what: str, way_out: str, rule: str) -> NoReturn:
    raise_device_error(code, f"VDEC of {soc.name} {what}.", way_out, _RULES[rule])


_RULES = {
    "vdec-entype": "docs/chip.md#vdec-entype",
    "vdec-ids": "docs/chip.md#vdec-ids",
    "vdec-mode": "docs/chip.md#vdec-mode",
    "vdec-settings": "docs/chip.md#vdec-settings",
    "vdec-output-format": "docs/chip.md#vdec-output-format",
    "vdec-output-sizes": "docs/chip.md#vdec-output-sizes",
    "vdec-size-change": "docs/chip.md#vdec-size-change",
    "vdec-channel-error": "docs/chip.md#vdec-channel-error",
}
