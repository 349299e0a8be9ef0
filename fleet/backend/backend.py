"""What a worker asks of a device, simulated or real; docs/backend.md says what each part means."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from fleet.ascend.clock import Reading
from fleet.backend.channel import Channel
from fleet.core.frames import Picture
from fleet.core.geometry import Rect, Size
from fleet.device import Device
from fleet.video.stream import StreamInfo


class MemoryUse(Protocol):
    """What a device tells of its memory, in bytes."""

    @property
    def used_bytes(self) -> int:
        """What is held now."""

    @property
    def peak_bytes(self) -> int:
        """The most that was held at a time."""

    @property
    def budget_bytes(self) -> int:
        """How much can be held."""

    @property
    def refusals(self) -> int:
        """How often memory was refused, as too much was held."""


class Clocks(Protocol):
    """What a device tells of the time that it took."""

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Return a context manager that adds this thread's CPU seconds within it to a stage."""

    def snapshot(self) -> Reading:
        """Return both clocks at this moment."""


class Backend(Protocol):
    """One device. Each method raises DeviceError to refuse.

    It serves one thread at a time, but for its decoders, which may serve another one meanwhile.
    """

    @property
    def device(self) -> Device:
        """What the job's `open` is given: its engines, by the methods of `fleet.Device`."""

    @property
    def memory(self) -> MemoryUse:
        """Its memory."""

    @property
    def clock(self) -> Clocks:
        """Its clocks."""

    def open_decoder(self, stream: StreamInfo) -> Channel:
        """Open the decoder of a stream; raises StreamRefusedError where there is none for it."""

    def crop(self, picture: Picture, area: Rect) -> Picture:
        """Return the part of a picture that is shown; the caller keeps the one given."""

    def resize(self, picture: Picture, size: Size) -> Picture:
        """Return a picture in another size; the caller keeps the one given."""

    def turn(self, picture: Picture, rotation: int, *, mirrored: bool) -> Picture:
        """Return a picture mirrored if so, then turned clockwise by a multiple of 90 degrees."""

    def close(self) -> None:
        """Free everything, and warn of memory that somebody holds; a second call does nothing."""
