"""Whether the columns that a job takes from paths are found in the paths of its videos; pure."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from fleet.core.format import plural
from fleet.errors import UsageError
from fleet.table.parts.schema import WALL_TIME, columns_from_path, later_names, partition_names
from fleet.text import one_line
from fleet.video.start import StartRule


class PathColumns:
    """Which of the columns that a job takes from paths are found in those of its videos."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._names = partition_names(pattern)
        self._missing = set(self._names)
        self._first = self._first_without = ""
        self._without = 0

    def add(self, uri: str) -> None:
        """Take a video in."""
        if not self._names:
            return
        self._first = self._first or uri
        values = columns_from_path(self._pattern, uri)
        self._missing -= {name for name in self._names if values[name]}
        if not all(values.values()):
            self._first_without = self._first_without or uri
            self._without += 1

    @property
    def is_enough(self) -> bool:
        """Whether `said` raises nothing, whatever else comes."""
        return not self._missing

    def said(self) -> str:
        """Return a sentence on the videos without some of the columns; empty where all have all.

        Raises UsageError for a column that no video has: it would be null in every row.
        """
        if self._first and self._missing:
            missing = " and no ".join(name for name in self._names if name in self._missing)
            raise UsageError(
                f"The pattern of partitions finds no {missing} in the path of any video: "
                f"{one_line(self._pattern)} is searched for in paths such as "
                f"{one_line(self._first)}.",
                "Correct it, or leave it out. In TOML, write it within single quotes: there a "
                "backslash is a backslash.",
            )
        if not self._without:
            return ""
        videos = plural(self._without, "video has", "videos have")
        columns = " or ".join(self._names)
        such = one_line(self._first_without)
        return f"{videos} no {columns} in the path, such as {such}: null there."


class PathStarts:
    """Of which videos the path names when they start, where a job says that it does."""

    def __init__(self, rule: StartRule, schemas: Mapping[str, pa.Schema]) -> None:
        """Take the rule; raises UsageError where the columns that it fills are others.

        `schemas`: of the job's tables.
        """
        self._rule = rule
        self._count = self._without = 0
        self._first_without = ""
        for table, schema in schemas.items() if rule.form else ():
            if others := sorted(set(WALL_TIME.names) - set(later_names(schema))):
                raise UsageError(
                    f"`start` fills the columns time and clock, and {table}/ has another column "
                    f"{' and '.join(others)}, of the job or taken from the path.",
                    "Call that one otherwise, or leave out `start`.",
                )

    def add(self, uri: str) -> None:
        """Take a video in."""
        if self._rule.form:
            self._count += 1
            if self._rule.start_us(uri) is None:
                self._first_without = self._first_without or uri
                self._without += 1

    @property
    def is_enough(self) -> bool:
        """Whether `said` raises nothing, whatever else comes."""
        return not self._rule.form or self._without < self._count

    def said(self) -> str:
        """Return a sentence on the videos whose path names no start; empty where all do.

        Raises UsageError where no video's path does.
        """
        if not self._without:
            return ""
        rule, such = self._rule, one_line(self._first_without)
        written = rule.written(self._first_without)
        there = f"the group start is {one_line(repr(written))} there"
        if not self.is_enough:
            raise UsageError(
                f"The path of no video names its start as {one_line(repr(rule.form))}, such as "
                f"{such}: {there if written else 'partitions does not match it'}.",
                "Correct `start` or `partitions`, or leave `start` out.",
            )
        videos = plural(self._without, "video names", "videos name")
        return (
            f"{videos} no start in the path, such as {such}: what the container says counts "
            "there, else the time is null."
        )


class PathCheck:
    """What is looked at in the paths of videos, one by one as they are listed."""

    def __init__(self, pattern: str, rule: StartRule, schemas: Mapping[str, pa.Schema]) -> None:
        """Take what is searched for; raises UsageError as PathStarts."""
        self._parts = (PathColumns(pattern), PathStarts(rule, schemas))

    def add(self, uri: str) -> None:
        """Take a video in."""
        for part in self._parts:
            part.add(uri)

    @property
    def is_enough(self) -> bool:
        """Whether `said` raises nothing, whatever else comes."""
        return all(part.is_enough for part in self._parts)

    def said(self) -> str:
        """Return sentences on videos whose paths lack something; raises UsageError if all do."""
        return " ".join(filter(None, [part.said() for part in self._parts]))
