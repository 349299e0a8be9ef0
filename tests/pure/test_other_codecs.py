"""What packets of VP9, AV1, MPEG-2 and MPEG-4 say of themselves, bit by bit."""

from __future__ import annotations

import pytest

from fleet.video.other_codecs.av1 import Av1Reader
from fleet.video.other_codecs.facts import PacketFacts
from fleet.video.other_codecs.mpeg2 import Mpeg2Reader, sequence_header
from fleet.video.other_codecs.mpeg4 import (
    Mpeg4Reader,
    has_b_pictures,
    holds_between,
    is_interlaced,
    object_layer,
)
from fleet.video.other_codecs.packet_log import PacketLog, is_between
from fleet.video.other_codecs.vpx import Vp8Reader, Vp9Reader

START = b"\0\0\1"
VOL = START + bytes.fromhex("20 00 c4 88 80 0c c4 01 90 51 43")


def vp9(bits: str) -> bytes:
    """A frame that begins with these bits."""
    return int(bits.ljust(32, "0"), 2).to_bytes(4, "big")


def superframe(*frames: bytes) -> bytes:
    """Frames and their index, with sizes of one byte."""
    marker = bytes([0xC0 | len(frames) - 1])
    return b"".join(frames) + marker + bytes(map(len, frames)) + marker


def mpeg2(kind: int, structure: int = 3, *, closed: bool | None = None) -> bytes:
    """A picture of a type (1 I, 2 P, 3 B), as a frame (3) or a field (1, 2), with one slice."""
    group = b"" if closed is None else START + b"\xb8\0\0\0" + bytes([closed << 6])
    picture = START + b"\0" + (kind << 19).to_bytes(4, "big")
    coding = START + b"\xb5" + ((8 << 28) | (structure << 8)).to_bytes(4, "big")
    return group + picture + coding + START + b"\1slice"


def vop(kind: int, *, coded: bool = True) -> bytes:
    """A picture of a type (0 I, 1 P, 2 B) whose time takes one bit."""
    bits = f"{kind:02b}0101{coded:d}1"
    return START + b"\xb6" + bytes([int(bits, 2)]) + b"picture"


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        (vp9("10000010"), PacketFacts(key=True)),
        (vp9("10000110"), PacketFacts(key=False)),
        (vp9("10000100"), PacketFacts(key=False, shown=False)),
        (vp9("10001000"), PacketFacts(key=False)),
        (superframe(vp9("10000100"), vp9("10000110")), PacketFacts(key=False)),
        (superframe(vp9("10000100"), vp9("10000100")), PacketFacts(key=False, shown=False)),
    ],
    ids=["key", "shown", "hidden", "shows an earlier one", "hidden and shown", "two hidden"],
)
def test_a_packet_of_vp9(data: bytes, facts: PacketFacts) -> None:
    """It gives a picture where one of its frames is shown."""
    assert Vp9Reader().read(data) == facts


def test_a_packet_of_vp8() -> None:
    """The lowest bit is 0 in a key, the fifth is 1 where it is shown."""
    assert Vp8Reader().read(b"\x10\0\0\x9d\x01\x2a") == PacketFacts(key=True)
    assert Vp8Reader().read(b"\x01") == PacketFacts(key=False, shown=False)
    with pytest.raises(ValueError, match="no key of VP8"):
        Vp8Reader().read(bytes(20))


@pytest.mark.parametrize(
    ("head", "key"), [(0x10, True), (0x00, False), (0x30, False), (0x80, False)]
)
def test_a_unit_of_av1(head: int, key: bool) -> None:
    """A key that is hidden, an inter frame and one that is shown again are no places to begin."""
    unit = b"\x12\0" + b"\x0a\x01\0" + b"\x32\x02" + bytes([head, 0])
    assert Av1Reader().read(unit) == PacketFacts(key)


def test_two_fields_in_packets_of_their_own_are_one_picture() -> None:
    """The second one shows nothing, even behind a first field that is a key."""
    reader = Mpeg2Reader()
    fields = [mpeg2(1, 1), mpeg2(2, 2), mpeg2(3, 1), mpeg2(3, 2)]
    facts = [reader.read(field) for field in fields]
    assert [f.shown for f in facts] == [True, False, True, False]
    assert [f.key for f in facts] == [True, False, False, False]
    assert not is_between("mpeg2video", b"", fields[2])
    assert is_between("mpeg2video", b"", fields[2] + fields[3])
    assert is_between("mpeg2video", b"", mpeg2(3))


