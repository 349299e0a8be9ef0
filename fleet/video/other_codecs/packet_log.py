"""Facts of the packets of a stream that is neither H.264 nor H.265, as columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fleet.video.other_codecs.av1 import Av1Reader
from fleet.video.other_codecs.facts import PacketFacts, PacketReader
from fleet.video.other_codecs.h263 import FlvReader, H263Reader
from fleet.video.other_codecs.microsoft import MicrosoftReader
from fleet.video.other_codecs.mjpeg import huffman_tables
from fleet.video.other_codecs.mpeg2 import Mpeg2Reader, sequence_header
from fleet.video.other_codecs.mpeg4 import Mpeg4Reader, holds_between, is_interlaced, object_layer
from fleet.video.other_codecs.theora import TheoraReader
from fleet.video.other_codecs.vpx import Vp8Reader, Vp9Reader

_INTRA_ONLY = frozenset(
    {
        *("mjpeg", "prores", "dnxhd", "dvvideo", "jpeg2000", "cfhd"),
        *("huffyuv", "ffvhuff", "utvideo", "magicyuv", "png"),
    }
)
"""Codecs of which each packet is a key."""
_MICROSOFT = frozenset({"msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2"})
"""DivX 3 and relatives: a picture's type is in its first bits."""
_IN_ORDER = _INTRA_ONLY | _MICROSOFT | {"vp8", "vp9", "av1", "ffv1", "h263", "flv1", "theora"}
"""Codecs whose pictures are shown in the order in which they are decoded."""
_FLAGS = ("key", "shown", "between", "closed")
REORDERING = frozenset({"mpeg4", "mpeg2video", "mpeg1video"})
"""Codecs whose pictures may be shown in another order, which their packets tell."""


def configuration_of(codec: str, extradata: bytes, first_key: bytes) -> bytes:
    """Return what a decoder is told before its first packet.

    MPEG-1, -2 and -4 may have it in front of the first key alone, where the container has none. Of
    Motion JPEG, it is the Huffman tables that its pictures are expected to bring along.
    """
    if codec == "mjpeg":
        return huffman_tables(first_key)
    if extradata or codec not in REORDERING:
        return extradata
    return (object_layer if codec == "mpeg4" else sequence_header)(first_key)


def packet_reader(codec: str, configuration: bytes) -> PacketReader | None:
    """Return what reads a codec's packets; None where only the container tells of them."""
    if codec == "mpeg4":
        return Mpeg4Reader(configuration)
    if codec in {"mpeg1video", "mpeg2video"}:
        return Mpeg2Reader()
    if codec in _MICROSOFT:
        return MicrosoftReader(type_bits=1 if codec == "wmv2" else 2)
    readers: Mapping[str, type[PacketReader]] = {
        "vp8": Vp8Reader,
        "vp9": Vp9Reader,
        "av1": Av1Reader,
        "h263": H263Reader,
        "flv1": FlvReader,
        "theora": TheoraReader,
    }
    return readers[codec]() if codec in readers else None


def is_between(codec: str, configuration: bytes, data: bytes) -> bool:
    """Return whether a packet holds a B picture of MPEG-1, -2 or -4 that may be left out.

    No other picture refers to one. But a single field has a second one, and where MPEG-4 is
    interlaced libav measures times in the distance of the first B picture that it is given.
    """
    if codec not in REORDERING or (codec == "mpeg4" and is_interlaced(configuration)):
        return False
    if codec == "mpeg4":
        return holds_between(data)
    reader = Mpeg2Reader()
    try:
        return reader.read(data).between and not reader.awaits_field
    except ValueError:
        return False


class PacketLog:
    """Reads packets in decode order and keeps a row of facts of each."""

    def __init__(self, codec: str, configuration: bytes) -> None:
        """Take the codec, and what the container says of the stream."""
        self._codec = codec
        self._reader = packet_reader(codec, configuration)
        self._flags = {name: bytearray() for name in _FLAGS}
        self._damaged = False

    def add(self, data: bytes, *, key: bool) -> None:
        """Read a packet; `key`: what the container says, which counts where the packet does not."""
        facts = PacketFacts(key or self._codec in _INTRA_ONLY)
        if self._reader is not None:
            try:
                facts = self._reader.read(data)
            except (ValueError, IndexError):
                self._damaged = True
        for name, column in self._flags.items():
            column.append(getattr(facts, name))

    @property
    def latest_is_key(self) -> bool:
        """Return whether decoding may begin at the last packet that was read."""
        return bool(self._flags["key"][-1])

    @property
    def is_packed(self) -> bool:
        """Return whether packets may hold a second picture, which a later one stands for."""
        return isinstance(self._reader, Mpeg4Reader) and self._reader.packed

    def all_keys(self, listed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which packets of a container are keys, by what it lists: bool [rows]."""
        return np.ones_like(listed) if self._codec in _INTRA_ONLY else listed

    @property
    def key(self) -> NDArray[np.bool_]:
        """Return whether decoding may begin at each row: bool [rows]."""
        return np.array(self._flags["key"], np.bool_)

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Return whether each row gives a picture: bool [rows]."""
        return np.array(self._flags["shown"], np.bool_)

    @property
    def frames(self) -> NDArray[np.bool_]:
        """Return whether each row has a place in display order: bool [rows]."""
        return self.shown

    @property
    def whole(self) -> bool:
        """Return whether display order is certain."""
        in_order = self._codec in _IN_ORDER or self._codec in REORDERING
        return in_order and not self._damaged

    def loses_leading(self, first: int) -> bool:
        """Return whether pictures shown before the first key come out of no decode of the file."""
        return not self._flags["closed"][first]

    @property
    def ranks(self) -> NDArray[np.int64]:
        """Return the rank of each row's picture in display order: int64 [rows].

        A reference picture is shown behind the pictures between it and the one before. A row that
        shows nothing has the rank of the one before it.
        """
        ranks = np.zeros(len(self._flags["key"]), np.int64)
        rank, waiting = 0, -1
        between = self._flags["between"]
        for row in np.flatnonzero(self.shown).tolist():
            if between[row]:
                ranks[row] = rank
            elif waiting >= 0:
                ranks[waiting] = rank
                waiting = row
            else:
                waiting = row
                continue
            rank += 1
        if waiting >= 0:
            ranks[waiting] = rank
        owner = np.where(self.shown, np.arange(len(ranks)), 0)
        return ranks[np.maximum.accumulate(owner)] if len(ranks) else ranks
