"""How a coded picture relates to the pictures around it, read from the headers of its slices."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from fleet.core.access_unit import NalUnits


class CodedPicture(NamedTuple):
    """One packet's picture."""

    is_random_access: bool
    """Whether a decoder that starts here decodes this and all pictures shown later exactly.

    H.264: an IDR picture, or an I picture at a recovery point with no frames to go. H.265: an IRAP
    picture.
    """
    is_idr: bool
    """Whether no later picture in the file refers to an earlier one: IDR, in H.265 also BLA."""
    not_output: bool
    """Whether a decoder that began at the stream's start gives no frame for it.

    H.265: a RASL picture behind a picture that restarts the stream, or pic_output_flag 0.
    """
    second_field: bool
    """Whether it completes the frame of the packet before."""
    sequence: int
    """Counts where display order starts again: sequences are shown one after another."""
    order_count: int
    """Its position in display order within its sequence; larger is later."""
    recovery_frames: int | None = None
    """H.264: after how many frames pictures are right where decoding begins here; None: unsaid."""
    drops_waiting: bool = False
    """H.265: whether pictures before it that still wait for display are never shown (C.5.2.2)."""
    reorder_frames: int = 0
    """H.265: how many pictures may wait for display at most."""


class SetsSent(Protocol):
    """The parameter sets that a stream has sent so far; see `ParameterSetStore`."""

    version: int
    """Rises whenever one is sent that differs from the one of its number before."""
    readings: int
    """Rises whenever slices may be read otherwise than before: by another SPS or PPS."""

    def learn(self, nal: bytes, /) -> None:
        """Take a NAL unit; raise ValueError where it is a parameter set that makes no sense."""

    def learn_all(self, nals: NalUnits, /) -> None:
        """Take each of some NAL units; raise ValueError where a parameter set makes no sense."""

    @property
    def in_force(self) -> tuple[bytes, ...]:
        """Return the latest set of each number: VPS, then SPS, then PPS, header first."""


class PictureReader(Protocol):
    """Reads the pictures of one stream, in decode order: order counts depend on earlier ones."""

    @property
    def sets(self) -> SetsSent:
        """The parameter sets that were sent so far."""

    def learn(self, parameter_sets: NalUnits) -> None:
        """Take parameter sets from the container's header."""

    def read(self, nals: NalUnits) -> CodedPicture | None:
        """Return the picture of a packet, or of its beginning; None where it holds no slice.

        Raises ValueError where the slice header makes no sense.
        """

    @property
    def follow(self) -> Callable[..., CodedPicture]:
        """Return what tells the next packet's picture by what was read of its slice elsewhere."""
