"""Files that are put whole, and replaced only in the version that was seen, on NFS as well.

flock keeps no two hosts apart here: it needs a file that is open for writing, which a folder never
is (flock(2), "NFS details"). What a server of NFS does guarantee is enough:

* LINK and RENAME happen there one after the other. A link is made only where its name is free, and
  a rename replaces its target whole, or fails where its source is gone (RFC 1813, 3.3.14 and
  3.3.15: "must be atomic to the client").
* An answer may be lost and the request sent again, so that what was done is said to have failed
  (open(2), O_EXCL). Therefore it is looked at what is there, not only at what was answered.
* Who opens a file after another host has closed it gets that host's bytes (nfs(5), close-to-open).

So who wants to replace a version claims it, by linking a file that holds its mark to a name made of
the version. It lays its bytes ready under a name made of the mark, compares, and renames. Others
wait. If nothing happens for STALLED_S, they delete the bytes that lie ready: then the rename fails,
however late it comes, and the next claim on the version can be made. A claim is deleted only once
the file has another version, as a version that is gone does not come back.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fleet.clock import Clock
from fleet.storage.store import PreconditionFailedError

STALLED_S = 5.0
"""A claim takes some milliseconds; after so long, by the clock of whoever waits, it is revoked."""
_LOOK_S = 0.05
_MARK = re.compile(rb"[0-9a-f]{32}")


def version_of(data: bytes) -> str:
    """Return the version of a file: the digest of its bytes, as times of change are too coarse."""
    return hashlib.sha256(data).hexdigest()


@contextmanager
def temporary_file(path: Path, data: bytes, mark: str = "") -> Iterator[Path]:
    """Yield a file beside `path` that holds `data` and is flushed to the disk; remove it after.

    `mark` becomes a part of its name; a new one where it is empty.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path, mark or uuid.uuid4().hex)
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _beside(path: Path, mark: str) -> Path:
    # With a leading dot and .tmp at the end no glob for *.parquet matches it.
    return path.with_name(f".{path.name}.{mark}.tmp")


def replace_version(path: Path, data: bytes, version: str, clock: Clock) -> None:
    """Replace a file whose version is `version`; of several callers, on any host, one does.

    Raises PreconditionFailedError where it has another version, or is not there.
    """
    _check(path, version)
    mark = uuid.uuid4().hex
    claims = _Claims(path, version)
    try:
        with temporary_file(path, data, mark) as ready:
            claims.take(mark, clock)
            _check(path, version)
            _rename(ready, path, data)
    finally:
        if _version(path) != version:
            claims.delete()


class _Claims:
    """The claims on one version of a file, as one caller has seen them."""

    def __init__(self, path: Path, version: str) -> None:
        self._path = path
        self._version = version
        self._number = 0

    def take(self, mark: str, clock: Clock) -> None:
        """Claim the version, once those who claimed it before have come to an end."""
        with temporary_file(self._path, mark.encode(), f"{mark}.claim") as own:
            self._number = 1
            while (holder := self._claim(own)) != mark.encode():
                if holder is None:
                    # It was deleted, which is done only where the file has another version.
                    _check(self._path, self._version)
                    continue
                if _MARK.fullmatch(holder):
                    ready = _beside(self._path, holder.decode())
                    _outlast(self._path, self._version, ready, clock)
                self._number += 1

    def _claim(self, own: Path) -> bytes | None:
        """Make the claim of this number, if it is free; return who has it, None for nobody."""
        name = claim_name(self._path, self._version, self._number)
        with suppress(FileExistsError):
            name.hardlink_to(own)
        return _read(name)

    def delete(self) -> None:
        """Delete them; for a version that the file has no longer."""
        for number in range(1, self._number + 1):
            claim_name(self._path, self._version, number).unlink(missing_ok=True)


def claim_name(path: Path, version: str, number: int) -> Path:
    """Return the name of a claim on a version of a file."""
    return _beside(path, f"{version[:32]}.{number}")


def _outlast(path: Path, version: str, ready: Path, clock: Clock) -> None:
    """Wait until the bytes that another has ready are gone; delete them where that takes long."""
    since_s = clock.steady_s()
    while ready.exists() and clock.steady_s() - since_s < STALLED_S:
        _check(path, version)
        clock.sleep(_LOOK_S)
    ready.unlink(missing_ok=True)


def _rename(ready: Path, path: Path, data: bytes) -> None:
    try:
        ready.replace(path)
    except FileNotFoundError:
        # Another has revoked the claim, unless the rename was done and its answer lost.
        if _read(path) != data:
            raise PreconditionFailedError(str(path)) from None


def _check(path: Path, version: str) -> None:
    if _version(path) != version:
        raise PreconditionFailedError(str(path))


def _version(path: Path) -> str | None:
    data = _read(path)
    return None if data is None else version_of(data)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
