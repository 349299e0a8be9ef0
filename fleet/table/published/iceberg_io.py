"""An output's folder, as pyiceberg reads and writes it: through Fleet's own door to the store.

So the same credentials, retries and endpoints hold for it. Of its objects, only what Iceberg itself
keeps of a table is ever put or deleted. A catalogue may have a place of its own for that, which is
reached as pyiceberg does.
"""

from __future__ import annotations

import io
from types import TracebackType
from typing import Any

from pyiceberg.io import (
    PY_IO_IMPL,
    FileIO,
    InputFile,
    InputStream,
    OutputFile,
    OutputStream,
    load_file_io,
)
from pyiceberg.typedef import EMPTY_DICT, Properties

from fleet.errors import StorageRefusedError
from fleet.parquet.ranged_file import RangedFile
from fleet.storage import Entry, Folder
from fleet.table.published.iceberg_record import METADATA_FOLDER, location_of

FOLDER_PROPERTY = "fleet.folder"
"""The property of a catalogue, in this process, that says which output is published."""


class FolderIO(FileIO):
    """Opens objects by their location."""

    def __init__(self, properties: Properties = EMPTY_DICT) -> None:
        super().__init__(properties)
        self._folder = Folder(properties[FOLDER_PROPERTY])
        self._root = f"{location_of(self._folder.uri)}/"

    def new_input(self, location: str) -> InputFile:
        """Return an object to be read."""
        name = self._name(location)
        if name is None:
            return self._elsewhere(location).new_input(location)
        return _Input(self._folder, name, location)

    def new_output(self, location: str) -> OutputFile:
        """Return an object to be put, of those that Iceberg keeps."""
        name = self._name(location)
        if name is None:
            return self._elsewhere(location).new_output(location)
        return _Output(self._folder, self._own(name), location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Delete an object, of those that Iceberg keeps."""
        where = location if isinstance(location, str) else location.location
        name = self._name(where)
        if name is None:
            self._elsewhere(where).delete(where)
        else:
            self._folder.delete(self._own(name))

    def _name(self, location: str) -> str | None:
        """Return the name of an object of the output; None for what lies elsewhere."""
        name = location.removeprefix(self._root)
        return None if name == location else name

    def _elsewhere(self, location: str) -> FileIO:
        others = {name: value for name, value in self.properties.items() if name != PY_IO_IMPL}
        return load_file_io(others, location)

    def _own(self, name: str) -> str:
        if name.split("/")[1:2] != [METADATA_FOLDER]:
            raise StorageRefusedError(
                f"The catalogue would change {self._root}{name}, which is Fleet's.",
                "If others have changed the table's properties: drop it, and publish again.",
            )
        return name


class _Input(InputFile):
    def __init__(self, folder: Folder, name: str, location: str) -> None:
        super().__init__(location)
        self._folder = folder
        self._name = name

    def __len__(self) -> int:
        return self._entry().bytes

    def exists(self) -> bool:
        """Whether it is there."""
        return self._folder.exists(self._name)

    def open(self, seekable: bool = True) -> InputStream:  # noqa: ARG002 - it always is
        """Open it; raises FileNotFoundError where it is not there."""
        return RangedFile(self._folder, self._entry())

    def _entry(self) -> Entry:
        entry = self._folder.stat(self._name)
        if entry is None:
            raise FileNotFoundError(self.location)
        return entry


class _Output(OutputFile):
    def __init__(self, folder: Folder, name: str, location: str) -> None:
        super().__init__(location)
        self._folder = folder
        self._name = name

    def __len__(self) -> int:
        return len(self.to_input_file())

    def exists(self) -> bool:
        """Whether it is there."""
        return self._folder.exists(self._name)

    def to_input_file(self) -> InputFile:
        """Return it as an object to be read."""
        return _Input(self._folder, self._name, self.location)

    def create(self, overwrite: bool = False) -> OutputStream:
        """Open it for writing: it is put whole, when it is closed."""
        return _Written(self._folder, self._name, overwrite=overwrite)


class _Written(io.BytesIO):
    """Bytes that become an object when they are all there."""

    def __init__(self, folder: Folder, name: str, *, overwrite: bool) -> None:
        super().__init__()
        self._folder = folder
        self._name = name
        self._overwrite = overwrite

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Any:
        if error is not None:
            super().close()
        self.close()

    def close(self) -> None:
        """Put them, once."""
        if self.closed:
            return
        data = self.getvalue()
        super().close()
        if self._overwrite:
            self._folder.put(self._name, data)
        elif self._folder.create(self._name, data) is None:
            raise FileExistsError(self._name)
