"""What is known of one picture's references."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from fleet.core.access_unit import NalUnits


class Followed(NamedTuple):
    """One picture of a stream, followed in decode order."""

    refers: frozenset[int]
    """The rows of the pictures that it may refer to."""
    instead: Callable[[], NalUnits] | None
    """Makes what a decoder is fed in its place where no wanted picture refers to it, not even
    through others: nothing, or another picture; None where it has to be fed as it is."""


class References(Protocol):
    """Follows the references of one stream's pictures, as they are fed, in decode order."""

    @property
    def kept(self) -> frozenset[int]:
        """Return the rows of the pictures that later ones may refer to."""

    def follow(self, row: int, nals: NalUnits) -> Followed:
        """Return what is known of a picture's references.

        Raises ValueError where they cannot be known: then nor can those of the pictures behind it.
        """
