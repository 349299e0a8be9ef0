"""Locations: their one name, and where in which store they lie."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from fleet.errors import UsageError
from fleet.storage.redaction import refuse_credentials

CLOUD_SCHEMES = frozenset({"s3", "obs", "gs", "az"})
"""What obstore does the work for; obs:// through its S3 interface."""


@dataclass(frozen=True)
class Location:
    """A location taken apart.

    `scheme`: empty for local paths. `root`: the bucket or container, empty where a scheme has
    none. `path`: within the root, without a slash in front; of local files, the absolute path.
    """

    scheme: str
    root: str
    path: str

    @property
    def store(self) -> str:
        """What all locations of the same store begin with: s3://bucket."""
        return f"{self.scheme}://{self.root}" if self.scheme else ""

    @property
    def uri(self) -> str:
        """The location in one piece."""
        return at(self.store, self.path)


def at(store: str, path: str) -> str:
    """Write the location of a path within a store (`Place.store`)."""
    if not store or path.startswith(store):
        return path
    return f"{store}{path}" if store.endswith("/") else f"{store}/{path}".rstrip("/")


def canonical(uri: str) -> str:
    """Give a location its one name: an absolute path for local files, else the URL as it is.

    Raises UsageError where it carries credentials.
    """
    refuse_credentials(uri)
    if uri.startswith("file://"):
        return os.path.abspath(unquote(urlsplit(uri).path))  # noqa: PTH100 - keeps symlinks
    if "://" in uri:
        return uri
    return os.path.abspath(os.path.expanduser(uri))  # noqa: PTH100, PTH111 - strings in, strings out


def place(uri: str) -> Location:
    """Take a location apart; raises UsageError where it carries credentials, or no bucket."""
    scheme, colon, rest = canonical(uri).partition("://")
    if not colon:
        return Location("", "", scheme)
    if scheme not in CLOUD_SCHEMES:
        return Location(scheme, "", rest)
    root, _, path = rest.partition("/")
    if not root:
        raise UsageError(f"{uri} names no bucket.", f"Write it as {scheme}://bucket/folder.")
    return Location(scheme, root, path.strip("/"))
