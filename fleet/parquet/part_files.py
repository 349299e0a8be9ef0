"""The parts of an output as files that Arrow opens when it reads them, and drops afterwards."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fleet.parquet.arrow_threads import watch
from fleet.parquet.ranged_file import RangedFile
from fleet.storage import Entry, Folder

if TYPE_CHECKING:
    import pyarrow.dataset as ds

_SIZE = "?bytes="


def dataset_of(folder: Folder, schema: pa.Schema, parts: Sequence[Entry]) -> ds.Dataset:
    """Return Parquet objects of a folder as one dataset; nothing is read, and no file is opened."""
    # It loads pandas where that is installed: a quarter of a second that workers do without.
    import pyarrow.dataset as ds  # noqa: PLC0415
    from pyarrow.fs import FSSpecHandler, PyFileSystem  # noqa: PLC0415

    files = _PartFiles(folder)
    opener = PyFileSystem(FSSpecHandler(files))
    kind = ds.ParquetFileFormat()
    fragments = [kind.make_fragment(f"{part.name}{_SIZE}{part.bytes}", opener) for part in parts]
    dataset = ds.FileSystemDataset(fragments, schema, kind)
    # While the dataset lives, no thread is the last one to hold them.
    weakref.finalize(dataset, watch, files).atexit = False
    return dataset


class _PartFiles:
    """A file system of one folder; a path is the name of an object, and its size as listed.

    It has what Arrow asks of file systems of fsspec's kind, without loading fsspec.
    """

    protocol = "parts"

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def info(self, path: str) -> dict[str, Any]:
        """Return what the path says of the object; the store is not asked."""
        return {"name": path, "size": _entry(path).bytes, "type": "file"}

    def isfile(self, _: str) -> bool:
        """Return whether it is one: it was when it was listed."""
        return True

    def open(self, path: str, mode: str) -> RangedFile:
        """Open it to be read, which is all that Arrow does with parts."""
        assert mode == "rb"
        return RangedFile(self._folder, _entry(path))


def _entry(path: str) -> Entry:
    name, _, size = path.rpartition(_SIZE)
    return Entry(name, int(size), "")
