"""When a video starts by a wall clock, and who says so: its path, or its container; pure.

What is found is the moment of the first picture that is shown, where `time_s` is 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from fractions import Fraction
from functools import cached_property
from zoneinfo import ZoneInfo

from fleet.core.wall_time import UNKNOWN_TIME, WallTime, in_range
from fleet.video.moment import unix_us
from fleet.video.stream import StreamInfo

_GROUP = re.compile("start[0-9]?")
"""The names of groups of the pattern of paths that are read as a moment: `start`, or `start1`,
`start2` and so on where a date and a time of day lie apart."""
EPOCHS = {"epoch": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
"""Forms that count from 1970 -> microseconds a unit."""
_DIRECTIVES = "%YymdjHMSfz"
"""What `strptime` reads in the same way whatever the language of the machine is."""
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,9})?")


@dataclass(frozen=True)
class StartRule:
    """How the start of a video is read from its path; without a form, it is not.

    Raises ValueError for a form that `check_form` refuses, and for a zone that is not known.
    """

    pattern: str = ""
    """The regular expression that is searched for in the URI; see `Job.partitions`."""
    form: str = ""
    """A format of `strptime`, or one of EPOCHS; see `Job.start`."""
    time_zone: str = ""
    """The zone of times that name none; see `Job.time_zone`."""

    def __post_init__(self) -> None:
        check_form(self.form, self.pattern)
        check_zone(self.time_zone, self.form)

    def start_us(self, uri: str) -> int | None:
        """Return the start that a path names, in microseconds since 1970; None where it does not.

        A local time that occurs twice, as clocks are set back, is the first of the two; one that
        clocks skip counts on from before they do.
        """
        written = self.written(uri)
        if written is None:
            return None
        if self.form in EPOCHS:
            known = _NUMBER.fullmatch(written)
            return in_range(int(Fraction(written) * EPOCHS[self.form] // 1)) if known else None
        try:
            moment = datetime.strptime(written, self.form)  # noqa: DTZ007 - given below
        except ValueError:
            return None
        return unix_us(moment if moment.tzinfo else moment.replace(tzinfo=self._zone, fold=0))

    def written(self, uri: str) -> str | None:
        """Return what a path has in the groups of the start; a blank lies between several.

        None where one of them is not found.
        """
        found = re.search(self.pattern, uri) if self.form else None
        if found is None:
            return None
        names = _groups(self.pattern)
        texts = [found[name] for name in names if found[name] is not None]
        return " ".join(texts) if len(texts) == len(names) else None

    @cached_property
    def _zone(self) -> tzinfo:
        return _zone(self.time_zone)


def video_start(uri: str, rule: StartRule, stream: StreamInfo | None) -> WallTime:
    """Return when a video starts: as its path says, else as its container does.

    `stream`: None where it is not known, as of a video that cannot be opened.
    """
    us = rule.start_us(uri)
    if us is not None:
        return WallTime(us, "path")
    if stream is None or stream.created_us is None:
        return UNKNOWN_TIME
    return WallTime(stream.created_us, "container")


def _groups(pattern: str) -> list[str]:
    return sorted(filter(_GROUP.fullmatch, re.compile(pattern).groupindex))


def check_form(form: str, pattern: str) -> None:
    """Raise ValueError, with the sentence that users see, where a form cannot be read by."""
    if not form:
        return
    if not _groups(pattern):
        raise ValueError(
            "it is read from the group `start` of the pattern `partitions`, which has none: write "
            "(?P<start>[^/]+) there"
        )
    if form in EPOCHS:
        return
    asked = re.findall("%(.?)", form, re.DOTALL)
    if unknown := [letter for letter in asked if letter not in _DIRECTIVES or not letter]:
        raise ValueError(
            f"%{unknown[0]} is none of {' '.join(f'%{letter}' for letter in _DIRECTIVES)}"
        )
    used = [letter for letter in asked if letter != "%"]
    if twice := [letter for letter in used if used.count(letter) > 1]:
        raise ValueError(f"%{twice[0]} stands in it twice")
    day = {"m", "d", "j"} & set(used)
    if len({"Y", "y"} & set(used)) != 1 or day not in ({"j"}, {"m", "d"}):
        raise ValueError(
            "a date is a year, a month and a day, such as %Y-%m-%d; %y and %j are read too, and "
            f"{', '.join(EPOCHS)} in place of a format"
        )


def check_zone(time_zone: str, form: str) -> None:
    """Raise ValueError where a form needs a zone and has none, or has one that it does not need."""
    needs = bool(form) and form not in EPOCHS and "z" not in re.findall("%(.)", form, re.DOTALL)
    if needs and not time_zone:
        raise ValueError(
            "`start` names no zone: say here which one the times are of, such as Europe/Berlin or "
            "UTC"
        )
    if time_zone and not needs:
        raise ValueError("it has no meaning without a `start` whose format has no %z")
    if time_zone:
        _zone(time_zone)


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise ValueError(
            "it is no name of the IANA time zone database, such as Europe/Berlin, or this machine "
            "lacks the database (`pip install tzdata`)"
        ) from error


NO_START = StartRule()
"""Of jobs that take no start from paths."""
