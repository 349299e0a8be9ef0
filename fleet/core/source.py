"""One object in storage, in one version."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Source:
    """One object in storage: `etag` changes when its bytes do (mtime and size stand in for it)."""

    uri: str
    bytes: int
    etag: str
