"""Local files, among them those of folders that several machines mount."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.core.format import size
from fleet.errors import AccessDeniedError, StorageRefusedError
from fleet.storage.error_mapping import UTF8, translate_os_error
from fleet.storage.location import is_in_system_folder
from fleet.storage.store import PreconditionFailedError, ReadResult, Stat
from fleet.storage.versioned_file import replace_version, temporary_file, version_of


class DiskStore:
    """Objects that are files, named by their absolute paths."""

    name = ""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock

    def list(self, folder: str, after: str = "") -> Iterator[Stat]:
        """See Store; objects come in the order of their names. The folder itself may be a link.

        A system's own folder that may not be read is listed as one empty object, with a slash at
        the end of its path. Any other one raises AccessDeniedError.
        """
        for stat in _walk(folder):
            if stat.path > after:
                yield stat

    def stat(self, path: str) -> Stat:
        """See Store; a folder is no object."""
        with _translating("read", path):
            found = os.stat(path)  # noqa: PTH116 - strings in, strings out
        if not _is_file(found):
            raise FileNotFoundError(path)
        return _stat(path, found)

    def read(self, path: str, start: int = 0, end: int | None = None, etag: str = "") -> ReadResult:
        """See Store."""
        # Of a small object, taking its path apart would take longer than reading it.
        with _translating("read", path), open(path, "rb", buffering=0) as file:  # noqa: PTH123
            found = os.fstat(file.fileno())
            stat = _stat(path, found)
            if etag and stat.etag != etag:
                raise PreconditionFailedError(path)
            stop = found.st_size if end is None else min(end, found.st_size)
            return ReadResult(_read(file.fileno(), start, stop), found.st_size, stat.etag)

    def put(self, path: str, data: bytes) -> None:
        """See Store; a temporary file in the same folder replaces the target."""
        with (
            _translating("written", path, is_new=True, takes=len(data)),
            temporary_file(Path(path), data) as written,
        ):
            written.replace(path)

    def create(self, path: str, data: bytes) -> str:
        """See Store."""
        with (
            _translating("written", path, is_new=True, takes=len(data)),
            temporary_file(Path(path), data) as written,
        ):
            try:
                # Unlike a rename, a link never replaces a file that exists, on NFS as well.
                os.link(written, path)
            except FileExistsError:
                raise PreconditionFailedError(path) from None
        return version_of(data)

    def replace(self, path: str, data: bytes, version: str) -> str:
        """See Store."""
        with _translating("written", path, takes=len(data)):
            replace_version(Path(path), data, version, self._clock)
        return version_of(data)

    def version(self, result: ReadResult) -> str:
        """See Store."""
        return version_of(result.data)

    def delete(self, path: str) -> None:
        """See Store."""
        with suppress(FileNotFoundError), _translating("deleted", path):
            os.unlink(path)  # noqa: PTH108 - strings in, strings out


@contextmanager
def _translating(what: str, path: str, *, is_new: bool = False, takes: int = 0) -> Iterator[None]:
    """Raise Fleet's errors for the system's, but FileNotFoundError for an object that is missing.

    One that `is_new` is not missing: then it is a place in which there can be none. `takes`: how
    many bytes are to be written.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not is_new:
            raise
        room = _room(path, takes)
        raise translate_os_error(f"{path} could not be {what}", error, room) from None
    except UnicodeEncodeError as error:
        raise StorageRefusedError(f"{path} could not be {what}: {error.reason}.", UTF8) from None


def _room(path: str, takes: int) -> str:
    """Return how much room there is for a file that takes more; empty where that is not why."""
    try:
        free = shutil.disk_usage(os.path.dirname(path)).free  # noqa: PTH120 - strings in and out
    except OSError:
        return ""
    return f": it has {size(takes)}, and {size(free)} are free" if free < takes else ""


def _walk(folder: str) -> Iterator[Stat]:
    """Yield the files below a folder, and links as such; each folder is read once."""
    levels = [iter(_entries(folder))]
    while levels:
        entry = next(levels[-1], None)
        if entry is None:
            levels.pop()
        elif entry.is_symlink():
            yield Stat(entry.path, 0, "", None, is_link=True)
        elif entry.is_dir(follow_symlinks=False):
            try:
                levels.append(iter(_entries(entry.path)))
            except AccessDeniedError:
                # Every file system's root has one, such as lost+found.
                if not is_in_system_folder(f"{entry.name}/"):
                    raise
                yield Stat(f"{entry.path}/", 0, "", None)
        else:
            # A file may vanish meanwhile, or become a link.
            with suppress(FileNotFoundError), _translating("read", entry.path):
                stat = entry.stat(follow_symlinks=False)
                if _is_file(stat):
                    yield _stat(entry.path, stat)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """Return what is in a folder, in the order of their paths; nothing where it is none."""
    try:
        with _translating("listed", folder), os.scandir(folder) as entries:
            # A folder is sorted by the paths of its files, so with a slash after its name.
            return sorted(entries, key=lambda e: e.path + "/" * e.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_file(found: os.stat_result) -> bool:
    return (found.st_mode & 0o170000) == 0o100000


def _stat(path: str, found: os.stat_result) -> Stat:
    # Six digits keep the microseconds; a plain float would print differently from time to time.
    etag = f"mtime-{found.st_mtime:.6f}-{found.st_size}"
    return Stat(path, found.st_size, etag, found.st_mtime)


def _read(file: int, start: int, stop: int) -> bytes:
    """Read bytes start <= i < stop; one system call returns at most 2 GB, or less."""
    parts = []
    while start < stop:
        part = os.pread(file, stop - start, start)
        if not part:
            break
        parts.append(part)
        start += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
