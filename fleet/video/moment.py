"""Moments of the calendar as microseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fleet.core.wall_time import in_range

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def unix_us(moment: datetime) -> int | None:
    """Return a moment that has a zone, in microseconds since 1970; None as for `in_range`."""
    return in_range((moment - EPOCH) // _US)
