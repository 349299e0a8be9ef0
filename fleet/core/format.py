"""Write quantities as text for people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return a length of time as text: 43ms, 0.4s, 41s, 2m40s, 3h12m, 412h."""
    if 0 < seconds < 0.0995:
        return f"{max(1, round(1000 * seconds))}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}s".replace(".0s", "s")
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60}h{minutes % 60:02}m" if minutes < 6000 else f"{minutes // 60:,}h"


def about(seconds: float) -> str:
    """Return an estimated length of time as text, rounded more: 5s, 40s, 4m, 2h10m, 60h."""
    if seconds < 90:
        return f"{max(1, round(seconds / 5)) * 5}s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)}m"
    tens = round(seconds / 600)
    return f"{tens // 6}h{tens % 6 * 10:02}m" if tens < 60 else f"{tens // 6:,}h"


def size(count: float) -> str:
    """Return a number of bytes as text, in decimal units: 1 byte, 812 bytes, 14 kB, 4.2 GB."""
    if count < 1000:
        return plural(round(count), "byte")
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5 or unit == "TB":
            return f"{count:.1f} {unit}" if count < 9.95 else f"{count:,.0f} {unit}"
    raise AssertionError("the last unit takes everything")


def plural(count: int, one: str, many: str = "") -> str:
    """Return a number of things as text: 1 lease, 12,000 leases, 2 copies."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {many or f'{one}s'}"


def percent(part: float, whole: float) -> str:
    """Return a share as text; 100 % only where nothing is left, 0 % only for nothing."""
    # Seconds that are added up one by one differ slightly from their sum.
    if whole <= 0 or part >= whole * (1 - 1e-9):
        return "100 %"
    share = int(100 * part / whole)
    return "<1 %" if share == 0 and part > 0 else f"{share} %"


def rate(per_s: float) -> str:
    """Return a number per second as text without its unit: 0.4, 7.2, 412, 12,000."""
    return f"{per_s:.1f}" if 0 < per_s < 9.95 else f"{per_s:,.0f}"


def short(text: str, width: int) -> str:
    """Return a text cut to `width` characters: the middle goes, as the ends say most."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"
