"""Locations: their canonical form, where in which store they lie, and what names may be there."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote_to_bytes

from fleet.errors import UsageError
from fleet.storage.redaction import refuse_credentials

CLOUD_SCHEMES = frozenset({"s3", "obs", "gs", "az"})
"""The schemes that obstore serves; obs:// through its S3 interface."""
_DOTS = frozenset({".", ".."})
_NOT_A_PART = _DOTS | {""}
_NOT_IN_A_NAME = frozenset("\0\\")
"""NUL ends a path for the kernel, and a backslash is a slash to some stores and tools."""
_SYSTEM_FOLDER = re.compile(
    r"(?:^|/)(?:"
    r"__macosx|\.trashes|\.spotlight-v100|\.fseventsd|\.temporaryitems|\.documentrevisions-v100"
    r"|\.appledouble|\$recycle\.bin|recycler|system volume information"
    r"|lost\+found|\.trash-\d+|@eadir|\.@__thumb|@recycle|#recycle|#snapshot|\.snapshots?"
    r")/",
    re.IGNORECASE,
)
"""Folders that macOS, Windows, Linux and network drives keep for themselves: what was deleted,
snapshots, search indexes, small pictures."""


@dataclass(frozen=True)
class Location:
    """The parts of a location."""

    scheme: str
    """Such as s3; empty for local paths."""
    root: str
    """The bucket or container; empty where the scheme has none."""
    path: str
    """Within the root, without a leading slash; for local files the absolute path."""

    @property
    def store(self) -> str:
        """The prefix of all locations in the same store: s3://bucket."""
        return f"{self.scheme}://{self.root}" if self.scheme else ""

    @property
    def uri(self) -> str:
        """The whole location."""
        return at(self.store, self.path)


def at(store: str, path: str) -> str:
    """Return the location of a path within a store (`Location.store`)."""
    if not store or path.startswith(store):
        return path
    return f"{store}{path}" if store.endswith("/") else f"{store}/{path}".rstrip("/")


def canonical(uri: str) -> str:
    """Return the canonical form of a location: an absolute path for local files, else the URL.

    Raises UsageError where it carries credentials.
    """
    refuse_credentials(uri)
    return _absolute(uri)


def _absolute(uri: str) -> str:
    if uri.startswith("file://"):
        return os.path.abspath(_path_of_file(uri))  # noqa: PTH100 - keeps symlinks
    if "://" in uri:
        return uri
    return os.path.abspath(os.path.expanduser(uri))  # noqa: PTH100, PTH111 - strings in, strings out


def _path_of_file(uri: str) -> str:
    """Return the path in a file:// address; # and ? belong to it, as no file has a query."""
    host, slash, path = uri.removeprefix("file://").partition("/")
    if not slash or host not in {"", "localhost"}:
        raise UsageError(
            f"{uri} names no file: {host or 'nothing'} stands where a host does.",
            "Write it as file:///folder/file, with three slashes, or as a plain path.",
        )
    # The bytes of a name need not be text.
    return os.fsdecode(unquote_to_bytes(os.fsencode(f"/{path}")))


def parse_location(uri: str) -> Location:
    """Return the parts of a location, whatever an object that was listed may be called.

    Raises UsageError where it names no bucket.
    """
    scheme, colon, rest = _absolute(uri).partition("://")
    if not colon:
        return Location("", "", scheme)
    if scheme not in CLOUD_SCHEMES:
        return Location(scheme, "", rest)
    root, _, path = rest.partition("/")
    if not root:
        raise UsageError(f"{uri} names no bucket.", f"Write it as {scheme}://bucket/folder.")
    return Location(scheme, root, path.strip("/"))


def is_object_name(name: str) -> bool:
    """Return whether a name is that of one object below its folder, in a store of any kind.

    It is relative and has no empty part, no `.` and no `..`: those lead to another object, or out
    of the folder.
    """
    return _NOT_IN_A_NAME.isdisjoint(name) and _NOT_A_PART.isdisjoint(name.split("/"))


def has_dot_part(name: str) -> bool:
    """Return whether `.` or `..` is a part of a name: in an address it would mean another object.

    Stores of objects accept such names; clients take those parts out of every address.
    """
    return "/." in f"/{name}" and not _DOTS.isdisjoint(name.split("/"))


def suffix_of(path: str) -> str:
    """Return the extension of a path with its dot, as PurePosixPath has it; empty for none.

    A listing asks it of each name, for which a PurePosixPath takes as long as all else together.
    """
    name = path.rstrip("/").rpartition("/")[2]
    if name in {"", "."}:
        return PurePosixPath(path).suffix
    at = name.rfind(".")
    return name[at:] if 0 < at < len(name) - 1 else ""


def is_in_system_folder(name: str) -> bool:
    """Return whether a name lies below a folder that a system keeps for itself."""
    return _SYSTEM_FOLDER.search(name) is not None


def is_apple_double(name: str) -> bool:
    """Return whether a name is that of what macOS puts beside a file on other systems' disks."""
    return name.rpartition("/")[2].startswith("._")
