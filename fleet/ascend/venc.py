"""VENC: encode pictures to an elementary stream of H.264 or H.265. libx264 and libx265 encode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn

import av
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from fleet.ascend.chips.video_limits import VencLimits
from fleet.ascend.clock import Clock, venc_s
from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.memory import Memory
from fleet.ascend.soc import Soc
from fleet.ascend.surface import UNCHANGED, buffer_bytes, check_own, frame_of
from fleet.ascend.vdec_settings import EnType
from fleet.core.frames import Picture, Range
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat

_RULE = "docs/chip.md#venc"
_ENCODERS = {
    EnType.H265_MAIN: ("libx265", "main"),
    EnType.H264_BASELINE: ("libx264", "baseline"),
    EnType.H264_MAIN: ("libx264", "main"),
    EnType.H264_HIGH: ("libx264", "high"),
}
_RATE_CONTROLS = {1: "VBR", 2: "CBR"}
_DEFAULT_IP_RATIO = {"VBR": 80, "CBR": 70}


@dataclass(frozen=True)
class EncodeSettings:
    """What a channel is told; 0 is the chip's default."""

    en_type: int
    """A number of `EnType`."""
    size: Size
    """Of every picture."""
    key_interval: int
    """Frames from one key to the next."""
    input_format: PixelFormat = PixelFormat.NV12
    rate_control: int = 0
    """1 variable, 2 constant bit rate; 0 is the chip's own."""
    source_rate: int = 0
    """Frames a second."""
    max_bit_rate: int = 0
    """kbit/s."""
    ip_ratio: int = 0
    """The bits of a predicted picture to those of a key, in per cent."""


