"""What a video decoder takes: one compressed picture, as NAL units in Annex-B form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

START_CODE = b"\0\0\1"
"""What stands before each NAL unit in Annex-B form; more zeros may stand before it."""


@dataclass(frozen=True)
class NalUnits:
    """NAL units of H.264 or H.265 in Annex-B form, and where each one lies.

    The offsets are found once, by what makes the bytes; no later step searches for start codes.
    """

    data: bytes
    """The NAL units, start codes and all."""
    offsets: tuple[int, ...]
    """Where each NAL unit's header lies in `data`, right behind a start code, in rising order."""

    def __post_init__(self) -> None:
        previous = 0
        for offset in self.offsets:
            inside = previous < offset < len(self.data)
            if not inside or not self.data.startswith(START_CODE, offset - 3):
                raise ValueError(f"no NAL unit begins at byte {offset} of {self!r}")
            previous = offset

    def __len__(self) -> int:
        return len(self.offsets)

    def __repr__(self) -> str:
        return f"NalUnits({len(self.offsets)} in {len(self.data)} bytes)"

    def __iter__(self) -> Iterator[bytes]:
        return (self[number] for number in range(len(self.offsets)))

    def __getitem__(self, number: int) -> bytes:
        """Return a NAL unit, header first, without its start code and without trailing zeros."""
        start, following = self.offsets[number], number + 1
        if following < len(self.offsets):
            return self.data[start : self.offsets[following] - 3].rstrip(b"\0")
        # A start code at the very end begins no NAL unit.
        return self.data[start:].removesuffix(START_CODE).rstrip(b"\0")

    def __add__(self, other: NalUnits) -> NalUnits:
        """Return these NAL units, followed by others."""
        shifted = (len(self.data) + offset for offset in other.offsets)
        return NalUnits(self.data + other.data, (*self.offsets, *shifted))


NO_NALS = NalUnits(b"", ())


@dataclass(frozen=True)
class AccessUnit:
    """One compressed picture as VDEC takes it."""

    nals: NalUnits
    """The picture's NAL units, with parameter sets and messages where the stream has them."""
    row: int
    """The number that the picture carries through the decoder: its row in the packet table.

    It is unique within one decode.
    """
    key: bool
    """Whether decoding may begin here."""
    wanted: bool
    """False sends the picture as a skipped frame: it is decoded for others to refer to, and no
    picture is returned (aclvdecSendSkippedFrame).
    """

    def __post_init__(self) -> None:
        if not self.nals.data:
            raise ValueError(f"access unit {self.row} is empty")

    def __repr__(self) -> str:
        return f"AccessUnit(row={self.row}, {self.nals!r}, key={self.key})"
