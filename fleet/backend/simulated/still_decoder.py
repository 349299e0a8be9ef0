"""JPEGD as the decoder of a video of one picture."""

from __future__ import annotations

from fleet.ascend.stills.jpegd import Jpegd
from fleet.core.access_unit import AccessUnit
from fleet.core.frames import Picture
from fleet.errors import DeviceError


class JpegdChannel:
    """A decoder that returns the picture of each unit at once; see `fleet.backend.channel.Channel`.

    JPEGD keeps nothing between files, so there is nothing to drain, to reset or to free.
    """

    stage = "jpegd"
    decoded_by = "jpegd"

    def __init__(self, jpegd: Jpegd) -> None:
        self._jpegd = jpegd
        self._damaged_row: int | None = None

    @property
    def damaged_row(self) -> int | None:
        """The row of the damaged unit, between a DeviceError and the next drain; else None."""
        return self._damaged_row

    def send(self, unit: AccessUnit) -> list[Picture]:
        """Decode a file to NV12, as it is stored; raises DeviceError as `Jpegd.decode` does."""
        try:
            picture = self._jpegd.decode(unit.nals.data, row=unit.row)
        except DeviceError:
            self._damaged_row = unit.row
            raise
        if unit.wanted:
            return [picture]
        picture.release()
        return []

    def drain(self) -> list[Picture]:
        """Return nothing: each picture was returned when its unit was sent."""
        self._damaged_row = None
        return []

    def reset(self) -> None:
        """Be ready for another file."""
        self._damaged_row = None

    def close(self) -> None:
        """Free nothing: JPEGD is the device's."""