class VencChannel:
    """A session of the video encoder; it has no threads, and serves one.

    Its life is send ... send, drain. Each returns the access units that are ready, in Annex-B form
    and decode order, with the row of their picture. The memory of what it returns is the host's.
    """

    def __init__(
        self,
        soc: Soc,
        memory: Memory,
        clock: Clock,
        settings: EncodeSettings,
        on_close: Callable[[VencChannel], None],
    ) -> None:
        """Open a session.

        Raises DeviceError: 200006 on a chip without an encoder, 100000 for settings; and
        DeviceOutOfMemoryError where its output buffer does not fit.
        """
        if soc.venc is None:
            _refuse(Code.ACL_ERROR_FEATURE_UNSUPPORTED, f"{soc.name} has no VENC.", "Use a 310.")
        check_encoding(soc.venc, settings)
        self.settings = settings
        self._soc, self._limits, self._clock, self._on_close = soc, soc.venc, clock, on_close
        self._memory = memory
        self._held = memory.allocate(soc.venc.output_bytes, "venc channel")
        self._to_planar = VideoReformatter()
        self._encoder: VideoCodecContext | None = None
        self._sent = 0
        self._rows: dict[int, int] = {}
        self._ended = False

    def __repr__(self) -> str:
        return f"VencChannel({EnType(self.settings.en_type).name} {self.settings.size})"

    def send(self, picture: Picture, *, key: bool = False) -> list[tuple[int, bytes]]:
        """Encode a picture, and return what is ready: rows, and access units in Annex-B form.

        `key` makes it a key. Raises DeviceError: 100000 for another size, for a buffer of less than
        w * h * 3/2 or of twice that, and after drain or close; 100027 for another format.
        """
        check_own(self._memory, picture)
        self._check(picture)
        with self._clock.stage("venc"):
            self._clock.add_modelled("venc", venc_s(self._limits, picture.size))
            encoder = self._encoder or self._open(picture)
            frame = self._to_planar.reformat(
                frame_of(picture), format="yuv420p", threads=1, **UNCHANGED
            )
            frame.pts, frame.time_base = self._sent, encoder.time_base
            frame.pict_type = PictureType.I if key else PictureType.NONE
            self._rows[self._sent] = picture.row
            self._sent += 1
            return self._units(encoder.encode(frame))

    def drain(self) -> list[tuple[int, bytes]]:
        """Return the access units that are still held, at the end of the stream.

        Raises DeviceError (100000) for a second end.
        """
        if self._ended:
            _refuse(Code.ACL_ERROR_INVALID_PARAM, "the stream has ended.", "Open another channel.")
        self._memory.check_context("VENC")
        self._ended = True
        if self._encoder is None:
            return []
        with self._clock.stage("venc"):
            return self._units(self._encoder.encode(None))

    def close(self) -> None:
        """Free the session; a second call does nothing."""
        self._ended = True
        self._held.free()
        self._on_close(self)

    def _check(self, picture: Picture) -> None:
        told, invalid = self.settings, Code.ACL_ERROR_INVALID_PARAM
        if self._ended:
            _refuse(invalid, "the stream has ended.", "Open another channel.")
        if picture.pixel_format is not told.input_format:
            what = f"the pictures are {told.input_format.name}, not {picture.pixel_format.name}."
            _refuse(Code.ACL_ERROR_FORMAT_NOT_MATCH, what, "Convert it first.")
        if picture.size != told.size:
            _refuse(invalid, f"the pictures are of {told.size}, not {picture.size}.", "Scale it.")
        strides = picture.width_stride, picture.height_stride
        given = buffer_bytes(self._soc, picture.pixel_format, *strides)
        least = told.size.pixels * 3 // 2
        if not least <= given < 2 * least:
            what = f"{told.size} has {least} bytes or less than twice that, not {given}."
            _refuse(invalid, what, "Lay it out tight.")

    def _open(self, picture: Picture) -> VideoCodecContext:
        told = self.settings
        name, profile = _ENCODERS[EnType(told.en_type)]
        encoder = CodecContext.create(name, "w")
        assert isinstance(encoder, VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt = (
            told.size.width,
            told.size.height,
            "yuv420p",
        )
        encoder.time_base = Fraction(1, told.source_rate or self._limits.default_source_rate)
        encoder.framerate = 1 / encoder.time_base
        encoder.gop_size, encoder.thread_count = told.key_interval, 1
        encoder.bit_rate = self._bit_rate() * 1000
        encoder.options = _options(
            name, profile, self._rate_control(), self._ip_ratio(), self._bit_rate()
        )
        encoder.color_range = 2 if picture.colour.range is Range.WIDE else 1
        self._encoder = encoder
        return encoder

    def _bit_rate(self) -> int:
        return self.settings.max_bit_rate or self._limits.default_bit_rate_kbit_s

    def _rate_control(self) -> str:
        return _RATE_CONTROLS.get(self.settings.rate_control, self._limits.default_rate_control)

    def _ip_ratio(self) -> int:
        return self.settings.ip_ratio or _DEFAULT_IP_RATIO[self._rate_control()]

    def _units(self, packets: list[av.Packet]) -> list[tuple[int, bytes]]:  # type: ignore[type-arg]
        return [(self._rows.pop(packet.pts or 0), bytes(packet)) for packet in packets]


def check_encoding(limits: VencLimits, told: EncodeSettings) -> None:
    """Raise DeviceError (100000) for settings that the chip does not take (docs/chip.md#venc)."""
    faults = {
        f"stream type {told.en_type}": told.en_type not in set(EnType),
        f"pictures of {told.size}": told.size not in limits.input
        or bool(told.size.width % 2 or told.size.height % 2),
        f"format {told.input_format.name}": told.input_format not in limits.input_formats,
        f"key interval {told.key_interval}": told.key_interval not in limits.key_interval,
        f"rate control {told.rate_control}": told.rate_control not in {0, *_RATE_CONTROLS},
        f"source rate {told.source_rate}": told.source_rate != 0
        and told.source_rate not in limits.source_rate,
        f"bit rate {told.max_bit_rate}": told.max_bit_rate != 0
        and told.max_bit_rate not in limits.bit_rate_kbit_s,
        f"IP ratio {told.ip_ratio}": not 0 <= told.ip_ratio <= 100,
    }
    for what, broken in faults.items():
        if broken:
            _refuse(Code.ACL_ERROR_INVALID_PARAM, f"it does not take {what}.", "See its row.")


def _options(
    encoder: str, profile: str, rate_control: str, ip_ratio: int, rate: int
) -> dict[str, str]:
    """Return the options of libx264 or libx265 that come closest to the chip's settings."""
    params = [
        *("bframes=0", "scenecut=0", "repeat-headers=1", "annexb=1"),
        # Theirs is the quantiser of predicted pictures to that of keys; bits go the other way.
        f"ipratio={100 / ip_ratio:.3f}",
        f"vbv-maxrate={rate}",
        # One second of it for a rate that may vary, half of that for a constant one.
        f"vbv-bufsize={rate if rate_control == 'VBR' else max(1, rate // 2)}",
    ]
    if encoder == "libx265":
        params += ["log-level=none", "pools=none", "frame-threads=1", "rc-lookahead=0"]
    else:
        params += ["rc-lookahead=0", "sync-lookahead=0"]
    key = "x265-params" if encoder == "libx265" else "x264-params"
    return {"preset": "veryfast", "profile": profile, key: ":".join(params)}


def _refuse(code: Code, what: str, way_out: str) -> NoReturn:
    raise_device_error(code, f"VENC: {what}", way_out, _RULE)
