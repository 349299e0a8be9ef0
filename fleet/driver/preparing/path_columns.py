"""Whether the columns that a job takes from paths are found in the paths of its videos; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from fleet.core.format import plural
from fleet.errors import UsageError
from fleet.table.parts.schema import WALL_TIME, columns_from_path, later_names, partition_names
from fleet.text import one_line
from fleet.video.start import StartRule


def check_path_columns(pattern: str, uris: Sequence[str]) -> str:
    """Return a sentence on the videos without some of the columns; empty where all have all.

    Raises UsageError for a column that no video has: it would be null in every row.
    """
    names = partition_names(pattern)
    if not names or not uris:
        return ""
    found: set[str] = set()
    without = []
    for uri in uris:
        values = columns_from_path(pattern, uri)
        found.update(name for name in names if values[name])
        if not all(values.values()):
            without.append(uri)
    if missing := [name for name in names if name not in found]:
        raise UsageError(
            f"The pattern of partitions finds no {' and no '.join(missing)} in the path of any "
            f"video: {one_line(pattern)} is searched for in paths such as {one_line(uris[0])}.",
            "Correct it, or leave it out. In TOML, write it within single quotes: there a "
            "backslash is a backslash.",
        )
    if not without:
        return ""
    videos = plural(len(without), "video has", "videos have")
    columns = " or ".join(names)
    return f"{videos} no {columns} in the path, such as {one_line(without[0])}: null there."


def check_start(rule: StartRule, uris: Sequence[str], schemas: Mapping[str, pa.Schema]) -> str:
    """Return a sentence on the videos whose path names no start; empty where all do.

    `schemas`: of the job's tables. Raises UsageError where no video's path does, or where the
    columns that the start is for are others.
    """
    if not rule.form:
        return ""
    for table, schema in schemas.items():
        if others := sorted(set(WALL_TIME.names) - set(later_names(schema))):
            raise UsageError(
                f"`start` fills the columns time and clock, and {table}/ has another column "
                f"{' and '.join(others)}, of the job or taken from the path.",
                "Call that one otherwise, or leave out `start`.",
            )
    without = [uri for uri in uris if rule.start_us(uri) is None]
    if not without:
        return ""
    written = rule.written(without[0])
    there = f"the group start is {one_line(repr(written))} there"
    if len(without) == len(uris):
        raise UsageError(
            f"The path of no video names its start as {one_line(repr(rule.form))}, such as "
            f"{one_line(without[0])}: {there if written else 'partitions does not match it'}.",
            "Correct `start` or `partitions`, or leave `start` out.",
        )
    videos = plural(len(without), "video names", "videos name")
    return (
        f"{videos} no start in the path, such as {one_line(without[0])}: what the container says "
        "counts there, else the time is null."
    )
