"""Pictures that no wanted one refers to are fed hollow or not at all; nothing wanted changes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import PictureType
from exact import expected, index_of, sharded
from generate import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.order import order
from fleet.plan.shard import DoneIntervals, video_work
from fleet.video.containers.demux import Demuxer
from fleet.video.h26x.access_unit import is_droppable, temporal_id
from fleet.video.h26x.annexb import split
from fleet.video.h26x.bits import BitReader, unescape
from fleet.video.index import VideoIndex
from fleet.video.references import lean
from fleet.video.references.h264_header import Head, read_head
from fleet.video.references.h264_hollow import BitWriter
from fleet.video.references.h264_references import H264References
from fleet.video.references.lean import LeanFeed, Unit
from fleet.video.sampling import Sampling
from fleet.worker.feeding import ShardFeed

pytestmark = pytest.mark.usefixtures("small_pictures_too")

PYRAMID = {"bframes": 3, "b-pyramid": "normal", "ref": 1, "keyint": 40, "b-adapt": 0}


def made(folder: Path, options: dict[str, object]) -> Path:
    """Return forty pictures by x264, under some options."""
    joined = ":".join(f"{name}={value}" for name, value in options.items())
    path = folder / f"{hashlib.sha256(joined.encode()).hexdigest()[:16]}.mp4"
    if not path.exists():
        encode(path, "libx264", {"crf": "30", "x264-params": f"{joined}:threads=1:scenecut=0"})
    return path


OPTIONS = st.fixed_dictionaries(
    {
        "ref": st.integers(1, 6),
        "bframes": st.integers(0, 6),
        "b-pyramid": st.sampled_from(("none", "strict", "normal")),
        "b-adapt": st.just(0),
        "direct": st.sampled_from(("spatial", "temporal", "auto")),
        "weightp": st.integers(0, 2),
        "weightb": st.integers(0, 1),
        "cabac": st.integers(0, 1),
        "slices": st.integers(1, 3),
        "keyint": st.sampled_from((7, 16, 40)),
        "open-gop": st.integers(0, 1),
        "subme": st.sampled_from((1, 5)),
    }
)


@settings(max_examples=25)
@given(OPTIONS, st.integers(2, 40), st.data())
def test_any_set_of_frames_is_exact_however_pictures_refer_to_each_other(
    clip_folder: Path, options: dict[str, object], stretch: int, data: st.DataObject
) -> None:
    """References, pyramids, weights, commands, slices, and any number of packets looked at."""
    path = made(clip_folder, options)
    index = index_of(path)
    chosen = data.draw(st.lists(st.integers(0, 40), max_size=5), label="frames")
    wanted = np.isin(np.arange(len(index.order)), chosen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lean, "STRETCH", stretch)
        seen, _, _ = sharded(index, [0, len(index.cuts)], wanted)
    assert sorted(seen) == expected(path, index, wanted)


LAYERS = st.fixed_dictionaries(
    {
        "temporal-layers": st.integers(2, 3),
        "bframes": st.integers(3, 4),
        "b-adapt": st.just(0),
        "ref": st.integers(1, 4),
        "keyint": st.sampled_from((16, 40)),
        "open-gop": st.integers(0, 1),
    }
)


def layered(folder: Path, options: dict[str, object]) -> Path:
    """Return forty pictures by x265, in sub-layers."""
    quiet = {
        "rc-lookahead": 20,
        "log-level": "none",
        "pools": "none",
        "frame-threads": 1,
        "scenecut": 0,
    }
    joined = ":".join(f"{name}={value}" for name, value in {**options, **quiet}.items())
    path = folder / f"{hashlib.sha256(joined.encode()).hexdigest()[:16]}.mp4"
    if not path.exists():
        encode(path, "libx265", {"preset": "ultrafast", "crf": "32", "x265-params": joined})
    return path


@settings(max_examples=15)
@given(LAYERS, st.data())
def test_any_set_of_frames_of_any_sub_layers_is_exact(
    clip_folder: Path, options: dict[str, object], data: st.DataObject
) -> None:
    """Whatever branches of a hierarchy are left out."""
    path = layered(clip_folder, options)
    index = index_of(path)
    chosen = data.draw(st.lists(st.integers(0, 40), max_size=5), label="frames")
    wanted = np.isin(np.arange(len(index.order)), chosen)
    seen, _, _ = sharded(index, [0, len(index.cuts)], wanted)
    assert sorted(seen) == expected(path, index, wanted)


def test_of_sub_layers_only_those_below_the_wanted_picture_are_fed(clip_folder: Path) -> None:
    """For the last picture of sub-layer 0, that sub-layer alone, whatever others refer to."""
    path = layered(clip_folder, {"temporal-layers": 3, "bframes": 3, "b-adapt": 0, "keyint": 40})
    index, data = index_of(path), path.read_bytes()
    table, demuxer = index.packets, Demuxer(index.source, index.stream)
    nals = [
        demuxer.unit(table, row, data[int(table.position[row]) :][: int(table.span[row])])
        for row in range(len(table))
    ]
    layers = [temporal_id(unit) for unit in nals]
    assert len(set(layers)) > 2
    last = max(row for row, layer in enumerate(layers) if not layer)
    units = [Unit(row, nals[row], row == last, 0) for row in range(last + 1)]
    feed = LeanFeed("hevc", 1, split(index.stream.parameter_sets), max(layers) + 1)
    feed.reset()
    fed = [unit.row for unit in feed.lean(units, goes_on=False)]
    assert fed == [row for row in range(last + 1) if not layers[row]]


def units_of(index: VideoIndex, path: Path, wanted: set[int]) -> list[Unit]:
    """Return what is fed of a video that has one GOP, before it is made leaner."""
    data, table = path.read_bytes(), index.packets
    demuxer = Demuxer(index.source, index.stream)
    units = []
    for row in range(len(table)):
        at = int(table.position[row])
        nals = demuxer.unit(table, row, data[at : at + int(table.span[row])])
        if row in wanted or not is_droppable("h264", nals):
            units.append(Unit(row, nals, row in wanted, 0))
    return units


def leaner(index: VideoIndex, units: list[Unit], *, goes_on: bool) -> list[Unit]:
    """Return what is fed in place of a decode's first stretch."""
    feed = LeanFeed("h264", 1, split(index.stream.parameter_sets))
    feed.reset()
    return feed.lean(units, goes_on=goes_on)


