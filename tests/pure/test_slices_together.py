"""Slice headers read side by side say what each says by itself, or are left to be read by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.core.access_unit import START_CODE
from fleet.video.h26x import h264
from fleet.video.h26x.annexb import from_sample, join, split
from fleet.video.h26x.bits import BitReader
from fleet.video.h26x.h264_pictures import H264Pictures
from fleet.video.h26x.h264_run import NO_RECOVERY, Run
from fleet.video.h26x.h264_slice import Slice, read_slice
from fleet.video.h26x.h265_pictures import H265Pictures
from fleet.video.h26x.parameter_set_store import H264Store, ParameterSetStore
from fleet.video.h26x.parameter_sets import ParameterSets
from fleet.video.h26x.picture_log import PictureLog
from fleet.video.slices.h264_slices import read_slices
from fleet.video.slices.many_bits import FEWEST_BYTES, ManyBits, Rows
from fleet.video.slices.nal_table import with_lengths, with_start_codes
from fleet.video.slices.start_codes import find_codes
from fleet.video.slices.together import Packets, add_packets

AVC_SPS = bytes.fromhex("67640028acd940780227e584000003000400000300c83c60c658")
AVC_PPS = bytes.fromhex("68ef8fcb")
# With order counts of bottom fields in slices; with pic_output_flag in them.
AVC_OTHER_PPS = bytes.fromhex("68ff8fcb")
HEVC_OTHER_PPS = bytes.fromhex("4401d172b46240")
HEVC = [
    bytes.fromhex("40010c01ffff01600000030090000003000003005a959809"),
    bytes.fromhex(
        "42010101600000030090000003000003005aa006020090596566924cae68080000030008000003005040"
    ),
    bytes.fromhex("4401c172b46240"),
]
# Zeros and ones are more frequent than chance has them, as in headers.
BYTES = st.one_of(
    st.lists(st.sampled_from([0, 0, 1, 3, 0x80, 0xFF, *range(256)]), max_size=40).map(bytes),
    st.lists(st.sampled_from([0, 0, 0, 1, 1, 3]), max_size=8).map(bytes),
    st.binary(min_size=8, max_size=20).map(lambda body: b"\0\0\3" + body),
)


def packets_of(samples: list[bytes]) -> Packets:
    """Samples, one behind another."""
    ends = np.cumsum([len(sample) for sample in samples])
    return Packets(
        b"".join(samples), ends - np.array([len(sample) for sample in samples], np.int64), ends
    )


@given(st.lists(BYTES.filter(bool), min_size=1, max_size=8), st.lists(st.sampled_from("fues")))
def test_bits_are_those_of_one_reader(headers: list[bytes], kinds: list[str]) -> None:
    """A header that is not read is said to have failed, as one that ends too early always is."""
    data = b"".join(headers) + bytes(FEWEST_BYTES)
    ends = np.cumsum([len(header) for header in headers])
    begins = ends - np.array([len(header) for header in headers])
    many, rows = ManyBits(data, begins, ends), np.arange(len(headers))
    read: dict[str, Callable[[Rows], NDArray[Any]]] = {
        "f": many.flag,
        "u": lambda rows: many.u(9, rows),
        "e": many.ue,
        "s": many.se,
    }
    found = [read[kind](rows).tolist() for kind in kinds]
    for row, failed in enumerate(many.finish().tolist()):
        one = BitReader(headers[row])
        single: dict[str, Callable[[], int]] = {
            "f": one.flag,
            "u": partial(one.u, 9),
            "e": one.ue,
            "s": one.se,
        }
        if not failed:
            assert [single[kind]() for kind in kinds] == [values[row] for values in found]


def store_with(sps: h264.Sps, pps: h264.Pps) -> H264Store:
    """A store that has these two."""
    store: H264Store = ParameterSetStore(
        lambda header: header & 0x1F, (7, lambda _: sps), (8, lambda _: pps)
    )
    store.learn(AVC_SPS)
    store.learn(AVC_PPS)
    return store


SPS, PPS = h264.parse_sps(AVC_SPS), h264.parse_pps(AVC_PPS)
STORES = st.builds(
    store_with,
    st.builds(
        lambda **fields: replace(SPS, **fields),
        frame_num_bits=st.integers(4, 16),
        poc_type=st.integers(0, 2),
        frames_only=st.booleans(),
        separate_planes=st.booleans(),
        chroma_format=st.integers(0, 3),
    ),
    st.builds(
        lambda **fields: replace(PPS, **fields),
        bottom_field_order=st.booleans(),
        redundant_pictures=st.booleans(),
        weighted_p=st.booleans(),
        weighted_b=st.booleans(),
        references=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    ),
)


@settings(max_examples=60)
@given(STORES, st.lists(st.tuples(st.sampled_from([0x41, 0x01, 0x65, 0x22]), BYTES), min_size=1))
def test_h264_slices_are_those_of_one_reader(
    store: H264Store, slices: list[tuple[int, bytes]]
) -> None:
    """With any parameter sets; what makes no sense, or goes on behind its NAL unit, is left."""
    # The first bits are of a slice that names the one PPS, so that many are read on.
    nals = [bytes([header]) + b"\x9b" + body for header, body in slices]
    data = b"".join(nals) + bytes(FEWEST_BYTES)
    ends = np.cumsum([len(nal) for nal in nals])
    begins = ends - np.array([len(nal) for nal in nals])
    headers = np.array([nal[0] for nal in nals], np.uint8)
    together = read_slices(ManyBits(data, begins + 1, ends), headers, store)
    found = [together.one(row) for row in range(len(nals))]
    assert all(
        said is None or said == read_slice(nal, store)
        for nal, said in zip(nals, found, strict=True)
    )


def without_code(unit: bytes) -> bytes:
    """Return a NAL unit without a start code at its end."""
    return unit.removesuffix(START_CODE).rstrip(b"\0")


@example([b"\x00\x03\x00\x00\x01\x00\x01\x00"], 2)
@given(st.lists(BYTES.filter(bool), min_size=1), st.sampled_from([0, 1, 2, 4]))
def test_nal_units_are_those_of_one_packet(samples: list[bytes], nal_length_bytes: int) -> None:
    """With start codes and with lengths; packets that are odd may have others.

    A unit that ends in a start code, which no encoder writes, may have it or not.
    """
    packets = packets_of(samples)
    data = np.frombuffer(packets.data, np.uint8)
    if nal_length_bytes:
        table = with_lengths(data, packets.starts, packets.ends, nal_length_bytes)
    else:
        table = with_start_codes(data, packets.starts, packets.ends)
    for number in np.flatnonzero(~table.odd).tolist():
        mine = table.packet == number
        spans = zip(table.offset[mine].tolist(), table.end[mine].tolist(), strict=True)
        units = [packets.data[offset:end].rstrip(b"\0") for offset, end in spans]
        expected = from_sample(samples[number], nal_length_bytes)
        assert [*map(without_code, units)] == [*map(without_code, expected)]


@given(st.lists(st.sampled_from([0, 0, 0, 1, 1, 7]), max_size=60).map(bytes))
def test_start_codes_are_found_wherever_they_lie(data: bytes) -> None:
    """At even places and at uneven ones, at the end, and one behind another."""
    places = [at for at in range(len(data)) if data[at : at + 3] == START_CODE]
    assert find_codes(np.frombuffer(data, np.uint8)).tolist() == places


def log_of(codec: str) -> PictureLog:
    """A log of a stream whose header has parameter sets."""
    sets = [AVC_SPS, AVC_PPS] if codec == "h264" else HEVC
    return PictureLog(codec, ParameterSets(join(sets), 0))


def facts(log: PictureLog) -> list[object]:
    """All that a log says."""
    assert isinstance(log.reader, H264Pictures | H265Pictures)
    columns = (log.is_random_access, log.is_idr, log.shown, log.damaged, log.frames, log.ranks)
    kept = [column.tolist() for column in (*columns, log.follows_gap)]
    recovery = (log.recovery.first, log.recovery.recovered)
    changes = log.sets.changes(split(b""))
    return [*kept, log.whole, log.frame_num_step, log.first_key.data, recovery, changes]


def _slice(body: bytes) -> bytes:
    """A slice of H.265 whose order count is any."""
    return bytes([0xD0 | body[0] & 0xF]) + body


AVC_UNITS = st.one_of(
    st.sampled_from([AVC_SPS, AVC_PPS, AVC_OTHER_PPS, b"\x06\x06\x01\xc4\x80", b"\x09\xf0"]),
    st.binary(min_size=1, max_size=30).map(lambda body: b"\x65\x88\x80" + body),
    st.binary(min_size=1, max_size=30).map(lambda body: b"\x41\x9a" + body),
    st.binary(min_size=1, max_size=30).map(lambda body: b"\x01\x9e" + body),
    BYTES.filter(bool),
)
HEVC_UNITS = st.one_of(
    st.sampled_from([*HEVC, HEVC_OTHER_PPS, b"\x46\x01\x50", b"\x4a\x01", b"\x4e\x01\x05"]),
    st.binary(min_size=1, max_size=30).map(lambda body: b"\x26\x01\xac" + body),
    st.binary(min_size=1, max_size=30).map(lambda body: b"\x2a\x01\xac" + body),
    st.binary(min_size=1, max_size=30).map(lambda body: b"\x02\x01" + _slice(body)),
    st.binary(min_size=1, max_size=30).map(lambda body: b"\x02\x02" + _slice(body)),
    BYTES.filter(bool),
)


@st.composite
def heads(draw: st.DrawFn) -> list[tuple[Slice, int | None]]:
    """Slice headers of H.264, of which some may not be followed with others, and recovery."""
    few = st.integers(0, 15)
    made = []
    for _ in range(draw(st.integers(1, 40))):
        idr, reference = draw(st.sampled_from([(False, True), (False, False), (True, True)]))
        ends = reference and not idr and draw(few) == 0
        deltas = 0, draw(st.sampled_from([0, 0, -1, 1, -7]))
        intra = idr or draw(st.booleans())
        head = Slice(idr, reference, intra, draw(few), False, False, draw(few), deltas, ends)
        made.append((head, draw(st.sampled_from([None, None, None, 0, 3]))))
    return made


def run_of(sps: h264.Sps, told: list[tuple[Slice, int | None]]) -> Run:
    """Slice headers as a run."""
    frames = [NO_RECOVERY if frames is None else frames for _, frames in told]
    idr, reference, intra, frame_num, lsb, delta = (
        np.array(column)
        for column in zip(
            *(
                (head.idr, head.reference, head.intra, head.frame_num, head.order_lsb, delta)
                for head, _ in told
                for delta in head.order_deltas[1:]
            ),
            strict=True,
        )
    )
    return Run(sps, idr, reference, intra, frame_num, lsb, delta, np.array(frames))


@settings(max_examples=200)
@given(heads(), st.sampled_from([0, 2]), st.booleans(), st.sets(st.integers(0, 40)))
def test_pictures_that_are_followed_at_once_are_those_that_are_followed_one_by_one(
    told: list[tuple[Slice, int | None]], poc_type: int, gaps: bool, borders: set[int]
) -> None:
    """However many at once, and with others between."""
    sps = replace(SPS, frame_num_bits=4, poc_lsb_bits=4, poc_type=poc_type, gaps_allowed=gaps)
    one_by_one, at_once = log_of("h264"), log_of("h264")
    one_by_one.add(START_CODE + b"\x65\x88\x80\x10\xff\xff")
    at_once.add(START_CODE + b"\x65\x88\x80\x10\xff\xff")
    alone = {number for number, (head, _) in enumerate(told) if head.ends_references}
    limits = sorted({0, len(told), *borders, *alone, *(number + 1 for number in alone)})
    for begin, end in pairwise(limit for limit in limits if limit <= len(told)):
        part = told[begin:end]
        for head, frames in part:
            one_by_one.take(one_by_one.reader.follow(head, sps, frames))
        recovers = at_once.recovery.first is not None or any(said is not None for _, said in part)
        if begin in alone or (at_once.follows_recovery and recovers):
            for head, frames in part:
                at_once.take(at_once.reader.follow(head, sps, frames))
        else:
            at_once.take_all(run_of(sps, part))
    assert facts(at_once) == facts(one_by_one)


def check_log(codec: str, units: list[list[bytes]]) -> None:
    """Compare two logs of the same packets, given in two parts."""
    # The last headers of some bytes are left to be read by themselves.
    filler = b"\x0c" if codec == "h264" else b"\x4c\x01"
    samples = [join(packet).data for packet in [*units, [filler + b"\xff" * FEWEST_BYTES]]]
    together, one_by_one = log_of(codec), log_of(codec)
    half = len(samples) // 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fleet.video.slices.together._FEWEST_IN_RUN", 2)
        for part in (samples[:half], samples[half:]):
            if part:
                add_packets(together, packets_of(part))
    for sample in samples:
        one_by_one.add(sample)
    assert facts(together) == facts(one_by_one)


@settings(max_examples=60)
@given(st.lists(st.lists(AVC_UNITS, min_size=1, max_size=4), max_size=12))
def test_a_log_of_h264_says_the_same(units: list[list[bytes]]) -> None:
    """Of slices, messages, parameter sets that change, and of anything else, in any order."""
    check_log("h264", [[b"\x65\x88\x80\x10\xff\xff"], *units])


@settings(max_examples=60)
@given(st.lists(st.lists(HEVC_UNITS, min_size=1, max_size=4), max_size=12))
def test_a_log_of_h265_says_the_same(units: list[list[bytes]]) -> None:
    """Of slices, messages, parameter sets that change, and of anything else, in any order."""
    check_log("hevc", [[b"\x26\x01\xac\x10\xff\xff"], *units])
