"""When a container says that it was created, where that can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from fleet.video.moment import unix_us

_NAMES = ("com.apple.quicktime.creationdate", "creation_time")
"""libav's names, the most telling first: of phones by Apple, with the zone; of the movie header of
MP4 and QuickTime, which is UTC by its definition; of Matroska's DateUTC."""
_EARLIEST_US = unix_us(datetime(1991, 1, 1, tzinfo=UTC)) or 0
"""There was no such container before: clocks that were never set begin in 1904, 1970 or 1980."""
_DAY_US = 86_400_000_000
"""Local time that is written as UTC, and clocks that are fast, are no more ahead."""


def creation_us(metadata: Mapping[str, str], now_us: int) -> int | None:
    """Return when a container was created, in microseconds since 1970; None where unknown.

    `metadata`: as libav has it. A date without a zone, as AVI has, says no moment; one before 1991,
    or later than a day after `now_us`, is not believed.
    """
    for name in _NAMES:
        us = _read(metadata.get(name, ""))
        if us is not None and _EARLIEST_US <= us <= now_us + _DAY_US:
            return us
    return None


def _read(written: str) -> int | None:
    try:
        moment = datetime.fromisoformat(written.strip())
    except ValueError:
        return None
    return unix_us(moment) if moment.tzinfo else None
