"""Whether the columns that a job takes from paths are found in the paths of its videos; pure."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.core.format import plural
from fleet.errors import UsageError
from fleet.table.parts.schema import columns_from_path, partition_names
from fleet.text import one_line


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
