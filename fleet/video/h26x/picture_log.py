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
from fleet.video.h26x.h264_run import Run
from fleet.video.h26x.h265_pictures import H265Pictures
from fleet.video.h26x.parameter_sets import ParameterSets, from_unit, has_sequence
from fleet.video.h26x.recovery_log import RecoveryLog
from fleet.video.h26x.sets_log import SetsLog


def picture_reader(codec: str, parameter_sets: NalUnits) -> PictureReader:
    """Return a reader for `h264` or `hevc`; raise ValueError for damaged parameter sets."""
    reader: PictureReader = H264Pictures() if codec == "h264" else H265Pictures()
    reader.learn(parameter_sets)
    return reader


# What is noted of a row, a bit each.
_RANDOM_ACCESS, _IS_IDR, _NOT_OUTPUT, _AUXILIARY, _DAMAGED = 1, 2, 4, 8, 16


class PictureLog:
    """Reads packets in decode order and keeps a row of facts of each."""

    def __init__(self, codec: str, sets: ParameterSets) -> None:
        self.in_band = NO_NALS
        """Where the header has no parameter sets: the first that came with a picture."""
        self.first_key = NO_NALS
        """The first picture at which decoding may begin."""
        self._codec = codec
        self._lacks_sets = not has_sequence(codec, sets.nals)
        self.nal_length_bytes = sets.nal_length_bytes
        """See `StreamInfo`."""
        self.reader = picture_reader(codec, sets.nals)
        """Reads the pictures; it has been told all packets so far."""
        self._h264 = self.reader if isinstance(self.reader, H264Pictures) else None
        self._marks = bytearray()
        self._sequence, self._order_count = array("q"), array("q")
        self._frame_numbers = FrameNumbers()
        self._gaps = 0
        self._steps = array("q")
        self.sets = SetsLog(self.reader.sets)
        """Which parameter sets are in force where."""
        self._waiting: list[tuple[int, int]] = []
        """Order count and row of the pictures that wait for display."""
        self._waiting_sequence = 0
        self._ranks: NDArray[np.int64] = np.zeros(0, np.int64)
        self.recovery = RecoveryLog()
        """H.264: where pictures become right where there is no key."""

    def add(self, sample: bytes, configuration: NalUnits | None = None) -> None:
        """Read a packet as it lies in the container; mark it as damaged where it makes no sense.

        `configuration`: parameter sets that the container brings in before it. Raises ValueError
        where these make no sense, or parameter sets change more often than can be kept.
        """
        if configuration is not None:
            self.reader.sets.learn_all(configuration)
            self.sets.after()
        row, picture = len(self._marks), self._read(sample)
        is_key = picture is not None and (
            picture.is_random_access or picture.recovery_frames is not None
        )
        self.sets.before(row, begins=is_key, out_of_band=configuration is not None)
        self.sets.after()

    def _read(self, sample: bytes) -> CodedPicture | None:
        picture, damaged = None, False
        try:
            nals = from_sample(sample, self.nal_length_bytes)
            if self._lacks_sets and has_sequence(self._codec, nals):
                self.in_band = from_unit(self._codec, nals)
                self._lacks_sets = False
            picture = self.reader.read(nals)
            if picture is not None and picture.is_random_access and not self.first_key:
                self.first_key = nals
            self._follow(picture)
            damaged = picture is None and not is_auxiliary(self._codec, nals)
        except ValueError:
            damaged = True
            self._frame_numbers.latest_step = 0
        self._append(picture, damaged=damaged)
        return picture

    def take(self, picture: CodedPicture) -> None:
        """Note what the reader has made of the next packet, which holds one picture."""
        row = len(self._marks)
        self._follow(picture)
        self._append(picture, damaged=False)
        if picture.is_random_access or picture.recovery_frames is not None:
            self.sets.before(row, begins=True, out_of_band=False)
        self.sets.after()

    def take_all(self, run: Run) -> None:
        """Note the pictures of several packets of H.264, each of which `take` might be told.

        No parameter set changes before the last of them. `follows_recovery` is to be False, or
        nothing said of recovery.
        """
        assert self._h264 is not None
        row = len(self._marks)
        sequences, counts = self._h264.follow_all(run)
        steps, gaps = self._frame_numbers.continue_all(run)
        self._gaps += gaps
        self._steps.frombytes(steps.tobytes())
        marks = _RANDOM_ACCESS * run.is_random_access + _IS_IDR * run.idr
        self._marks += marks.astype(np.uint8).tobytes()
        self._sequence.frombytes(sequences.tobytes())
        self._order_count.frombytes(counts.tobytes())
        self._waiting, self._waiting_sequence = [], int(sequences[-1])
        if len(keys := np.flatnonzero(run.begins)):
            self.sets.before(row + int(keys[0]), begins=True, out_of_band=False)

    @property
    def follows_recovery(self) -> bool:
        """Return whether it still has to be seen where pictures of H.264 become right."""
        return self.recovery.recovered is None

    @property
    def lacks_key(self) -> bool:
        """Return whether no picture has come so far at which decoding may begin."""
        return self._lacks_sets or not self.first_key

    def _follow(self, picture: CodedPicture | None) -> None:
        """Note whether pictures are missing before the latest, and where they become right."""
        if self._h264 is None:  # of H.265, no frame number says
            return
        latest = self._h264.latest
        if latest is None:
            self._frame_numbers.reset()
            return
        head, sps = latest
        self._gaps += not self._frame_numbers.continues(head, sps, left_out=0)
        if picture is not None and self.recovery.recovered is None:
            self.recovery.add(len(self._marks), picture, head, sps)

    def _append(self, picture: CodedPicture | None, *, damaged: bool) -> None:
        self._steps.append(self._frame_numbers.latest_step)
        if picture is not None:
            marks = _RANDOM_ACCESS * picture.is_random_access + _IS_IDR * picture.is_idr
            marks += _NOT_OUTPUT * picture.not_output + _AUXILIARY * picture.second_field
            self._marks.append(marks + _DAMAGED * damaged)
            self._sequence.append(picture.sequence)
            self._order_count.append(picture.order_count)
            self._display(picture)
            return
        # A packet without a readable picture is ordered with the picture before it.
        self._marks.append(_DAMAGED if damaged else _AUXILIARY)
        self._sequence.append(self._sequence[-1] if self._sequence else 0)
        self._order_count.append(self._order_count[-1] if self._order_count else 0)

    def _display(self, picture: CodedPicture) -> None:
        """Note which H.265 pictures are never shown: they wait as another sequence begins."""
        if picture.drops_waiting:
            for _, row in self._waiting:
                self._marks[row] |= _NOT_OUTPUT
        if picture.drops_waiting or self._waiting_sequence != picture.sequence:
            self._waiting, self._waiting_sequence = [], picture.sequence
        if not picture.not_output and not picture.reorder_frames:
            self._waiting.clear()
        elif not picture.not_output:
            heappush(self._waiting, (picture.order_count, len(self._marks) - 1))
            while len(self._waiting) > picture.reorder_frames:
                heappop(self._waiting)

    def _marked(self, mark: int) -> NDArray[np.bool_]:
        return (np.frombuffer(self._marks, np.uint8) & mark).astype(np.bool_)

    @property
    def is_random_access(self) -> NDArray[np.bool_]:
        """Return whether decoding may begin at each row: bool [rows]."""
        return self._marked(_RANDOM_ACCESS)

    @property
    def is_idr(self) -> NDArray[np.bool_]:
        """Return whether no row after each one refers to a row before it: bool [rows]."""
        return self._marked(_IS_IDR)

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Return whether each row gives a frame: `frames` without pictures that are not output.

        Behind damage, whether a picture is output is not certain; there all count, so that no frame
        is left out without a record: bool [rows].
        """
        certain = ~np.logical_or.accumulate(self.damaged)
        return self.frames & ~(self._marked(_NOT_OUTPUT) & certain)

    @property
    def damaged(self) -> NDArray[np.bool_]:
        """Return whether each row makes no sense: bool [rows]."""
        return self._marked(_DAMAGED)

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
        return not self.damaged.any() and not self._gaps

    @property
    def frames(self) -> NDArray[np.bool_]:
        """Return whether each row begins a picture: bool [rows].

        False for second fields and for packets without a picture.
        """
        return ~self._marked(_AUXILIARY)

    @property
    def ranks(self) -> NDArray[np.int64]:
        """Return the rank of each row's picture in display order: int64 [rows], not to be changed.

        A row that begins no picture has the rank of the one before it.
        """
        if len(self._ranks) < len(self._marks):
            self._ranks = self._ranked()
        return self._ranks

    def _ranked(self) -> NDArray[np.int64]:
        begins_picture = self.frames
        frames = np.flatnonzero(begins_picture)
        counts, sequences = np.array(self._order_count), np.array(self._sequence)
        order = frames[np.lexsort((counts[frames], sequences[frames]))]
        ranks = np.zeros(len(counts), np.int64)
        ranks[order] = np.arange(len(order))
        owner = np.where(begins_picture, np.arange(len(counts)), 0)
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
