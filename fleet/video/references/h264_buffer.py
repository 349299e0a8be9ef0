"""The pictures that an H.264 decoder keeps, and those that each picture may refer to.

Followed by the headers of slices alone, as the standard says (8.2.4, 8.2.5): the lists of
references at their beginning, what the commands make of them, and which pictures are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fleet.video.references.h264_header import Commands, Head

_LOWER, _HIGHER, _LONG = 0, 1, 2
_FORGET, _FORGET_LONG, _MAKE_LONG, _MOST_LONG, _FORGET_ALL, _IS_LONG = 1, 2, 3, 4, 5, 6


class _Kept(NamedTuple):
    """A picture that is kept."""

    frame_num: int
    order: int
    row: int


class H264Buffer:
    """Follows the kept pictures of one stream, frame by frame in decode order."""

    def __init__(self) -> None:
        self._short: list[_Kept] = []
        """The latest first."""
        self._long: dict[int, _Kept] = {}
        self._previous: int | None = None

    @property
    def rows(self) -> frozenset[int]:
        """Return the rows of all pictures that later ones may refer to."""
        return frozenset(kept.row for kept in (*self._short, *self._long.values()))

    def follow(self, row: int, heads: Sequence[Head], order: int) -> frozenset[int]:
        """Return the rows that a picture's slices may refer to, and keep it where it is kept.

        `order`: its place in display order. Raises ValueError where a picture is missing before it,
        where a command speaks of one that is not kept, or where all are forgotten midway.
        """
        head = heads[0]
        if head.idr:
            self._short, self._long = [], {}
        else:
            self._check_number(head)
        referred: set[int] = set()
        for one in heads:
            referred.update(self._referred(one, order))
        if head.nal_ref_idc:
            self._previous = head.frame_num
            self._mark(head, _Kept(head.frame_num, order, row))
        return frozenset(referred)

    def _check_number(self, head: Head) -> None:
        expected = ((self._previous or 0) + 1) % (1 << head.sps.frame_num_bits)
        if self._previous is not None and head.frame_num != expected:
            raise ValueError("a picture is missing before this one")

    def _referred(self, head: Head, order: int) -> set[int]:
        found: set[int] = set()
        for number, count in enumerate(head.active):
            pictures = self._list(head, order, number)
            for place, command in enumerate(self._chosen(head, head.changes[number])):
                # The command puts its picture there, and takes it out behind.
                pictures[place:] = [
                    command,
                    *(kept for kept in pictures[place:] if kept != command),
                ]
            if len(pictures) < count:
                # What a decoder takes for those that are missing is one of these.
                return set(self.rows)
            found.update(kept.row for kept in pictures[:count])
        return found

    def _list(self, head: Head, order: int, number: int) -> list[_Kept]:
        """Return a list as it is before commands reorder it (8.2.4.2)."""
        long = [self._long[index] for index in sorted(self._long)]
        if not head.is_b:
            wrapped = [self._wrapped(kept, head) for kept in self._short]
            places = sorted(range(len(wrapped)), key=lambda place: -wrapped[place])
            return [self._short[place] for place in places] + long
        before = sorted((k for k in self._short if k.order < order), key=lambda k: -k.order)
        behind = sorted((k for k in self._short if k.order >= order), key=lambda k: k.order)
        lists = before + behind + long, behind + before + long
        if number and len(lists[1]) > 1 and lists[0] == lists[1]:
            return [lists[1][1], lists[1][0], *lists[1][2:]]
        return lists[number]

    def _chosen(self, head: Head, changes: Commands) -> list[_Kept]:
        """Return the pictures that the commands name, in their order (8.2.4.3)."""
        modulus = 1 << head.sps.frame_num_bits
        number = head.frame_num
        chosen: list[_Kept] = []
        for operation, value in changes:
            if operation == _LONG:
                chosen.append(_found(self._long, value))
                continue
            number += -(value + 1) if operation == _LOWER else value + 1
            number %= modulus
            chosen.append(self._numbered(number))
        return chosen

    def _numbered(self, frame_num: int) -> _Kept:
        for kept in self._short:
            if kept.frame_num == frame_num:
                return kept
        raise ValueError("a slice names a picture that is not kept")

    @staticmethod
    def _wrapped(kept: _Kept, head: Head) -> int:
        beyond = kept.frame_num > head.frame_num
        return kept.frame_num - beyond * (1 << head.sps.frame_num_bits)

    def _mark(self, head: Head, picture: _Kept) -> None:
        """Keep a picture, and forget others for it (8.2.5)."""
        if head.marking is None:
            if len(self._short) + len(self._long) >= max(1, head.sps.sequence.reference_frames):
                if not self._short:
                    raise ValueError("no picture makes place for this one")
                self._short.remove(min(self._short, key=lambda kept: self._wrapped(kept, head)))
            self._short.insert(0, picture)
            return
        becomes_long = False
        for operation, *values in head.marking:
            becomes_long |= self._apply(operation, values, head, picture)
        if not becomes_long:
            self._short.insert(0, picture)
        if len(self._short) + len(self._long) > max(1, head.sps.sequence.reference_frames):
            raise ValueError("more pictures are kept than there is place for")

    def _apply(self, operation: int, values: list[int], head: Head, picture: _Kept) -> bool:
        """Carry out one command; return whether it keeps the picture itself for long."""
        if operation in {_FORGET, _MAKE_LONG}:
            number = (head.frame_num - values[0] - 1) % (1 << head.sps.frame_num_bits)
            kept = self._numbered(number)
            self._short.remove(kept)
            if operation == _MAKE_LONG:
                self._long[values[1]] = kept
        elif operation == _FORGET_LONG:
            _found(self._long, values[0])
            del self._long[values[0]]
        elif operation == _MOST_LONG:
            self._long = {at: kept for at, kept in self._long.items() if at < values[0]}
        elif operation == _IS_LONG:
            self._long[values[0]] = picture
            return True
        else:
            raise ValueError("all pictures are forgotten midway, after which nothing is followed")
        return False


def _found(pictures: dict[int, _Kept], index: int) -> _Kept:
    if index not in pictures:
        raise ValueError("a slice names a picture that is not kept for long")
    return pictures[index]
