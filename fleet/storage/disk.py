"""Local files, among them those of folders that several machines mount."""

from __future__ import annotations

import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fleet.storage.error_mapping import translate_os_error
from fleet.storage.store import PreconditionFailedError, ReadResult, Stat


class DiskStore:
    """Objects that are files, named by their absolute paths."""

    name = ""

    def list(self, folder: str, after: str = "") -> Iterator[Stat]:
        """See Store; objects come in the order of their names, and links are followed."""
        for stat in _walk(folder, frozenset()):
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
        with _translating("read", path), Path(path).open("rb", buffering=0) as file:
            found = os.fstat(file.fileno())
            stat = _stat(path, found)
            if etag and stat.etag != etag:
                raise PreconditionFailedError(path)
            stop = found.st_size if end is None else min(end, found.st_size)
            return ReadResult(_read(file.fileno(), start, stop), found.st_size, stat.etag)

    def put(self, path: str, data: bytes) -> None:
        """See Store; a temporary file in the same folder replaces the target."""
        with _translating("written", path), _temporary_file(Path(path), data) as written:
            written.replace(path)

    def create(self, path: str, data: bytes) -> str:
        """See Store."""
        with _translating("written", path), _temporary_file(Path(path), data) as written:
            try:
                # Unlike a rename, a link never replaces a file that exists, on NFS as well.
                os.link(written, path)
            except FileExistsError:
                raise PreconditionFailedError(path) from None
        return _digest(data)

    def replace(self, path: str, data: bytes, version: str) -> str:
        """See Store; a lock on the folder keeps callers apart."""
        target = Path(path)
        with (
            _translating("written", path),
            _locked(target.parent),
            _temporary_file(target, data) as written,
        ):
            try:
                found = target.read_bytes()
            except FileNotFoundError:
                raise PreconditionFailedError(path) from None
            if _digest(found) != version:
                raise PreconditionFailedError(path)
            written.replace(target)
        return _digest(data)

    def version(self, result: ReadResult) -> str:
        """See Store; it is the digest of the bytes, as times of change are too coarse."""
        return _digest(result.data)

    def delete(self, path: str) -> None:
        """See Store."""
        with suppress(FileNotFoundError), _translating("deleted", path):
            Path(path).unlink()


@contextmanager
def _translating(what: str, path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise translate_os_error(f"{path} could not be {what}", error) from None


def _walk(folder: str, ancestors: frozenset[tuple[int, int]]) -> Iterator[Stat]:
    """Yield the files below a folder; a link back to one of `ancestors` (device, inode) ends it."""
    try:
        with _translating("listed", folder):
            here = os.stat(folder)  # noqa: PTH116 - strings in, strings out
            with os.scandir(folder) as entries:
                # A folder is sorted by the paths of its files, so with a slash after its name.
                found = sorted((e.path + "/" * e.is_dir(), e) for e in entries)
    except (FileNotFoundError, NotADirectoryError):
        return
    identity = (here.st_dev, here.st_ino)
    if identity in ancestors:
        return
    for name, entry in found:
        if name.endswith("/"):
            yield from _walk(entry.path, ancestors | {identity})
        else:
            # A file may vanish meanwhile, and a link may lead nowhere.
            with suppress(FileNotFoundError), _translating("read", entry.path):
                stat = entry.stat()
                if _is_file(stat):
                    yield _stat(entry.path, stat)


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


@contextmanager
def _temporary_file(path: Path, data: bytes) -> Iterator[Path]:
    """Yield a file beside `path` that holds `data` and is flushed to the disk; remove it after."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # With a leading dot and .tmp at the end no glob for *.parquet matches it.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
