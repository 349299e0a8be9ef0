"""Locations: their one name, the file system that holds them, and its troubles."""

from __future__ import annotations

import os
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem
from obstore.exceptions import BaseError

from fleet.errors import StorageError, UsageError
from fleet.video.index import Source

_OBSTORE_SCHEMES = ("s3", "gs", "az")
TROUBLE = (OSError, BaseError)
"""What a store's client raises when the store does not answer as it should."""


def canonical(uri: str) -> str:
    """Give a location its one name: an absolute path for local files, else the URL as it is."""
    if uri.startswith("file://"):
        return os.path.abspath(unquote(urlsplit(uri).path))  # noqa: PTH100 - keeps symlinks
    if "://" in uri:
        return uri
    return os.path.abspath(os.path.expanduser(uri))  # noqa: PTH100, PTH111 - strings in, strings out


def trouble(what: str, error: Exception) -> StorageError:
    """Put a client's exception into a sentence of ours."""
    # A client's message goes on for a page; its first line says what happened.
    reason = str(error).partition("\n")[0] or type(error).__name__
    return StorageError(f"{what}: {reason}")


@cache
def _register_obstore() -> None:
    from obstore.fsspec import register  # noqa: PLC0415 - only where an object store is named

    for scheme in _OBSTORE_SCHEMES:
        register(scheme)


def open_filesystem(uri: str) -> tuple[Any, str]:
    """Open the file system that holds `uri`: it, and the path within it."""
    if "://" not in uri:
        return LocalFileSystem(), uri
    scheme = uri.partition("://")[0]
    if scheme in _OBSTORE_SCHEMES:
        _register_obstore()
    try:
        filesystem, path = fsspec.url_to_fs(uri)
    except (ValueError, ImportError) as error:
        known = "a local path, file://, memory://, s3://, gs:// or az://"
        raise UsageError(f"{uri} cannot be opened: {error}.", f"Use {known}.") from error
    return filesystem, path


def joined(uri: str, path: str) -> str:
    """Write a path that a file system listed as a location of ours."""
    if "://" not in uri:
        return path
    scheme = uri.partition("://")[0]
    return f"{scheme}://{path.removeprefix(f'{scheme}://').lstrip('/')}"


def source_of(uri: str, info: dict[str, Any]) -> Source:
    """Read size and version from what a file system tells of an object."""
    size = int(info["size"] or 0)
    for key in ("ETag", "e_tag", "etag", "md5Hash"):
        if info.get(key):
            return Source(uri, size, str(info[key]).strip('"'))
    stamp = info.get("mtime") or info.get("LastModified") or info.get("created")
    if isinstance(stamp, float):
        # As text, microseconds survive; as a float in a name they would print differently.
        stamp = f"{stamp:.6f}"
    return Source(uri, size, f"mtime-{stamp}-{size}")
