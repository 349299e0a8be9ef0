"""Seconds as options of commands have them."""

from __future__ import annotations

from fractions import Fraction

from fleet.errors import UsageError


def seconds(text: str, option: str) -> Fraction:
    """Return the seconds of an option, exactly; raise UsageError where it is no number."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        message = f"{option} {text} is no number of seconds."
        raise UsageError(message, "Write it as 12 or 12.5.") from None
