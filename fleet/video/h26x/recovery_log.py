"""Where the pictures of an H.264 stream become right that has no key: intra refresh (D.2.8)."""

from __future__ import annotations

from fleet.video.h26x.coded_picture import CodedPicture
from fleet.video.h26x.h264 import Sps
from fleet.video.h26x.h264_slice import Slice


class RecoveryLog:
    """Finds the first recovery point, and the picture from which on all are right."""

    def __init__(self) -> None:
        self.first: int | None = None
        """The row with the first recovery point; None: there was none so far."""
        self.recovered: int | None = None
        """The row from which on, in display order, pictures are right; None: none so far."""
        self._frame_num = 0

    def add(self, row: int, picture: CodedPicture, head: Slice, sps: Sps) -> None:
        """Take note of a picture; `head`, `sps`: its slice header, and what that refers to."""
        if self.recovered is not None:
            return
        if self.first is None and picture.recovery_frames is not None:
            modulus = 1 << sps.frame_num_bits
            self.first = row
            self._frame_num = (head.frame_num + picture.recovery_frames) % modulus
        if self.first is not None and head.reference and head.frame_num == self._frame_num:
            self.recovered = row
