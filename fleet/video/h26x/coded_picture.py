"""What a coded picture is to the pictures around it, read from the headers of its slices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fleet.core.access_unit import NalUnits


@dataclass(frozen=True)
class CodedPicture:
    """One packet's picture.

    `is_random_access`: a fresh decoder that starts here gives this picture and all that are shown
    after it exactly as they are (H.264: IDR, or an I picture at a recovery point with no distance
    to go; H.265: IRAP). `is_idr`: nothing that follows in the file refers to what came before.
    `not_output`: a decoder that began at the stream's start gives no frame for it (H.265: a RASL
    picture whose opening picture restarts the stream, or pic_output_flag 0). `second_field`:
    completes the frame of the packet before. `sequence`, `order_count`: display order; order counts
    compare within one sequence, and sequences are shown one after another.
    """

    is_random_access: bool
    is_idr: bool
    not_output: bool
    second_field: bool
    sequence: int
    order_count: int


class PictureReader(Protocol):
    """Reads the pictures of one stream, in decode order: order counts hang on those before."""

    def learn(self, parameter_sets: NalUnits) -> None:
        """Take parameter sets from the container's header."""

    def read(self, nals: NalUnits) -> CodedPicture | None:
        """Read a packet, or its beginning; None where it holds no slice.

        Raises ValueError where the slice header makes no sense.
        """
