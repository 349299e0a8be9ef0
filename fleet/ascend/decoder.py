"""What VDEC and the host's decoder share: libav, fed packet by packet, damage reported by row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NoReturn

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from fleet.ascend.bitstream import prepared
from fleet.ascend.clock import Clock
from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.libav_codec import IdleDecoder, LibavCodec, most_pending, open_codec, stated_size
from fleet.ascend.memory import Memory
from fleet.ascend.soc import SizeRange, Soc
from fleet.ascend.surface import in_memory
from fleet.core.access_unit import AccessUnit
from fleet.core.frames import Picture
from fleet.core.geometry import Size
from fleet.errors import DeviceError, DeviceOutOfMemoryError
from fleet.video.containers.libav import packet_of
from fleet.video.h26x.annexb import begins_with_start_code
from fleet.video.h26x.parameter_sets import CODECS
from fleet.video.stream import StreamInfo

_State = Literal["fresh", "running", "drained", "damaged", "closed"]


class StreamDecoder(ABC):
    """A decoder for one stream: it takes units in decode order, and returns them in display order.

    It has no threads, and serves one. Its life is send ... send, drain, then reset to start again.
    After a DeviceError, drain still returns the good pictures from before the damage, and after a
    reset decoding may start at a later key. Only its methods change it.
    """

    stage: ClassVar[str]
    """What its time is counted as, and where its losses are recorded to have happened."""
    title: ClassVar[str]
    """How messages name it."""
    decoded_by: ClassVar[Literal["vdec", "host"]]
    """How rows of frames name it."""
    rules: ClassVar[Mapping[Code, str]] = {}
    """The rows of docs/chip.md that it refuses access units by."""

    def __init__(
        self,
        soc: Soc,
        memory: Memory,
        clock: Clock,
        stream: StreamInfo,
        sizes: SizeRange,
        idle: IdleDecoder | None = None,
    ) -> None:
        """Take the stream, the sizes that are not refused, and what earlier channels have left."""
        self.stream = stream
        self._soc = soc
        self._memory = memory
        self._clock = clock
        self._sizes = sizes
        self._size = stream.size
        self._colour = stream.colour
        self._is_h26x = stream.codec in CODECS
        self._most_pending = most_pending(stream.codec)
        self._idle = idle
        left = idle.take(stream) if idle is not None else None
        self._libav = left or LibavCodec.of(stream, self._open())
        self._state: _State = "fresh"
        self._damaged_row = 0
        # Row -> wanted, of the units whose picture libav has not returned yet.
        self._pending: dict[int, bool] = {}
        # Frames that libav has returned, and that are not returned from here yet.
        self._ready: deque[av.VideoFrame] = deque()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.stream.codec} {self._size}, {self._state})"

    @property
    def damaged_row(self) -> int | None:
        """The row of the damaged unit, between a DeviceError and the next drain; else None."""
        return self._damaged_row if self._state == "damaged" else None

    def send(self, unit: AccessUnit) -> list[Picture]:
        """Decode one access unit, and return the 0..n pictures that are ready, in display order.

        Units come in decode order with rising rows, the first after opening or reset at a key. A
        picture is returned once all units before its own have proved sound; pictures of unwanted
        units are decoded but not returned. Raises DeviceError: ERR_BITSTREAM where the data is not
        Annex-B, ERR_VDM_DECODE_FAIL where it is damaged, ERR_ALLOC_DYNAMIC_MEM_FAIL where its size
        is outside the range, ERR_INVALID_STATE after drain or an error, 100000 once it is closed.
        """
        if self._state not in {"fresh", "running"}:
            self._refuse_state("takes no access unit")
        self._memory.check_context(self.title)
        packet = packet_of(self._data(unit))
        packet.pts = unit.row
        packet.is_keyframe = unit.key
        self._state = "running"
        self._pending[unit.row] = unit.wanted
        with self._clock.stage(self.stage):
            self._count(self._size, len(unit.nals.data))
            self._take(self._decode(packet, unit.row))
            while len(self._pending) > self._most_pending:  # some units have no picture
                del self._pending[next(iter(self._pending))]
                self._libav.lacked_pictures = True
            return self._give()

    def drain(self) -> list[Picture]:
        """Return the pictures that are still held, at the end of a stream or of a part of it.

        After a DeviceError they are the good pictures from before the damage, as many as there is
        memory for. Raises DeviceError (ERR_BITSTREAM) where nothing was sent, or for a second
        drain.
        """
        if self._state in {"fresh", "drained"}:
            message = "The end of a stream with nothing sent before it, or a second time."
            code, way_out = Code.ERR_BITSTREAM, "Drain after sending; reset before sending more."
            raise_device_error(code, message, way_out, "docs/chip.md#vdec-end")
        if self._state == "closed":
            self._refuse_state("cannot be drained")
        self._memory.check_context(self.title)
        with self._clock.stage(self.stage):
            if salvages := self._state == "damaged":
                self._take_sound()
            else:
                self._take(self._decode(None, next(iter(self._pending), 0)))
            self._state = "drained"
            self._libav.lacked_pictures |= bool(self._pending)
            self._pending.clear()
            return self._give(salvages=salvages)

    def reset(self) -> None:
        """Discard all units that were sent: decoding may start again, at any key.

        On the chip this is an end of stream and a new channel; it takes no modelled time.
        """
        if self._state == "closed":
            self._refuse_state("cannot be reset")
        if self._libav.is_spoilt:
            # Flushed as well, libav adds coefficients of the damaged block to the next picture.
            self._libav = LibavCodec.of(self.stream, self._open())
        else:
            self._libav.codec.flush_buffers()
        self._pending.clear()
        self._ready.clear()
        self._state = "fresh"

    def close(self) -> None:
        """Free the decoder and its memory; a second call does nothing."""
        if self._state != "closed":
            is_whole = self._state == "drained" and self._size == self.stream.size
            self._state = "closed"
            self._ready.clear()
            if self._idle is not None and is_whole:
                self._idle.leave(self.stream, self._libav)
            else:
                self._libav.forget()
            self._free()

    def _open(self) -> VideoCodecContext:
        """Return a decoder of libav's that has decoded nothing yet."""
        return open_codec(self.stream, self._sizes.max.pixels)

    @abstractmethod
    def _free(self) -> None:
        """Free what the decoder occupies, once."""

    @abstractmethod
    def _count(self, size: Size, coded_bytes: int) -> None:
        """Add the modelled time of a picture of this size, which came in so many bytes."""

    @abstractmethod
    def _resize(self, size: Size) -> None:
        """Follow a change of size within the stream, to one within the range."""

    @abstractmethod
    def _eight_bit(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return a frame as 8-bit 4:2:0 with even sides."""

    def _data(self, unit: AccessUnit) -> bytes:
        """Return the bytes of an access unit for libav."""
        if not self._is_h26x:
            return unit.nals.data
        if not begins_with_start_code(unit.nals.data):
            what = "does not begin with an Annex-B start code"
            self._fail(unit.row, Code.ERR_BITSTREAM, what)
        return prepared(self.stream.codec, unit.nals, first=self._state == "fresh")

    def _decode(self, packet: av.Packet[Any] | None, row: int) -> list[av.VideoFrame]:
        try:
            return self._libav.codec.decode(packet)
        except FFmpegError as error:
            stated = stated_size(self.stream.codec, bytes(packet)) if packet is not None else None
            if stated is not None and stated not in self._sizes:
                # libav refuses pictures of too many pixels, and does not say that it is this.
                self._refuse_size(row, stated)
            self._fail(row, Code.ERR_VDM_DECODE_FAIL, f"cannot be decoded ({error.strerror})")

    def _take(self, frames: list[av.VideoFrame]) -> None:
        """Keep the wanted frames that libav returned; raises DeviceError where one is damaged."""
        damaged = [_row(frame) for frame in frames if self._is_damaged(frame)]
        for frame in frames:
            if self._pending.pop(_row(frame), False):
                self._ready.append(self._surface(frame))
        if damaged:
            self._fail(min(damaged), Code.ERR_VDM_DECODE_FAIL, "is damaged")

    def _take_sound(self) -> None:
        """Keep, after damage, the wanted frames that libav still holds of the units before it."""
        try:
            frames = self._libav.codec.decode(None)
        except FFmpegError:  # libav reports the same damage once more, or has ended already
            frames = []
        before = [frame for frame in frames if _row(frame) < self._damaged_row]
        self._take([frame for frame in before if not self._is_damaged(frame)])

    def _is_damaged(self, frame: av.VideoFrame) -> bool:
        """Return whether libav calls a frame damaged that it just returned, or left some out."""
        return frame.is_corrupt or self._libav.left_out_some_of(frame)

    def _give(self, *, salvages: bool = False) -> list[Picture]:
        """Return as pictures the frames before which no unit is still pending.

        All of them, or DeviceError is raised; where it `salvages`, those for which there is memory.
        """
        oldest = next(iter(self._pending), None)
        given: list[Picture] = []
        frames: list[av.VideoFrame] = []
        while self._ready and (oldest is None or _row(self._ready[0]) < oldest):
            frames.append(self._ready.popleft())
            try:
                given.append(self._picture(frames[-1]))
            except DeviceError as error:
                self._ready.clear()
                if salvages and isinstance(error, DeviceOutOfMemoryError):
                    return given
                for picture in given:
                    picture.release()
                self._spoil(_row(frames[-1]))
                self._ready.extend(frames[:-1])  # they come out with the drain
                raise
        return given

    def _picture(self, frame: av.VideoFrame) -> Picture:
        """Return a frame as a picture in device memory."""
        args = (self._soc, self._memory, frame, self._colour, _row(frame))
        strides = self._soc.vdec.stride.strides(Size(frame.width, frame.height))
        return in_memory(*args, f"{self.stage} picture", strides=strides)

    def _surface(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return the frame as 8-bit 4:2:0, after following a change of size within the stream."""
        size, row = Size(frame.width, frame.height), _row(frame)
        if size != self._size:
            if size not in self._sizes:
                self._refuse_size(row, size)
            try:
                self._resize(size)
            except DeviceError:
                self._spoil(row)
                raise
            self._size = size
        surface = self._eight_bit(frame)
        surface.pts = row
        return surface

    def _refuse_size(self, row: int, size: Size) -> NoReturn:
        what = f"is of {size}; {self._soc.name} takes {self._sizes}"
        self._fail(row, Code.ERR_ALLOC_DYNAMIC_MEM_FAIL, what)

    def _spoil(self, row: int) -> None:
        """Take no unit until a reset, and keep only what came before a row."""
        self._state = "damaged"
        self._libav.is_spoilt = True
        self._damaged_row = row
        self._ready = deque(frame for frame in self._ready if _row(frame) < row)

    def _fail(self, row: int, code: Code, what: str, rule: str = "") -> NoReturn:
        self._spoil(row)
        message = f"{self.title}: the access unit of row {row} {what}."
        way_out = "Drain for the pictures before it, reset, and go on at a later key."
        raise_device_error(code, message, way_out, rule or self.rules.get(code, ""))

    def _refuse_state(self, what: str) -> NoReturn:
        way_out = "Open a new one." if self._state == "closed" else "Reset it first."
        message = f"A {self._state} {self.title} channel {what}."
        if self._state == "closed":
            code, rule = Code.ACL_ERROR_INVALID_PARAM, "docs/chip.md#vdec-alive"
        else:
            code, rule = Code.ERR_INVALID_STATE, "docs/chip.md#vdec-state"
        raise_device_error(code, message, way_out, rule)


def _row(frame: av.VideoFrame) -> int:
    assert frame.pts is not None, "each packet was given its row as pts"
    return frame.pts
