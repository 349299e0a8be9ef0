"""The index of a video equals what a demux and a decode of it say, and costs a few reads."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from generate import CODECS, Clip, Codec, Container, GopKind, cached, clips, encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from truth import MemoryReader, assert_same_pts, assert_true, probed, regular

from fleet.core.source import Source
from fleet.video.containers.limits import WHOLE_BYTES
from fleet.video.probe.probe import probe

NO_PTS = {"avi", "raw"}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(clips(), st.sampled_from((0, WHOLE_BYTES)))
def test_index_of_any_clip_is_true(clip_folder: Path, clip: Clip, whole_bytes: int) -> None:
    """Packets, payload, keys, pts and frame numbers are those of a real demux and decode."""
    path = cached(clip, clip_folder)
    index = probed(path.read_bytes(), whole_bytes=whole_bytes)
    real = assert_true(index, path)
    if clip.container not in NO_PTS:
        assert_same_pts(index, real)
    elif not index.has_b_frames or clip.container == "raw":
        assert regular(index)


@pytest.mark.parametrize(
    ("clip", "origin", "container"),
    [
        (Clip(), "header", "mp4"),
        (Clip(container="mov"), "header", "mp4"),
        (Clip(container="mp4-fragmented"), "header", "mp4"),
        (Clip(container="avi", b_frames=0), "header", "avi"),
        (Clip(container="avi", b_frames=2), "scan", "avi"),
        (Clip(container="mkv"), "scan", "matroska"),
        (Clip(container="ts"), "scan", "mpegts"),
        (Clip(container="m2ts"), "scan", "mpegts"),
        (Clip(container="raw"), "scan", "h264"),
        (Clip(codec="h265", container="raw"), "scan", "hevc"),
    ],
    ids=lambda value: value.container if isinstance(value, Clip) else value,
)
def test_origin_says_how_the_packets_were_found(
    clip_folder: Path, clip: Clip, origin: str, container: str
) -> None:
    """Containers that list their packets are read by header, the others scanned; small ones too."""
    data = cached(clip, clip_folder).read_bytes()
    index = probed(data, whole_bytes=0)
    assert (index.origin, index.container) == (origin, container)
    assert probed(data).origin == "scan"


def test_town_is_indexed_from_two_reads(town: Path) -> None:
    """H.264, moov in front: 795 frames, 16 closed GOPs, from less than 0.1 MB."""
    reader = MemoryReader(town.read_bytes())
    index = probe(Source("town", reader.size, "e"), reader)
    assert_same_pts(index, assert_true(index, town))
    assert (len(index.order), len(index.cuts), index.open_gops) == (795, 16, 0)
    assert index.has_b_frames
    assert len(reader.ranges) == 2
    assert index.bytes_read < 100_000


def test_town_hevc_is_indexed_from_three_reads(town_hevc: Path) -> None:
    """H.265, moov at the end: 400 frames, 10 GOPs, open but for the first."""
    reader = MemoryReader(town_hevc.read_bytes())
    index = probe(Source("town", reader.size, "e"), reader)
    assert_same_pts(index, assert_true(index, town_hevc))
    assert (len(index.order), len(index.cuts), index.open_gops) == (400, 10, 9)
    assert len(reader.ranges) == 3
    assert index.bytes_read < 100_000


def test_town_in_matroska_is_scanned_once(town_mkv: Path) -> None:
    """H.264 in Matroska: every byte is asked for once, but for the first look."""
    reader = MemoryReader(town_mkv.read_bytes())
    index = probe(Source("town", reader.size, "e"), reader)
    assert_same_pts(index, assert_true(index, town_mkv))
    assert (len(index.order), len(index.cuts)) == (400, 10)
    assert index.open_gops > 0
    assert index.bytes_read <= reader.size + (64 << 10)


def padded(path: Path, megabytes: int) -> bytes:
    """An MP4 file with its moov at the end and a large stretch of nothing in front of it."""
    data = path.read_bytes()
    moov = data.rindex(b"moov") - 4
    free = megabytes << 20
    return data[:moov] + free.to_bytes(4, "big") + b"free" + bytes(free - 8) + data[moov:]


def test_what_is_no_index_is_not_read(clip_folder: Path) -> None:
    """Megabytes between the payload and the index are stepped over."""
    reader = MemoryReader(padded(cached(Clip(), clip_folder), 9))
    index = probe(Source("padded", reader.size, "e"), reader)
    assert len(index.order) == 30
    assert index.bytes_read < 100_000
    assert len(reader.ranges) <= 3


def fragments(path: Path, gap: int) -> bytes:
    """A fragmented MP4 whose fragments stand far apart."""
    data, out, offset = path.read_bytes(), b"", 0
    while offset < len(data):
        size, kind = int.from_bytes(data[offset : offset + 4], "big"), data[offset + 4 : offset + 8]
        if kind == b"mfra":
            break
        if kind == b"moof":
            out += gap.to_bytes(4, "big") + b"free" + bytes(gap - 8)
        out += data[offset : offset + size]
        offset += size
    return out


def test_fragments_cost_one_small_read_each(clip_folder: Path, tmp_path: Path) -> None:
    """Of a fragmented file only the fragments' headers are read."""
    source = cached(Clip(container="mp4-fragmented", frames=48, gop=8), clip_folder)
    path = tmp_path / "far.mp4"
    path.write_bytes(fragments(source, 1 << 20))
    reader = MemoryReader(path.read_bytes())
    index = probe(Source("far", reader.size, "e"), reader)
    assert_same_pts(index, assert_true(index, path))
    assert len(index.cuts) == 6
    assert len(reader.ranges) <= 2 * 6 + 3
    assert index.bytes_read < reader.size // 10


