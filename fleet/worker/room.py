"""Whether a device has the memory to decode ahead of the job, and whether it lacked any by that."""

from __future__ import annotations

from fleet.backend.backend import MemoryUse
from fleet.plan.read_ahead import RESERVE_BYTES


class NoRoomAheadError(Exception):
    """A device refused memory while it decoded ahead: what came of the lease does not count."""


class RoomAhead:
    """The memory of a device beside leases that a core to spare decodes ahead, one at a time.

    What the job's own code will ask for, nobody knows before; so the device may be refused memory
    that it would have had without pictures ahead. Where that happens the lease is to be done again
    without them, and so are all that follow it on this device.
    """

    def __init__(self, memory: MemoryUse) -> None:
        self.is_spent = False
        """Whether memory was refused while a lease was decoded ahead; none is from then on."""
        self._memory = memory
        self._before: int | None = None

    def begin(self) -> None:
        """Begin a lease, nothing of which is decoded ahead yet."""
        self._before = None

    def widen(self) -> None:
        """Have what is refused from here on count."""
        self._before = self._memory.refusals

    def is_left(self) -> bool:
        """Return whether a picture may be decoded while the job looks at others."""
        return self._memory.budget_bytes - self._memory.used_bytes >= RESERVE_BYTES

    def check(self) -> None:
        """Raise NoRoomAheadError where memory was refused since the lease is decoded ahead."""
        if self._before is not None and self._memory.refusals != self._before:
            self.is_spent = True
            raise NoRoomAheadError