def test_the_middle_pictures_of_a_pyramid_are_hollow(clip_folder: Path) -> None:
    """For a picture at the end, only the chain of P pictures in front of it is decoded."""
    path = made(clip_folder, PYRAMID)
    index = index_of(path)
    with av.open(str(path)) as container:
        kinds = {frame.pts: PictureType(frame.pict_type) for frame in container.decode(video=0)}
    row = max(
        r for r in range(len(index.packets)) if kinds[int(index.packets.pts[r])] == PictureType.P
    )
    units = [unit for unit in units_of(index, path, {row}) if unit.row <= row]
    found = leaner(index, units, goes_on=False)
    hollow = {
        unit.row for before, unit in zip(units, found, strict=True) if unit.nals is not before.nals
    }
    middle = {
        unit.row for unit in units if kinds[int(index.packets.pts[unit.row])] == PictureType.B
    }
    assert len(middle) > 5
    assert hollow == middle
    assert all(len(unit.nals.data) < 60 for unit in found if unit.row in hollow)


def test_what_is_kept_counts_as_needed_where_the_decode_goes_on(clip_folder: Path) -> None:
    """Nobody has looked at the packets behind, which may refer to whatever is kept."""
    path = made(clip_folder, PYRAMID)
    index = index_of(path)
    units = units_of(index, path, set())[:12]
    references = H264References(split(index.stream.parameter_sets))
    for unit in units:
        references.follow(unit.row, unit.nals)
    found = leaner(index, units, goes_on=True)
    as_it_was = {u.row for u, before in zip(found, units, strict=True) if u.nals is before.nals}
    assert as_it_was >= references.kept