@pytest.mark.parametrize("closed", [True, False])
def test_leading_pictures_of_a_first_closed_gop_are_kept(closed: bool) -> None:
    """Those of an open one refer to pictures before the file's first."""
    log = PacketLog("mpeg2video", b"")
    header = START + b"\xb3header"
    key = header + mpeg2(1, closed=closed)
    for data in (key, mpeg2(3), mpeg2(3), mpeg2(2)):
        log.add(data, key=False)
    assert log.loses_leading(0) is not closed
    assert log.ranks.tolist() == [2, 0, 1, 3]
    assert log.key.tolist() == [True, False, False, False]
    assert sequence_header(key) == header


def test_a_packed_b_picture_waits_for_the_packet_that_stands_for_it() -> None:
    """That packet shows it; where packets between are left out, it is forgotten."""
    mark = START + b"\xb2DivX503b1393p"
    packets = [mark + vop(0), vop(1) + vop(2), vop(1, coded=False), vop(1)]
    facts = [PacketFacts(key=True), PacketFacts(key=False)]
    reader = Mpeg4Reader(b"")
    expected = [*facts, PacketFacts(key=False, between=True), PacketFacts(key=False)]
    assert [reader.read(data) for data in packets] == expected
    feeder = Mpeg4Reader(b"")
    assert [feeder.unpacked(data) for data in packets] == [packets[0], vop(1), vop(2), vop(1)]
    feeder.unpacked(packets[1])
    assert feeder.unpacked(packets[3]) == packets[3]


def test_a_picture_of_mpeg4_that_is_not_coded_shows_nothing() -> None:
    """Whoever counts it numbers all later frames wrongly."""
    log = PacketLog("mpeg4", b"")
    for data in (vop(0), vop(1, coded=False), vop(1)):
        log.add(data, key=False)
    assert log.shown.tolist() == [True, False, True]
    assert holds_between(vop(2))
    assert not holds_between(vop(1) + vop(2))


def test_how_long_a_time_is_is_read_from_the_object_layer() -> None:
    """25 ticks a second take 5 bits; a picture's last bit is read behind them."""
    layer = VOL
    coded = START + b"\xb6" + bytes([0b01010000, 0b01100000])
    assert Mpeg4Reader(layer).read(coded).shown
    assert not Mpeg4Reader(layer).read(coded[:-1] + b"\x40").shown
    assert object_layer(layer + coded) == layer


@pytest.mark.parametrize(("fixed_rate", "interlaced"), [("0", "1"), ("100000", "0"), ("0", "0")])
def test_an_interlaced_object_layer_is_told_from_others(fixed_rate: str, interlaced: str) -> None:
    """Its flag lies behind times and sizes."""
    head = "0" + "00000001" + "0" + "0001" + "0" + "00" + "1" + f"{25:016b}" + "1"
    fixed = f"1{fixed_rate[1:]}" if len(fixed_rate) > 1 else "0"
    sides = f"1{160:013b}1{128:013b}1"
    bits = f"{head}{fixed}{sides}{interlaced}".ljust(96, "0")
    layer = START + b"\x20" + int(bits, 2).to_bytes(12, "big")
    assert is_interlaced(layer) is (interlaced == "1")


@pytest.mark.parametrize(
    ("control", "has"), [("0", True), ("10100", True), ("10110", False)], ids=["", "delay", "low"]
)
def test_an_object_layer_may_exclude_b_pictures(control: str, has: bool) -> None:
    """By low_delay; then an AVI file need not be scanned for its order."""
    bits = ("0" + "00000001" + "0" + "0001" + control).ljust(96, "0")
    assert has_b_pictures(START + b"\x20" + int(bits, 2).to_bytes(12, "big")) is has
    assert has_b_pictures(b"")


def test_damage_leaves_what_the_container_says() -> None:
    """And the order of pictures is not certain any more."""
    log = PacketLog("vp9", b"")
    log.add(b"\0\0\0\0", key=True)
    assert log.key.tolist() == [True]
    assert not log.whole
