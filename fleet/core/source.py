"""The object that a video is read from."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STREAM = "#stream="
_OF_STREAM = re.compile(r"(.+)#stream=([0-9]{1,3})", re.DOTALL)


@dataclass(frozen=True, order=True, slots=True)
class Source:
    """One object in storage, in one version; or one video stream of it, where it has several."""

    uri: str
    """Its address; `address#stream=N` for the video stream N of it, from 0."""
    bytes: int
    """Its size."""
    etag: str
    """What changes when its bytes do: the store's etag, or mtime and size where there is none."""

    @property
    def object_uri(self) -> str:
        """Return the address of the object, whichever of its streams this is."""
        return split_stream(self.uri)[0]

    @property
    def stream(self) -> int | None:
        """Return the number of the video stream; None for the one that a player shows."""
        return split_stream(self.uri)[1]


def address_of_stream(uri: str, number: int) -> str:
    """Return the address of a video stream of an object."""
    return f"{uri}#stream={number}"


def split_stream(uri: str) -> tuple[str, int | None]:
    """Return the address of an object, and which of its video streams is meant, if it says so."""
    # Most have none, and a whole archive is asked.
    found = _OF_STREAM.fullmatch(uri) if _STREAM in uri else None
    return (found[1], int(found[2])) if found else (uri, None)
