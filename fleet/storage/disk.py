"""Local files, and folders that several machines mount."""

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
    """Objects are files, named by their absolute paths."""

    name = ""

    def list(self, folder: str, after: str = "") -> Iterator[Stat]:
        """See Store; in the order of the names, links followed."""
        for stat in _walk(folder, frozenset()):
            if stat.path > after:
                yield stat

    def stat(self, path: str) -> Stat:
        """See Store; a folder is no object."""
        with _answering("read", path):
            found = os.stat(path)  # noqa: PTH116 - strings in, strings out
        if not _is_file(found):
            raise FileNotFoundError(path)
        return _stat(path, found)

    def read(self, path: str, start: int = 0, end: int | None = None, etag: str = "") -> ReadResult:
        """See Store."""
        with _answering("read", path), Path(path).open("rb", buffering=0) as file:
            found = os.fstat(file.fileno())
            stat = _stat(path, found)
            if etag and stat.etag != etag:
                raise PreconditionFailedError(path)
            stop = found.st_size if end is None else min(end, found.st_size)
            return ReadResult(_read(file.fileno(), start, stop), found.st_size, stat.etag)

    def put(self, path: str, data: bytes) -> None:
        """See Store; written beside the target, which it then replaces."""
        with _answering("written", path), _beside(Path(path), data) as written:
            written.replace(path)

    def create(self, path: str, data: bytes) -> str:
        """See Store."""
        with _answering("written", path), _beside(Path(path), data) as written:
            try:
                # Unlike a rename, a link never replaces what is there, on NFS as well.
                os.link(written, path)
            except FileExistsError:
                raise PreconditionFailedError(path) from None
        return _digest(data)

    def replace(self, path: str, data: bytes, version: str) -> str:
        """See Store; those who replace take turns, by a lock on the folder."""
        target = Path(path)
        with _answering("written", path), _locked(target.parent), _beside(target, data) as written:
            try:
                found = target.read_bytes()
            except FileNotFoundError:
                raise PreconditionFailedError(path) from None
            if _digest(found) != version:
                raise PreconditionFailedError(path)
            written.replace(target)
        return _digest(data)

    def version(self, answer: ReadResult) -> str:
        """See Store: the digest of its bytes; times of change are too coarse to tell."""
        return _digest(answer.data)

    def delete(self, path: str) -> None:
        """See Store."""
        with suppress(FileNotFoundError), _answering("deleted", path):
            Path(path).unlink()


@contextmanager
def _answering(what: str, path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise translate_os_error(f"{path} could not be {what}", error) from None


def _walk(folder: str, above: frozenset[tuple[int, int]]) -> Iterator[Stat]:
    """Yield the files below a folder; `above`: the folders around it, lest a link leads back."""
    try:
        with _answering("listed", folder):
            here = os.stat(folder)  # noqa: PTH116 - strings in, strings out
            with os.scandir(folder) as entries:
                # A folder stands where its files' paths do.
                found = sorted((e.path + "/" * e.is_dir(), e) for e in entries)
    except (FileNotFoundError, NotADirectoryError):
        return
    identity = (here.st_dev, here.st_ino)
    if identity in above:
        return
    for name, entry in found:
        if name.endswith("/"):
            yield from _walk(entry.path, above | {identity})
        else:
            # What vanishes meanwhile, and links that lead nowhere.
            with suppress(FileNotFoundError), _answering("read", entry.path):
                stat = entry.stat()
                if _is_file(stat):
                    yield _stat(entry.path, stat)


def _is_file(found: os.stat_result) -> bool:
    return (found.st_mode & 0o170000) == 0o100000


def _stat(path: str, found: os.stat_result) -> Stat:
    # As text, microseconds survive; as a float in a name they would print differently.
    etag = f"mtime-{found.st_mtime:.6f}-{found.st_size}"
    return Stat(path, found.st_size, etag, found.st_mtime)


def _read(file: int, start: int, stop: int) -> bytes:
    """Read a span; one call gives at most 2 GB, and less where it is interrupted."""
    parts = []
    while start < stop:
        part = os.pread(file, stop - start, start)
        if not part:
            break
        parts.append(part)
        start += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


@contextmanager
def _beside(path: Path, data: bytes) -> Iterator[Path]:
    """Write beside the target, whole and on the disk; what is left of it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A dot in front and .tmp behind: no glob for *.parquet sees it.
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield beside
    finally:
        beside.unlink(missing_ok=True)


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
