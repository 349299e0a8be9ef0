"""A decoding channel with the life that the chip gives it: described, created, ended, destroyed.

`VdecChannel` returns pictures, stops at damage, and can be reset; this is the same decoder as
AscendCL shows it, where each frame that was sent is answered in a callback.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fleet.ascend.calls.channel_life import ChannelLife, Description
from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.vdec import VdecChannel
from fleet.ascend.vdec_settings import ChannelSettings
from fleet.core.access_unit import AccessUnit
from fleet.core.frames import Picture
from fleet.core.geometry import Size
from fleet.errors import DeviceError, FleetError
from fleet.video.stream import StreamInfo

_LIFE = "docs/chip.md#vdec-life"
_ALIVE = "docs/chip.md#vdec-alive"


@dataclass(frozen=True)
class OutputFields:
    """How the caller describes the picture that it expects; 0 is not set."""

    width: int = 0
    height: int = 0
    width_stride: int = 0
    height_stride: int = 0
    buffer_bytes: int = 0
    """The bytes that the caller has allocated for it."""

    @property
    def is_half_set(self) -> bool:
        """Return whether some of the four fields are set and some are not."""
        fields = (self.width, self.height, self.width_stride, self.height_stride)
        return any(fields) and not all(fields)


CHANNELS_OWN = OutputFields()


@dataclass(frozen=True)
class Report:
    """What the callback gets for one frame that was sent."""

    unit: AccessUnit
    """The frame."""
    picture: Picture | None
    """Its picture, which the callback has to release; None where it failed or was skipped."""
    ret_code: int
    """0, or what went wrong with it."""
    user: object
    """What was sent along."""


class ChannelDescription(Description[Report]):
    """What a channel is created from; it outlives the channel, and is destroyed after it."""

    def __init__(
        self,
        callback: Callable[[Report], None] | None,
        settings: ChannelSettings | None = None,
    ) -> None:
        super().__init__(callback)
        self.settings = settings or ChannelSettings()
        """What the channel is told."""


class VdecSession:
    """One channel from creation to destruction; callbacks run within `send`, `end` and `destroy`.

    A frame that is damaged is dropped: its callback gets the number and no picture, and so do those
    of frames that cannot be decoded without it. Decoding goes on by itself at the next key. A call
    of another thread while one runs is refused with 0xA0058012.
    """

    def __init__(
        self,
        open_channel: Callable[[StreamInfo, ChannelSettings], VdecChannel],
        stream: StreamInfo,
        description: ChannelDescription,
    ) -> None:
        """Create the channel; raises DeviceError (100000) without a callback, and as Device."""
        self._life = ChannelLife("VDEC", description)
        try:
            self._channel = open_channel(stream, description.settings)
        except FleetError:
            self._life.end()
            raise
        self._waiting: dict[int, tuple[AccessUnit, object]] = {}
        self._ended = self._sent = self._needs_key = False
        # Whether the decoder has taken a frame since it was opened or reset.
        self._fed = False

    def send(
        self,
        unit: AccessUnit | None,
        fields: OutputFields | None = CHANNELS_OWN,
        user: object = None,
    ) -> None:
        """Send one frame; a unit that is not wanted is a skipped frame, and needs no fields.

        Raises DeviceError at the call: 100000 for a channel that is not alive, no frame, or no
        output for a frame that is not skipped; 0x10001 after the end. Everything else comes by
        callback: 3 for fields that are set in part, 4 for a buffer that is too small, 0x10008
        without a start code, 0x10004 for damage, 0x10006 for a size.
        """
        with self._life.one_thread():
            self._life.check_alive(_ALIVE)
            if unit is None:
                self._life.refuse("the input is null.", "Send a frame, or end the stream.", _ALIVE)
            if fields is None and unit.wanted:
                way_out = "Give one, or send a skipped frame."
                self._life.refuse("the output is null.", way_out, _ALIVE)
            if self._ended:
                message, way_out = "VDEC: the stream has ended.", "Create another channel."
                raise_device_error(Code.ERR_INVALID_STATE, message, way_out, _LIFE)
            self._send(unit, fields, user)

    def _send(self, unit: AccessUnit, fields: OutputFields | None, user: object) -> None:
        self._sent = True
        self._waiting[unit.row] = (unit, user)
        if fault := self._fault(fields):
            # It was not decoded, so that nothing that refers to it can be.
            self._needs_key = True
            self._report(unit.row, None, fault)
            return
        if self._needs_key and not unit.key:
            self._report(unit.row, None, Code.ERR_VDM_DECODE_FAIL)
            return
        self._needs_key = False
        self._decode(unit)

    def end(self, *, skipped: bool = False) -> None:
        """End the stream, after the callbacks of all frames that were sent.

        Raises DeviceError: 100000 for a channel that is not alive, 200006 for an end that is a
        skipped frame, 0x10008 for an end that comes first or twice.
        """
        with self._life.one_thread():
            self._life.check_alive(_ALIVE)
            if skipped:
                code, message = Code.ACL_ERROR_FEATURE_UNSUPPORTED, "an end is no skipped frame."
                raise_device_error(code, f"VDEC: {message}", "Send it plain.", _LIFE)
            if self._ended or not self._sent:
                code, rule = Code.ERR_BITSTREAM, "docs/chip.md#vdec-end"
                message = "VDEC: the end of the stream comes first, or a second time."
                raise_device_error(code, message, "Send it once.", rule)
            self._finish()

    def destroy(self) -> None:
        """End the stream where that has not been done, and destroy the channel; twice is once.

        Raises DeviceError (0x10001) within a callback, where the chip would wait for itself.
        """
        self._life.destroy(self._finish_if_sent, self._channel.close)

    def _finish_if_sent(self) -> None:
        if self._sent and not self._ended:
            self._finish()

    def _fault(self, fields: OutputFields | None) -> int:
        if fields is None:
            return 0
        if fields.is_half_set:
            return Code.AICPU_DVPP_KERNEL_STATE_PARAM_INVALID
        strides = fields.width_stride, fields.height_stride
        if not fields.width:
            size = self._channel.settings.output_size or self._channel.stream.size
            strides = self._channel.stride(size)
        elif strides != self._channel.stride(Size(fields.width, fields.height)):
            return Code.AICPU_DVPP_KERNEL_STATE_PARAM_INVALID
        least = int(strides[0] * strides[1] * self._channel.settings.output_format.layout.buffer)
        if fields.buffer_bytes and fields.buffer_bytes < least:
            return Code.AICPU_DVPP_KERNEL_STATE_OUTPUT_SIZE_INVALID
        return 0

    def _decode(self, unit: AccessUnit) -> None:
        self._fed = True
        try:
            pictures = self._channel.send(unit)
        except DeviceError as error:
            damaged = self._channel.damaged_row
            if damaged is None:
                raise
            self._give(self._channel.drain())
            self._channel.reset()
            self._fed, self._needs_key = False, True
            for row in list(self._waiting):
                lost = error.code if row == damaged else Code.ERR_VDM_DECODE_FAIL
                self._report(row, None, lost if self._waiting[row][0].wanted else 0)
            return
        self._give(pictures)

    def _finish(self) -> None:
        self._ended = True
        if self._fed:
            try:
                self._give(self._channel.drain())
            except DeviceError:  # damage in what was held back: its callbacks say so
                self._give(self._channel.drain())
        for row in list(self._waiting):
            lost = self._waiting[row][0].wanted
            self._report(row, None, Code.ERR_VDM_DECODE_FAIL if lost else 0)

    def _give(self, pictures: list[Picture]) -> None:
        for picture in pictures:
            self._report(picture.row, picture, 0)
        # A skipped frame is answered once a picture behind it has come.
        latest = max((picture.row for picture in pictures), default=-1)
        for row in [row for row, (unit, _) in self._waiting.items() if not unit.wanted]:
            if row < latest:
                self._report(row, None, 0)

    def _report(self, row: int, picture: Picture | None, ret_code: int) -> None:
        unit, user = self._waiting.pop(row)
        self._life.report(Report(unit, picture, int(ret_code), user))