def test_nothing_is_hollow_behind_a_picture_that_is_missing(clip_folder: Path) -> None:
    """Which pictures are kept is unknown there: all is fed as it is, until the next reset."""
    path = made(clip_folder, PYRAMID)
    index = index_of(path)
    units = units_of(index, path, set())
    gap = [*units[:4], *units[5:]]
    assert leaner(index, gap, goes_on=False) == gap


def test_a_hollow_picture_says_what_the_one_in_its_place_says(clip_folder: Path) -> None:
    """Number, order and commands, by which it is kept and shown; and it refers to one picture."""
    path = made(clip_folder, {**PYRAMID, "ref": 4, "weightp": 2})
    index = index_of(path)
    references = H264References(split(index.stream.parameter_sets))
    made_hollow = 0
    for unit in units_of(index, path, set()):
        instead = references.follow(unit.row, unit.nals).instead
        if instead is not None:
            made_hollow += 1
            assert facts(head_of(index, instead().data)) == facts(head_of(index, unit.nals.data))
    assert made_hollow > 10


def head_of(index: VideoIndex, data: bytes) -> Head:
    """Return the header of a unit's first slice."""
    references = H264References(split(index.stream.parameter_sets))
    sets = references.sets
    for nal in split(data):
        if nal[0] & 0x1F in {1, 5}:
            return read_head(nal, sets)
        sets.learn(nal)
    raise AssertionError("no slice")


def facts(head: Head) -> tuple[object, ...]:
    """Return what has to be alike."""
    order = head.order_lsb, head.order_deltas
    return head.sps, head.nal_ref_idc, head.idr, head.frame_num, order, head.marking


@pytest.mark.parametrize(
    ("sizes", "looked_at"),
    [([1] * 9, 9), ([1] * 99, 32), ([3 << 20, 1 << 20, 1], 2), ([5 << 20, 1], 1)],
)
def test_few_bytes_wait_to_be_looked_at(sizes: list[int], looked_at: int) -> None:
    """At most 32 packets and 4 MiB, but always one."""
    assert LeanFeed("h264", 1, split(b"")).ahead(sizes, 0) == looked_at


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(-30, 30)), min_size=1))
def test_written_numbers_are_read_as_they_were(numbers: list[tuple[int, int]]) -> None:
    """Unsigned and signed ones, whatever bytes they come to: nothing looks like a start code."""
    bits = BitWriter()
    for unsigned, signed in numbers:
        bits.u(0, 24)
        bits.ue(unsigned)
        bits.se(signed)
    nal = bits.nal(0x41)
    assert not any(code in nal for code in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))
    reader = BitReader(unescape(nal[1:]))
    for unsigned, signed in numbers:
        assert (reader.u(24), reader.ue(), reader.se()) == (0, unsigned, signed)


def test_one_frame_a_second_of_a_real_clip_has_96_hollow_pictures(
    town: Path,
) -> None:
    """Of 256 that are fed: a decoder's work is that of 160 pictures."""
    index, data = index_of(town), town.read_bytes()
    work = video_work(index, Sampling.parse("fps=1").wanted(index), DoneIntervals([]), CostModel())
    lease = Lease("all", (work.shard(0, len(index.cuts)),))
    (shard,) = order(lease, {index.source.uri: work}).shards
    places = shard.packets.position, shard.packets.position + shard.packets.span
    feed = ShardFeed(shard, lambda row: data[int(places[0][row]) : int(places[1][row])])
    sizes = [len(unit.nals.data) for part in shard.parts for unit in feed.units(part, begins=True)]
    assert (len(sizes), sum(size < 60 for size in sizes)) == (256, 96)
