"""A simulated Ascend device: decoders, a scaler, a JPEG encoder and networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import DTypeLike

from fleet.ascend.aipp_op import AippOp
from fleet.ascend.aipp_unit import DynamicAipp, StaticAipp
from fleet.ascend.calls.task_stream import TaskStream
from fleet.ascend.calls.vdec_session import ChannelDescription, VdecSession
from fleet.ascend.calls.venc_session import EncodeDescription, VencSession
from fleet.ascend.clock import Clock
from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.jpege import Jpege
from fleet.ascend.libav_codec import IdleDecoder
from fleet.ascend.memory import Memory
from fleet.ascend.soc import Soc
from fleet.ascend.stills.jpegd import Jpegd
from fleet.ascend.stills.pngd import Pngd
from fleet.ascend.stream_rules import check_channels
from fleet.ascend.vdec import DEFAULTS, VdecChannel
from fleet.ascend.vdec_settings import ChannelSettings, check_settings, free_id
from fleet.ascend.venc import EncodeSettings, VencChannel
from fleet.ascend.vpc import Vpc
from fleet.core.geometry import Size
from fleet.models.heads import Head
from fleet.models.network import Network
from fleet.models.providers import Provider
from fleet.video.stream import StreamInfo

_STREAMS_OF_VDEC = 2
"""What a channel takes inside (docs/chip.md#streams)."""


class Device:
    """One simulated chip, which owns its memory, its clocks and all engines; one per thread.

    It is a context manager. Closing it closes all that it has opened, in reverse order; afterwards
    it refuses all work with 107002. `read_file` returns the bytes of a model file by its path.
    `full_range_jpegs`: see `Jpege`; outputs that were begun when JPEGE always converted go on so.
    `providers`: with what networks are computed; none: one thread of the processor. `heads`: those
    of the job's own module, by name.
    """

    def __init__(
        self,
        soc: Soc,
        ordinal: int = 0,
        read_file: Callable[[str], bytes] | None = None,
        *,
        full_range_jpegs: bool = False,
        providers: Sequence[Provider] = (),
        heads: Mapping[str, Head] | None = None,
    ) -> None:
        self.soc = soc
        self.ordinal = ordinal
        self.memory = Memory(soc.memory_bytes)
        self.clock = Clock()
        self.vpc = Vpc(soc, self.memory, self.clock)
        self.jpegd = Jpegd(soc, self.memory, self.clock)
        self.jpege = Jpege(soc, self.memory, self.clock, full_range=full_range_jpegs)
        self.pngd = Pngd(soc, self.memory, self.clock)
        self._idle = IdleDecoder()
        self._providers = providers
        self._heads = heads
        self._read_file = read_file or _read_local
        self._opened: list[_Closable] = [self.vpc]

    @property
    def name(self) -> str:
        """The chip and its number on this machine, such as Ascend310:0."""
        return f"{self.soc.name}:{self.ordinal}"

    def __repr__(self) -> str:
        return f"Device({self.name}, {self.memory})"

    def open_vdec(self, stream: StreamInfo, settings: ChannelSettings = DEFAULTS) -> VdecChannel:
        """Open a decoding channel for a stream.

        Raises StreamRefusedError for streams that the chip does not decode, DeviceError (207005)
        where all its channels are in use, and for settings that the chip does not take or the
        stream does not keep (`ChannelSettings`), and DeviceOutOfMemoryError where the channel does
        not fit into its memory.
        """
        channels = [opened for opened in self._opened if isinstance(opened, VdecChannel)]
        self._check_streams(_STREAMS_OF_VDEC)
        check_settings(self.soc, settings)
        number = free_id(self.soc, settings, {channel.id for channel in channels})
        check_channels(self.soc, [*(channel.stream for channel in channels), stream])
        args = (self.soc, self.memory, self.clock, stream, self._forget, settings, number)
        channel = VdecChannel(*args, self._idle)
        self._opened.append(channel)
        return channel

    def create_vdec(self, stream: StreamInfo, description: ChannelDescription) -> VdecSession:
        """Create a decoding channel with the life of the chip's: its callback gets each frame.

        Raises DeviceError (100000) without a callback, and what `open_vdec` raises.
        """
        return VdecSession(self.open_vdec, stream, description)

    def open_venc(self, settings: EncodeSettings) -> VencChannel:
        """Open a session of the video encoder.

        Raises DeviceError: 200006 on a chip without one, 100000 for settings that it does not take,
        and DeviceOutOfMemoryError where it does not fit into its memory.
        """
        channel = VencChannel(self.soc, self.memory, self.clock, settings, self._forget)
        self._opened.append(channel)
        return channel

    def create_venc(self, description: EncodeDescription) -> VencSession:
        """Create a session of the video encoder with the life of the chip's: a callback gets data.

        Raises DeviceError (100000) without a callback, and what `open_venc` raises.
        """
        return VencSession(self.open_venc, description)

    def create_stream(self) -> TaskStream:
        """Create a stream, on which calls of engines are launched as tasks (docs/chip.md#streams).

        Raises DeviceError: 207008 where the chip has no other one, 107002 on a closed device.
        """
        self.memory.check_context("a stream")
        self._check_streams(1)
        stream = TaskStream(self.memory, self._forget)
        self._opened.append(stream)
        return stream

    def open_aipp(
        self, op: AippOp, model: Size, channels: int, dtype: DTypeLike = np.float16
    ) -> StaticAipp | DynamicAipp:
        """Return the input unit for one block of an AIPP configuration, of any input format.

        `model`, `channels` and `dtype`: the network's input. Raises ModelRefusedError (E10052)
        where the block does not fit it.
        """
        made = StaticAipp if op.aipp_mode == "static" else DynamicAipp
        return made(self.soc, op, model, channels, dtype)

    def load(self, path: str) -> Network:
        """Load a compiled model from a file.

        Raises DeviceError (145002) where the file cannot be read, and ModelRefusedError where it is
        no compiled model.
        """
        try:
            model = self._read_file(path)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
            code, rule = Code.ACL_ERROR_GE_EXEC_MODEL_PATH_INVALID, "docs/chip.md#model-load"
            raise_device_error(
                code, f"The model {path} cannot be read: {error.strerror}.", "Check its path.", rule
            )
        engines = self.soc, self.memory, self.clock, self.vpc
        network = Network(*engines, model, path, self._providers, self._heads)
        self._opened.append(network)
        return network

    def lose(self, code: Code = Code.ACL_ERROR_RT_LOST_HEARTBEAT) -> None:
        """Be gone from now on, to try what a program does then (docs/chip.md#codes-lost).

        Every later call of an engine raises DeviceLostError with `code`: 507010 where it no longer
        answers, 507901 where its link is closed, 107001 where its number is not there any more.
        """
        self.memory.lose(code)

    def close(self) -> None:
        """Close all that was opened, the latest first; a second call does nothing."""
        while self._opened:
            self._opened.pop().close()
        self._idle.forget()
        self.memory.close()

    def _check_streams(self, more: int) -> None:
        """Raise DeviceError (207008) where the chip has no streams for something more."""
        streams = sum(isinstance(opened, TaskStream) for opened in self._opened)
        channels = sum(isinstance(opened, VdecChannel) for opened in self._opened)
        most = self.soc.cores.most_streams
        if streams + channels * _STREAMS_OF_VDEC + more > most:
            message = f"{self.soc.name} has {most} streams, and all are in use."
            code, rule = Code.ACL_ERROR_RT_NO_STREAM_RESOURCE, "docs/chip.md#streams"
            raise_device_error(code, message, "Destroy one first.", rule)

    def _forget(self, closed: VdecChannel | VencChannel | TaskStream) -> None:
        if closed in self._opened:
            self._opened.remove(closed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Closable(Protocol):
    def close(self) -> None:
        """Free everything; a second call does nothing."""


def _read_local(path: str) -> bytes:
    return Path(path).read_bytes()
