"""Filters of the videos in an input: by name, and by when they were written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

WILDCARDS = "*?["


@dataclass(frozen=True)
class InputFilter:
    """Conditions that a video has to meet; without any, all videos pass.

    A glob without a slash is matched with the name of the file, one with a slash with its whole
    path below the input: `*` stays within a folder, `**` is any number of folders. A name that is
    the glob itself, such as `cam[1].mp4`, is matched too.
    """

    include: tuple[str, ...] = ()
    """Globs of which at least one has to match; empty for no such condition."""
    exclude: tuple[str, ...] = ()
    """Globs of which none may match."""
    modified_since: datetime | None = None
    """The earliest time of writing, with a time zone; None for no such condition."""

    def __post_init__(self) -> None:
        for glob in (*self.include, *self.exclude):
            check_glob(glob)
        if self.modified_since is not None and self.modified_since.tzinfo is None:
            raise ValueError("modified_since has a time zone")

    def takes(self, path: str, modified_s: float | None) -> bool:
        """Return whether a video passes; `path`: below the input. A video of unknown age does."""
        if self.include and not any(matches(glob, path) for glob in self.include):
            return False
        if any(matches(glob, path) for glob in self.exclude):
            return False
        since = self.modified_since
        return since is None or modified_s is None or modified_s >= since.timestamp()


EVERY_VIDEO = InputFilter()


def matches(glob: str, path: str) -> bool:
    """Return whether a glob matches a path, or is that path, by the rules of InputFilter."""
    if "/" not in glob:
        path = path.rpartition("/")[2]
    glob = glob.lstrip("/")
    return path == glob or bool(_pattern(glob).match(path))


def check_glob(glob: str) -> None:
    """Raise ValueError where a text is no glob."""
    if not glob.strip("/"):
        raise ValueError("a glob is not empty")
    try:
        _pattern(glob.lstrip("/"))
    except (ValueError, re.error) as error:
        raise ValueError(f"{glob!r} is no glob: {error}") from None


@lru_cache(maxsize=256)
def _pattern(glob: str) -> re.Pattern[str]:
    # It takes as long to load as numpy, and few name a glob.
    from fsspec.utils import glob_translate  # noqa: PLC0415

    return re.compile(glob_translate(glob))


def parse_moment(value: object) -> datetime:
    """Return an ISO text, or a date or time of TOML, as a datetime, in UTC where it names no zone.

    Raises ValueError for anything else.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            message = f"{value!r} is no date or time: write 2026-11-01 or 2026-11-01T08:00:00+01:00"
            raise ValueError(message) from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        raise ValueError("a date or time, such as 2026-11-01")  # noqa: TRY004 - pydantic lists it
    return value if value.tzinfo else value.replace(tzinfo=UTC)
