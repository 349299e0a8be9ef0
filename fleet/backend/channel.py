"""What a shard is decoded with: VDEC, JPEGD, or the host's decoder."""

from __future__ import annotations

from typing import Protocol

from fleet.core.access_unit import AccessUnit
from fleet.core.frames import Picture


class Channel(Protocol):
    """A decoder with the life of `fleet.ascend.decoder.StreamDecoder`, which is one.

    docs/backend.md says what a decoder on a real chip has to do.
    """

    @property
    def stage(self) -> str:
        """What its time is counted as, and where its losses are recorded to have happened."""

    @property
    def decoded_by(self) -> str:
        """How rows of frames name it: vdec, jpegd or host."""

    @property
    def damaged_row(self) -> int | None:
        """The row of the damaged unit, between a DeviceError and the next drain; else None."""

    def send(self, unit: AccessUnit) -> list[Picture]:
        """Decode one access unit, and return the pictures that are ready, in display order."""

    def drain(self) -> list[Picture]:
        """Return the pictures that are still held."""

    def reset(self) -> None:
        """Discard all units that were sent."""

    def close(self) -> None:
        """Free the decoder and its memory; a second call does nothing."""
