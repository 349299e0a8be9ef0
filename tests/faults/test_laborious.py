"""Videos made to hold a reader up: the work that they cost is counted, and bounded by their size.

Before it was bounded, 3.7 MB of such headers took up to half a minute, and a transport stream
without sync three.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import FrameType
from typing import Any

import av
import laborious
import numpy as np
import pytest
from generate import Clip, cached
from handmade import BitWriter, Shape, parameter_sets
from truth import MemoryReader, probed

from fleet.core.source import Source
from fleet.errors import BrokenVideoError
from fleet.video.containers import locate, mpegts
from fleet.video.containers.locate import InSequence
from fleet.video.containers.reader import BlockFile
from fleet.video.h26x import parameter_set_store
from fleet.video.h26x.annexb import split
from fleet.video.h26x.bits import BitReader
from fleet.video.h26x.h264_pictures import H264Pictures
from fleet.video.h26x.parameter_set_store import h264_store, h265_store
from fleet.video.probe.probe import probe

SIZE = 1 << 20
SHAPE = Shape()
CALLS_A_BYTE = 1.0
"""Calls of functions that a byte of a file may cost; those of real videos cost a tenth of it."""


def calls(work: Callable[[], object]) -> int:
    """Return how many functions are called in doing some work, those of C included."""
    counted = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize(
    "make",
    [
        laborious.long_sets,
        laborious.many_sets,
        laborious.long_slices,
        laborious.reordering_slices,
        laborious.many_messages,
    ],
    ids=lambda make: make.__name__,
)
def test_headers_cost_no_more_than_their_bytes(make: Callable[[int], bytes]) -> None:
    """Twice the bytes cost twice the work at most, and a megabyte is read at once."""
    half, whole = make(SIZE // 2), make(SIZE)
    of_half, of_whole = calls(lambda: probed(half)), calls(lambda: probed(whole))
    assert of_whole <= CALLS_A_BYTE * len(whole)
    assert of_whole <= 2.2 * of_half + 10_000


def test_a_read_costs_as_much_as_it_reads() -> None:
    """However many bytes follow: no number as long as the header is ever made."""
    reader = BitReader(b"\x55" * 8192)
    widest = 0
    for _ in range(8192 * 8 // 7):
        reader.u(7)
        widest = max(widest, reader._window.bit_length())
    assert widest <= 8 * 64


def test_the_same_parameter_sets_are_read_once() -> None:
    """As at each key of a real stream; another text under the same number counts at once."""
    store = h264_store()
    one, other = (laborious.short_sps(n)[4:] for n in (1, 2))
    first = calls(lambda: store.learn(one))
    assert calls(lambda: store.learn(one)) <= first / 4
    store.learn(other)
    store.learn(parameter_sets(SHAPE).split(b"\0\0\0\1")[2])
    assert store.of_slice(0)[0].sequence.frame_rate.numerator == 25
    store.learn(one)
    assert store.of_slice(0)[0].sequence.frame_rate.denominator != 3


def test_a_stream_that_changes_its_sets_for_ever_is_read_no_further() -> None:
    """Up to a number and up to a size; what it has sent before still counts."""
    store = h264_store()
    for number in range(parameter_set_store.MOST_SETS):
        store.learn(laborious.short_sps(number)[4:])
    with pytest.raises(ValueError, match="more different parameter sets"):
        store.learn(laborious.short_sps(parameter_set_store.MOST_SETS)[4:])
    store.learn(laborious.short_sps(7)[4:])


def test_sets_that_make_no_sense_count_as_well() -> None:
    """Refused in the same words each time, and read only once."""
    store = h265_store()
    broken = bytes([0x42, 1]) + b"\xff" * 40
    messages = []
    for _ in range(2):
        with pytest.raises(ValueError, match="header") as caught:
            store.learn(broken)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    for number in range(10_000):
        with pytest.raises(ValueError, match=r"header|different"):
            store.learn(broken + number.to_bytes(3, "big"))

    def once_more() -> None:
        with suppress(ValueError):
            store.learn(broken + b"new")

    assert calls(once_more) < 20


def test_a_slice_marks_no_more_pictures_than_there_can_be() -> None:
    """32 fields, and the operations that stand alone."""
    pictures = H264Pictures()
    pictures.learn(split(parameter_sets(SHAPE)))
    with pytest.raises(ValueError, match="marks more pictures"):
        pictures.read(split(laborious.marking(1)))
    with pytest.raises(ValueError, match="reorders more references"):
        pictures.read(split(laborious.reordering(1)))


@pytest.fixture(scope="module")
def hevc(clip_folder: Path) -> bytes:
    """H.265 in an MP4 whose index lies at its end."""
    return cached(Clip(codec="h265", frames=20, gop=8, container="mp4"), clip_folder).read_bytes()


def test_a_header_of_thousands_of_parameter_sets_is_refused(hevc: bytes) -> None:
    """A stream can number some hundred; said in words, before any is read."""
    at = hevc.index(b"hvcC") + 4
    pps = [
        bytes([0x44, 1]) + BitWriter().ue(n % 64, n // 64 % 16).u(0b1_0000_000, 8).packed()
        for n in range(60_000)
    ]
    made = laborious.with_box(hevc, b"hvcC", laborious.configuration(34, pps, hevc[at : at + 22]))
    with pytest.raises(BrokenVideoError, match=r"60,000 parameter sets.*more than any stream"):
        probed(made)


def test_a_header_of_huge_parameter_sets_is_refused(hevc: bytes) -> None:
    """They would go along with each stretch that is decoded."""
    at = hevc.index(b"hvcC") + 4
    vps = [bytes([0x40, 1]) + b"\x55" * 60_000] * 2
    made = laborious.with_box(hevc, b"hvcC", laborious.configuration(32, vps, hevc[at : at + 22]))
    with pytest.raises(BrokenVideoError, match="2 parameter sets of 120,004 bytes"):
        probed(made)


def test_leading_pictures_without_end_are_not_read_one_by_one(hevc: bytes, tmp_path: Path) -> None:
    """An index that lists 600 before the first key is not believed: the file is scanned."""
    (tmp_path / "in.mp4").write_bytes(hevc)
    with av.open(str(tmp_path / "in.mp4")) as given:
        packets = [bytes(packet) for packet in given.demux(video=0) if packet.size]
        path = tmp_path / "out.mp4"
        with av.open(str(path), "w") as output:
            stream = output.add_stream_from_template(given.streams.video[0])
            for number in range(600):
                packet = av.Packet(packets[min(number, 1)])
                packet.stream, packet.time_base = stream, Fraction(1, 12_800)
                packet.dts, packet.pts = number * 40, (number or 2000) * 40
                packet.is_keyframe = not number
                output.mux(packet)
    reader = MemoryReader(path.read_bytes())
    index = probe(Source("clip", reader.size, "etag"), reader)
    assert index.origin == "scan"
    assert len(reader.ranges) < 20


class Examined:
    """numpy, with a count of the elements that it is asked to search."""

    def __init__(self) -> None:
        self.elements = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def flatnonzero(self, values: Any) -> Any:
        """Count the elements, and search them."""
        self.elements += len(values)
        return np.flatnonzero(values)


def test_lost_sync_is_searched_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that loses it at every second packet, with a sync byte everywhere."""
    examined = Examined()
    monkeypatch.setattr(mpegts, "np", examined)
    data = (b"\x47" * 188 + b"\0") * (SIZE // 189)
    found = mpegts.of_stream(mpegts.packets_of(data, 188), 0x100)
    assert found.end > SIZE - 400
    assert examined.elements <= 20 * len(data)


def test_a_transport_stream_without_sync_is_still_read(clip_folder: Path) -> None:
    """Before and behind a megabyte of noise that nearly looks like packets."""
    whole = cached(Clip(container="ts", frames=40, gop=8), clip_folder).read_bytes()
    half = len(whole) // 188 // 2 * 188
    noise = (b"\x47" * 188 + b"\0") * (SIZE // 189)
    index = probed(whole[:half] + noise + whole[half:])
    assert len(index.packets) >= 38


class CountedFile(BlockFile):
    """A file that counts the bytes that are looked at."""

    looked_at = 0

    def peek(self, offset: int, length: int) -> bytes:
        """Count the bytes, and return them."""
        data = super().peek(offset, length)
        self.looked_at += len(data)
        return data


def test_what_is_not_there_is_not_searched_for_far_and_wide_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After much in vain only close by; what lies close by is found all the same."""
    monkeypatch.setattr(locate, "_VAIN_BYTES", 8 << 20)
    packet = b"a packet that is there"
    file = CountedFile(MemoryReader(bytes(1 << 16) + packet + bytes(4 << 20)), seekable=True)
    locator = InSequence(file)
    for number in range(300):
        assert not locator.locate(None, f"not there {number}".encode()).verbatim
    assert file.looked_at <= 8 * (2 << 20) + 300 * (64 << 10) * 2
    assert locator.locate(None, packet).position == 1 << 16
