"""What follows from a stream alone, worked out once for all videos that are coded alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from fleet.video.stream import StreamInfo

MOST_KINDS = 256
"""Streams that are remembered at most."""
_Found = TypeVar("_Found")


class OfStream(Generic[_Found]):
    """A function of a stream that remembers what it returned; safe to call from several threads.

    Streams are told apart by which object they are, as comparing all their fields takes as long as
    many an answer: the kept indexes of one camera share theirs.
    """

    def __init__(self, find: Callable[[StreamInfo], _Found]) -> None:
        self._find = find
        self._known: dict[int, tuple[StreamInfo, _Found]] = {}

    def __call__(self, stream: StreamInfo) -> _Found:
        """Return what the function returns of a stream."""
        known = self._known.get(id(stream))
        if known is None:
            # The stream is held as well: another one may get the place in memory of one that ends.
            known = stream, self._find(stream)
            if len(self._known) >= MOST_KINDS:
                self._known.clear()
            self._known[id(stream)] = known
        return known[1]
