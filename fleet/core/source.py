"""The object that a video is read from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Source:
    """One object in storage, in one version."""

    uri: str
    bytes: int
    """Its size."""
    etag: str
    """What changes when its bytes do: the store's etag, or mtime and size where there is none."""
