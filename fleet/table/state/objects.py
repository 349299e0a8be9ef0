"""The objects of an output: what a listing tells, and what is asked for by name where it lags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fleet.storage import Entry, Folder
from fleet.table.commits.pack import DONE_FOLDER, pack_number, pack_of
from fleet.table.parts.schema import FRAMES_TABLE


class Objects:
    """The objects of the tables and of `_done/`, by name."""

    def __init__(self, folder: Folder, listed: Mapping[str, Entry]) -> None:
        self.listed = listed
        self._folder = folder
        self._asked: dict[str, Entry | None] = {}

    @property
    def frames(self) -> Iterator[Entry]:
        """The objects of the frames table, as listed."""
        return (e for name, e in self.listed.items() if name.startswith(f"{FRAMES_TABLE}/"))

    @property
    def last_pack(self) -> int:
        """The highest number of a pack of which anything is there, 0 for none."""
        return max(
            (pack_number(pack) for name in self.listed if (pack := pack_of(name))), default=0
        )

    def find(self, name: str) -> Entry | None:
        """Return an object that should be there; None where it is not, listed or not."""
        if name in self.listed:
            return self.listed[name]
        if name not in self._asked:
            # A listing may lag behind what was put; an object that is asked for by name does not.
            self._asked[name] = self._folder.stat(name)
        return self._asked[name]

    def has(self, name: str, size_bytes: int) -> bool:
        """Return whether an object is there, in that size."""
        found = self.find(name)
        return found is not None and found.bytes == size_bytes

    def sizes(self) -> dict[str, int]:
        """Return the bytes of all objects, by name."""
        asked = {name: entry for name, entry in self._asked.items() if entry is not None}
        return {name: entry.bytes for name, entry in {**self.listed, **asked}.items()}


def list_objects(folder: Folder, tables: Sequence[str]) -> Objects:
    """List the objects of tables and of `_done/`, frames before the tables that they name."""
    folders = [*reversed(tables), DONE_FOLDER]
    listed = {entry.name: entry for table in folders for entry in folder.list(f"{table}/")}
    return Objects(folder, listed)
