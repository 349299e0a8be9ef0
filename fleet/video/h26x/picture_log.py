"""Facts of the pictures of a scanned stream, as columns: keys, display order, what is shown."""

from __future__ import annotations

from array import array
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from fleet.core.access_unit import NO_NALS, NalUnits
from fleet.video.h26x.access_unit import is_auxiliary
from fleet.video.h26x.annexb import from_sample
from fleet.video.h26x.coded_picture import CodedPicture, PictureReader
from fleet.video.h26x.h264_chain import FrameNumbers
from fleet.video.h26x.h264_pictures import H264Pictures
from fleet.video.h26x.h265_pictures import H265Pictures
from fleet.video.h26x.parameter_sets import ParameterSets, from_unit, has_sequence
from fleet.video.h26x.recovery_log import RecoveryLog
from fleet.video.h26x.sets_log import SetsLog


def picture_reader(codec: str, parameter_sets: NalUnits) -> PictureReader:
    """Return a reader for `h264` or `hevc`; raise ValueError for damaged parameter sets."""
    reader: PictureReader = H264Pictures() if codec == "h264" else H265Pictures()
    reader.learn(parameter_sets)
    return reader


_FLAGS = ("is_random_access", "is_idr", "not_output", "auxiliary")


class PictureLog:
    """Reads packets in decode order and keeps a row of facts of each."""

    def __init__(self, codec: str, sets: ParameterSets) -> None:
        self.in_band = NO_NALS
        """Where the header has no parameter sets: the first that came with a picture."""
        self.first_key = NO_NALS
        """The first picture at which decoding may begin."""
        self._codec = codec
        self._lacks_sets = not has_sequence(codec, sets.nals)
        self._nal_length_bytes = sets.nal_length_bytes
        self._reader = picture_reader(codec, sets.nals)
        self._flags = {name: bytearray() for name in _FLAGS}
        self._sequence, self._order_count = array("q"), array("q")
        self._damaged = bytearray()
        self._frame_numbers = FrameNumbers()
        self._gaps = 0
        self._steps = array("q")
        self.sets = SetsLog(self._reader.sets)
        """Which parameter sets are in force where."""
        self._waiting: list[tuple[int, int]] = []
        """Order count and row of the pictures that wait for display."""
        self._waiting_sequence = 0
        self.recovery = RecoveryLog()
        """H.264: where pictures become right where there is no key."""

    def add(self, sample: bytes, configuration: NalUnits | None = None) -> None:
        """Read a packet as it lies in the container; mark it as damaged where it makes no sense.

        `configuration`: parameter sets that the container brings in before it. Raises ValueError
        where these make no sense, or parameter sets change more often than can be kept.
        """
        if configuration is not None:
            self._reader.sets.learn_all(configuration)
            self.sets.after()
        row, picture = len(self._damaged), self._read(sample)
        is_key = picture is not None and (
            picture.is_random_access or picture.recovery_frames is not None
        )
        self.sets.before(row, begins=is_key, out_of_band=configuration is not None)
        self.sets.after()

    def _read(self, sample: bytes) -> CodedPicture | None:
        picture, damaged = None, False
        try:
            nals = from_sample(sample, self._nal_length_bytes)
            if self._lacks_sets and has_sequence(self._codec, nals):
                self.in_band = from_unit(self._codec, nals)
                self._lacks_sets = False
            picture = self._reader.read(nals)
            if picture is not None and picture.is_random_access and not self.first_key:
                self.first_key = nals
            self._gaps += not self._continues()
            if picture is not None and isinstance(self._reader, H264Pictures):
                assert self._reader.latest is not None
                self.recovery.add(len(self._damaged), picture, *self._reader.latest)
            damaged = picture is None and not is_auxiliary(self._codec, nals)
        except ValueError:
            damaged = True
            self._frame_numbers.latest_step = 0
        self._damaged.append(damaged)
        self._append(picture, damaged=damaged)
        return picture

    def _continues(self) -> bool:
        """Return whether no picture is missing before the latest; True for all but H.264."""
        if not isinstance(self._reader, H264Pictures):
            return True
        if self._reader.latest is None:
            self._frame_numbers.reset()
            return True
        return self._frame_numbers.continues(*self._reader.latest, left_out=0)

    def _append(self, picture: CodedPicture | None, *, damaged: bool) -> None:
        self._steps.append(self._frame_numbers.latest_step)
        # A packet without a readable picture is ordered with the picture before it.
        sequence, order_count = 0, 0
        if picture is not None:
            sequence, order_count = picture.sequence, picture.order_count
        elif self._sequence:
            sequence, order_count = self._sequence[-1], self._order_count[-1]
        auxiliary = picture.second_field if picture is not None else not damaged
        self._flags["is_random_access"].append(picture is not None and picture.is_random_access)
        self._flags["is_idr"].append(picture is not None and picture.is_idr)
        self._flags["not_output"].append(picture is not None and picture.not_output)
        self._flags["auxiliary"].append(auxiliary)
        self._sequence.append(sequence)
        self._order_count.append(order_count)
        if picture is not None:
            self._display(picture)

    def _display(self, picture: CodedPicture) -> None:
        """Note which H.265 pictures are never shown: they wait as another sequence begins."""
        if picture.drops_waiting:
            for _, row in self._waiting:
                self._flags["not_output"][row] = True
        if picture.drops_waiting or self._waiting_sequence != picture.sequence:
            self._waiting, self._waiting_sequence = [], picture.sequence
        if not picture.not_output:
            heappush(self._waiting, (picture.order_count, len(self._damaged) - 1))
            while len(self._waiting) > picture.reorder_frames:
                heappop(self._waiting)

    @property
    def is_random_access(self) -> NDArray[np.bool_]:
        """Return whether decoding may begin at each row: bool [rows]."""
        return np.array(self._flags["is_random_access"], np.bool_)

    @property
    def is_idr(self) -> NDArray[np.bool_]:
        """Return whether no row after each one refers to a row before it: bool [rows]."""
        return np.array(self._flags["is_idr"], np.bool_)

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Return whether each row gives a frame: `frames` without pictures that are not output.

        Behind damage, whether a picture is output is not certain; there all count, so that no frame
        is left out without a record: bool [rows].
        """
        certain = ~np.logical_or.accumulate(self.damaged)
        return self.frames & ~(np.array(self._flags["not_output"], np.bool_) & certain)

    @property
    def damaged(self) -> NDArray[np.bool_]:
        """Return whether each row makes no sense: bool [rows]."""
        return np.array(self._damaged, np.bool_)

    @property
    def frame_num_step(self) -> int:
        """Return by how much H.264's frame numbers count on, at least: 1 in most streams."""
        return self._frame_numbers.smallest_step or 1

    @property
    def follows_gap(self) -> NDArray[np.bool_]:
        """Return whether H.264's frame_num misses a picture before each row: bool [rows]."""
        return np.array(self._steps, np.int64) > self.frame_num_step

    @property
    def whole(self) -> bool:
        """Return whether no packet is damaged or missing, so that display order is certain."""
        return not any(self._damaged) and not self._gaps

    @property
    def frames(self) -> NDArray[np.bool_]:
        """Return whether each row begins a picture: bool [rows].

        False for second fields and for packets without a picture.
        """
        return ~np.array(self._flags["auxiliary"], np.bool_)

    @property
    def ranks(self) -> NDArray[np.int64]:
        """Return the rank of each row's picture in display order: int64 [rows].

        A row that begins no picture has the rank of the one before it.
        """
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
    """Return which of the rows in `shown` a decode from the file's start gives a frame for.

    bool [rows]: not those before the first key, and, where `leading_lost`, not those that are shown
    before it: an H.264 stream that begins at a recovery point lacks what they refer to, and
    decoders drop them.
    """
    displayed = shown.copy()
    displayed[:first_key] = False
    if leading_lost:
        displayed[first_key:] &= pts[first_key:] >= pts[first_key]
    return displayed
