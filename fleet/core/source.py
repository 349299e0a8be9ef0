"""The object that a video is read from, and very many of them in few bytes."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import overload

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


class Sources(Sequence[Source]):
    """Sources that are made as they are asked for; changed only by `append`.

    One takes the bytes of its address and version and 24 more, which is a third of what an object
    with its texts does: of an archive, all are held as long as a command lasts.
    """

    __slots__ = ("_bytes", "_ends", "_texts")

    def __init__(self, sources: Iterable[Source] = ()) -> None:
        self._texts = bytearray()
        # Where each text ends: address and version in turn.
        self._ends = array("q", [0])
        self._bytes = array("q")
        for source in sources:
            self.append(source)

    def append(self, source: Source) -> None:
        """Add one."""
        for text in (source.uri, source.etag):
            # The names of files may hold bytes that are no text.
            self._texts += text.encode("utf-8", "surrogatepass")
            self._ends.append(len(self._texts))
        self._bytes.append(source.bytes)

    def by_uri(self) -> Sources:
        """Return them in the order of their addresses; most stores list them so."""
        if all(one.uri <= other.uri for one, other in pairwise(self)):
            return self
        return Sources(sorted(self, key=lambda source: source.uri))

    def __len__(self) -> int:
        return len(self._bytes)

    @overload
    def __getitem__(self, place: int, /) -> Source: ...
    @overload
    def __getitem__(self, place: slice, /) -> tuple[Source, ...]: ...
    def __getitem__(self, place: int | slice, /) -> Source | tuple[Source, ...]:
        if isinstance(place, slice):
            return tuple(map(self._source, range(*place.indices(len(self)))))
        return self._source(range(len(self))[place])

    def __iter__(self) -> Iterator[Source]:
        return map(self._source, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sources):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]  # It may grow.

    def __repr__(self) -> str:
        return f"Sources({len(self):,} of them)"

    def _source(self, number: int) -> Source:
        first, middle, last = self._ends[2 * number : 2 * number + 3]
        uri, etag = self._texts[first:middle], self._texts[middle:last]
        return Source(_text(uri), self._bytes[number], _text(etag))


def _text(written: bytearray) -> str:
    return written.decode("utf-8", "surrogatepass")
