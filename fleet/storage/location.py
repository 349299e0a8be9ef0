"""Locations: their canonical form, and where in which store they lie."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from fleet.errors import UsageError
from fleet.storage.redaction import refuse_credentials

CLOUD_SCHEMES = frozenset({"s3", "obs", "gs", "az"})
"""The schemes that obstore serves; obs:// through its S3 interface."""


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
        return os.path.abspath(unquote(urlsplit(uri).path))  # noqa: PTH100 - keeps symlinks
    if "://" in uri:
        return uri
    return os.path.abspath(os.path.expanduser(uri))  # noqa: PTH100, PTH111 - strings in, strings out


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
