"""What the pictures of a scanned stream say, in columns: keys, display order, what is shown."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from fleet.core.access_unit import NO_NALS, NalUnits
from fleet.video.h26x.access_unit import is_auxiliary
from fleet.video.h26x.annexb import from_sample
from fleet.video.h26x.coded_picture import CodedPicture, PictureReader
from fleet.video.h26x.h264_chain import ReferenceChain
from fleet.video.h26x.h264_pictures import H264Pictures
from fleet.video.h26x.h265_pictures import H265Pictures
from fleet.video.h26x.parameter_sets import ParameterSets, from_unit, has_sequence


def picture_reader(codec: str, parameter_sets: NalUnits) -> PictureReader:
    """A reader for `h264` or `hevc`; ValueError where the parameter sets are damaged."""
    reader: PictureReader = H264Pictures() if codec == "h264" else H265Pictures()
    reader.learn(parameter_sets)
    return reader


class PictureLog:
    """Reads packets in decode order and keeps a row of facts of each.

    `in_band`: where the header has no parameter sets, the first that came with a picture.
    """

    def __init__(self, codec: str, sets: ParameterSets) -> None:
        self.in_band = NO_NALS
        self._codec = codec
        self._lacks_sets = not has_sequence(codec, sets.nals)
        self._nal_length_bytes = sets.nal_length_bytes
        self._reader = picture_reader(codec, sets.nals)
        self._flags = {name: bytearray() for name in ("opens", "restarts", "mute", "beside")}
        self._sequence, self._order_count = array("q"), array("q")
        self._damaged = bytearray()
        self._chain = ReferenceChain(sets.nals) if codec == "h264" else None
        self._gaps = 0

    def add(self, sample: bytes) -> None:
        """Read a packet as it lies in the container; one that makes no sense is kept as damaged."""
        picture, damaged = None, False
        try:
            nals = from_sample(sample, self._nal_length_bytes)
            if self._lacks_sets and has_sequence(self._codec, nals):
                self.in_band = from_unit(self._codec, nals)
                self._lacks_sets = False
            picture = self._reader.read(nals)
            self._gaps += self._chain is not None and not self._chain.continues(nals, 0)
            damaged = picture is None and not is_auxiliary(self._codec, nals)
        except ValueError:
            damaged = True
        self._damaged.append(damaged)
        self._append(picture, damaged=damaged)

    def _append(self, picture: CodedPicture | None, *, damaged: bool) -> None:
        # What has no place of its own stands right behind the picture before it.
        place = (self._sequence[-1], self._order_count[-1]) if self._sequence else (0, 0)
        if picture is not None:
            place = picture.sequence, picture.order_count
        beside = picture.second_field if picture is not None else not damaged
        self._flags["opens"].append(picture is not None and picture.is_random_access)
        self._flags["restarts"].append(picture is not None and picture.is_idr)
        self._flags["mute"].append(picture is not None and picture.not_output)
        self._flags["beside"].append(beside)
        self._sequence.append(place[0])
        self._order_count.append(place[1])

    @property
    def is_random_access(self) -> NDArray[np.bool_]:
        """Rows at which decoding may begin."""
        return np.array(self._flags["opens"], np.bool_)

    @property
    def is_idr(self) -> NDArray[np.bool_]:
        """Rows after which nothing refers to what came before."""
        return np.array(self._flags["restarts"], np.bool_)

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Rows that give a frame: those of `frames`, but for pictures that are not given out.

        Behind damage, that cannot be told; they count, so that none is left out unsaid.
        """
        certain = ~np.logical_or.accumulate(self.damaged)
        return self.frames & ~(np.array(self._flags["mute"], np.bool_) & certain)

    @property
    def damaged(self) -> NDArray[np.bool_]:
        """Rows that make no sense."""
        return np.array(self._damaged, np.bool_)

    @property
    def whole(self) -> bool:
        """Whether no packet is damaged or missing, so that display order is known for certain."""
        return not any(self._damaged) and not self._gaps

    @property
    def frames(self) -> NDArray[np.bool_]:
        """Rows that begin a picture: no second fields, no packets without a picture."""
        return ~np.array(self._flags["beside"], np.bool_)

    @property
    def ranks(self) -> NDArray[np.int64]:
        """The place of each row's picture in display order; other rows share that before them."""
        frames = np.flatnonzero(self.frames)
        counts, sequences = np.array(self._order_count), np.array(self._sequence)
        order = frames[np.lexsort((counts[frames], sequences[frames]))]
        ranks = np.zeros(len(counts), np.int64)
        ranks[order] = np.arange(len(order))
        owner = np.where(self.frames, np.arange(len(counts)), 0)
        return ranks[np.maximum.accumulate(owner)]


def displayable(
    shown: NDArray[np.bool_], pts: NDArray[np.int64], first_key: int, *, leading_lost: bool
) -> NDArray[np.bool_]:
    """Mark what a decode from the file's start gives no frame for: bool by row.

    That is what stands before the first key, and, where `leading_lost`, the pictures shown before
    it: an H.264 stream that begins at a recovery point lacks what they refer to, and decoders drop
    them.
    """
    left = shown.copy()
    left[:first_key] = False
    if leading_lost:
        left[first_key:] &= pts[first_key:] >= pts[first_key]
    return left