def remuxed(source: Path, path: Path, first_row: int, muxer: str) -> Path:
    """A copy of a file's packets from `first_row` on, in another container."""
    with av.open(str(source)) as origin, av.open(str(path), "w", format=muxer) as copy:
        stream = origin.streams.video[0]
        target = copy.add_stream_from_template(stream)
        for row, packet in enumerate(origin.demux(stream)):
            if packet.size and row >= first_row:
                packet.stream = target
                copy.mux(packet)
    return path


# libav's converter to start codes puts parameter sets in front of IDR pictures only: what is to
# begin elsewhere in a container with start codes comes from one.
LATE = [
    (codec, kind, muxer, late)
    for codec, kinds in (("h264", ("closed", "open")), ("h265", ("closed", "open", "radl")))
    for kind in kinds
    for muxer in ("mp4", "matroska", "mpegts", "raw")
    for late in (-3, 0, 1)
]


@pytest.mark.parametrize(("codec", "kind", "muxer", "late"), LATE)
def test_stream_that_begins_late_is_numbered_as_decoded(
    clip_folder: Path, tmp_path: Path, codec: Codec, kind: GopKind, muxer: str, late: int
) -> None:
    """Cut before, at, or after its second key: what a decoder gives no frame for is not shown."""
    container: Container = "mp4" if muxer in {"mp4", "matroska"} else "ts"
    clip = Clip(codec=codec, container=container, gop_kind=kind, b_frames=3, frames=40)
    source = cached(clip, clip_folder)
    second = int(probed(source.read_bytes()).cuts[1])
    if muxer == "raw":
        muxer = "h264" if codec == "h264" else "hevc"
    path = remuxed(source, tmp_path / "late", second + late, muxer)
    index = probed(path.read_bytes())
    assert_true(index, path)
    if kind != "radl":  # an MP4 muxer's edit list hides those, though they could be shown
        assert index.packets.shown.all() == (kind == "closed" and late == 0)


def test_edit_list_hides_packets_but_keeps_them(clip_folder: Path) -> None:
    """What stands before the edit's start serves decoding and is not shown."""
    clip = Clip(container="mp4-edit", hidden=5)
    index = probed(cached(clip, clip_folder).read_bytes())
    assert len(index.packets) == 30
    assert len(index.order) == 25
    assert index.start_pts == 0
    assert (index.packets.pts[~index.packets.shown] < 0).all()


def test_edit_list_may_hide_the_end(clip_folder: Path, tmp_path: Path) -> None:
    """A file that shows less than it holds: GOPs behind the end own no frames."""
    data = bytearray(cached(Clip(frames=48, gop=8), clip_folder).read_bytes())
    at = data.index(b"elst") + 12
    duration = int.from_bytes(data[at : at + 4], "big")
    data[at : at + 4] = (duration // 2).to_bytes(4, "big")
    path = tmp_path / "short.mp4"
    path.write_bytes(data)
    index = probed(bytes(data))
    assert_same_pts(index, assert_true(index, path))
    assert len(index.order) < 30
    assert (np.diff(index.bounds) > 0).all()


def test_key_flags_that_lie_are_found_out(clip_folder: Path, tmp_path: Path) -> None:
    """An MP4 without its table of keys claims that every picture is one: the pictures are asked."""
    data = cached(Clip(), clip_folder).read_bytes().replace(b"stss", b"free")
    path = tmp_path / "liar.mp4"
    path.write_bytes(data)
    index = probed(data)
    assert index.origin == "scan"
    assert_same_pts(index, assert_true(index, path))
    assert len(index.cuts) == 3


def test_gradual_refresh_is_one_gop(tmp_path: Path) -> None:
    """Recovery points that pictures need time to recover at are no keys, whatever a muxer says."""
    path = tmp_path / "refresh.mp4"
    encode(path, "libx264", {"x264-params": "intra-refresh=1:keyint=12:bframes=0"})
    index = probed(path.read_bytes())
    assert len(index.cuts) == 1
    assert len(index.order) == 40


def test_long_raw_stream_is_ordered_past_the_wrap_of_its_order_counts(
    clip_folder: Path,
) -> None:
    """Order counts of a few bits wrap many times within one long GOP."""
    for codec in CODECS:
        path = cached(
            Clip(codec=codec, container="raw", frames=400, gop=1000, b_frames=3, pyramid=True),
            clip_folder,
        )
        index = probed(path.read_bytes())
        assert_true(index, path)
        assert regular(index)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
def test_sound_beside_the_pictures_does_not_disturb(tmp_path: Path, suffix: str) -> None:
    """Interleaved audio is left out, in every container."""
    path = tmp_path / f"sound.{suffix}"
    with_sound(path)
    assert_true(probed(path.read_bytes()), path)


def with_sound(path: Path) -> None:
    """Forty pictures and as much sound, interleaved."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=25, options={"bf": "0", "g": "9"})
        video.width, video.height, video.pix_fmt = 160, 128, "yuv420p"
        audio = output.add_stream("aac", rate=16000)
        for number in range(40):
            grey = np.full((128 * 3 // 2, 160), 40 + number * 4, np.uint8)
            picture = av.VideoFrame.from_ndarray(grey, "yuv420p")
            picture.pts = number
            output.mux(video.encode(picture))
            noise = np.random.default_rng(number).standard_normal((1, 640)).astype(np.float32)
            sound = av.AudioFrame.from_ndarray(noise * 0.1, "fltp", "mono")
            sound.sample_rate, sound.pts = 16000, number * 640
            output.mux(audio.encode(sound))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))
