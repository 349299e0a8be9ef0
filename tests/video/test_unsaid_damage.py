"""Damage that libav's decoders patch up and do not report is recorded nevertheless."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import av
import pytest
from generate import Clip, cached
from mutated import Given, by_fleet, by_pyav, differences
from other_codecs import made

from fleet.ascend import unwritten
from fleet.ascend.unwritten import Unwritten
from fleet.backend.kinds import Opening, open_device
from fleet.backend.simulated.complaints import complaints
from fleet.worker.prefetch import FetchPool


@pytest.fixture(scope="module")
def decode() -> Iterator[Callable[[Path, int | None], Given]]:
    """Decode a file, by leases of so many GOPs, or of all."""
    with closing(FetchPool()) as readers, closing(open_device(Opening("Ascend310"))) as device:
        yield lambda path, gops: by_fleet(path, device, readers, gops)


@pytest.fixture
def check(
    decode: Callable[[Path, int | None], Given], tmp_path: Path
) -> Callable[[Path, bytes], tuple[Given, Given]]:
    """Compare what comes out of changed bytes of a file with a full decode of them.

    Decoded a GOP at a time, which is returned, and in one go.
    """

    def compare(source: Path, data: bytes) -> tuple[Given, Given]:
        path = tmp_path / f"changed{source.suffix}"
        path.write_bytes(data)
        ours, theirs = decode(path, 1), by_pyav(path)
        sound = {name for _, name in by_pyav(source).frames}
        assert differences(ours, theirs, sound) == []
        assert differences(decode(path, None), theirs, sound) == []
        return ours, theirs

    return compare


def _packets(path: Path) -> list[tuple[int, bytes]]:
    """Return where a file's packets lie, and their bytes."""
    data, found, at = path.read_bytes(), [], 0
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                at = data.index(bytes(packet), at)
                found.append((at, bytes(packet)))
    return found


@pytest.mark.parametrize("name", ["huffyuv", "mjpeg", "png", "flv1"])
def test_a_picture_cut_short_by_the_end_of_the_file_is_lost(
    clip_folder: Path, check: Callable[[Path, bytes], tuple[Given, Given]], name: str
) -> None:
    """Wherever it is cut: what a decoder leaves in the rest is from earlier pictures."""
    source = made(name, "avi", clip_folder)
    packets = _packets(source)
    for row, part in ((5, 0.3), (11, 0.6), (20, 0.95)):
        at, data = packets[row]
        ours, _ = check(source, source.read_bytes()[: at + int(len(data) * part)])
        assert len(ours.frames) == row
        assert len(ours.lost) == 1


@pytest.mark.parametrize("kind", [b"\xff\xdb", b"\xff\xc4", b"\xff\xda"])
def test_a_jpeg_without_its_tables_or_its_scan_is_lost(
    clip_folder: Path, check: Callable[[Path, bytes], tuple[Given, Given]], kind: bytes
) -> None:
    """A decoder would take the tables, or all of the picture, from another one."""
    source = made("mjpeg", "mkv", clip_folder)
    at, picture = _packets(source)[7]
    data = bytearray(source.read_bytes())
    data[at + picture.index(kind) + 1] = 0xFE  # a comment now
    ours, _ = check(source, bytes(data))
    assert (len(ours.frames), len(ours.lost)) == (29, 1)


@pytest.mark.parametrize(
    ("name", "container"),
    [("ffv1", "mkv"), ("divx 3", "avi"), ("mpeg4", "avi"), ("flv1", "flv"), ("h263", "3gp")],
)
def test_bytes_that_are_noise_are_no_silent_difference(
    clip_folder: Path,
    check: Callable[[Path, bytes], tuple[Given, Given]],
    name: str,
    container: str,
) -> None:
    """In the second half of pictures behind a key, 20 times."""
    source, chance = made(name, container, clip_folder), random.Random(5)  # noqa: S311
    packets, lost = _packets(source), 0
    for row in (4, 9, 12, 18):
        for _ in range(5):
            data, (at, picture) = bytearray(source.read_bytes()), packets[row]
            start = at + chance.randrange(len(picture) // 2, len(picture) - 8)
            data[start : start + 8] = chance.randbytes(8)
            lost += len(check(source, bytes(data))[0].lost)
    assert lost


@pytest.mark.parametrize("name", ["h264 96x96", "h264 4:2:2", "h264 10 bit"])
def test_damage_adds_nothing_to_the_key_behind_it(
    clip_folder: Path,
    decode: Callable[[Path, int | None], Given],
    tmp_path: Path,
    name: str,
) -> None:
    """Libav keeps what it had read of the block with the damage, through a flush as well."""
    source, chance = made(name, "mkv", clip_folder), random.Random(7)  # noqa: S311
    packets, right, path = _packets(source), decode(source, None), tmp_path / "changed.mkv"
    with av.open(str(source)) as container:
        demuxed = container.demux(container.streams.video[0])
        keys = [(p.pts, bytes(p)) for p in demuxed if p.is_keyframe]
        last = next(n for n, (_, data) in enumerate(packets) if data == keys[1][1]) - 1
    begins, lost = keys[1][0] or 0, 0
    for _ in range(60):
        data, (at, picture) = bytearray(source.read_bytes()), packets[last]
        start = at + chance.randrange(12, len(picture) - 2)
        data[start : start + 2] = chance.randbytes(2)
        path.write_bytes(data)
        ours = decode(path, None)
        behind = [frame for frame in ours.frames if (frame[0] or 0) >= begins]
        assert behind == [frame for frame in right.frames if (frame[0] or 0) >= begins]
        lost += len(ours.lost)
    assert lost


def test_a_picture_of_h265_of_which_some_is_not_decoded_is_no_silent_difference(
    clip_folder: Path, check: Callable[[Path, bytes], tuple[Given, Given]]
) -> None:
    """Libav reports no slice that ends early; and reads on behind one that is cut short."""
    source = cached(Clip("h265", "ts", gop_kind="open"), clip_folder)
    chance, lost = random.Random(3), 0  # noqa: S311
    data = source.read_bytes()
    for _ in range(40):
        at = 188 * chance.randrange(8, len(data) // 188)
        changed = bytearray(data)
        if chance.random() < 0.5:
            del changed[at : at + 188]
        else:
            changed[at + 60 : at + 70] = chance.randbytes(10)
        lost += len(check(source, bytes(changed))[0].lost)
    assert lost


def test_a_reference_that_is_missing_behind_a_key_is_found(
    clip_folder: Path, check: Callable[[Path, bytes], tuple[Given, Given]]
) -> None:
    """Also where leading pictures of that key, which may be references too, are left out."""
    source = cached(Clip("h264", "ts", gop_kind="open", b_frames=2), clip_folder)
    lost = 0
    with av.open(str(source)) as container:
        pts = [p.pts for p in container.demux(container.streams.video[0]) if p.size]
    for row in range(8, len(pts)):
        data = source.read_bytes()
        with av.open(str(source)) as container:
            packets = [p for p in container.demux(container.streams.video[0]) if p.size]
            start, end = (
                packets[row].pos,
                packets[row + 1].pos if row + 1 < len(packets) else len(data),
            )
        assert start is not None
        assert end is not None
        ours, _ = check(source, data[:start] + data[end:])
        lost += len(ours.lost)
    assert lost > 20


def test_an_index_of_avi_that_bytes_are_missing_for_is_not_believed(
    clip_folder: Path, check: Callable[[Path, bytes], tuple[Given, Given]]
) -> None:
    """Any bytes may be pictures of HuffYUV, but those behind the gap are found by a scan."""
    source = made("huffyuv", "avi", clip_folder)
    at, _ = _packets(source)[12]
    data = source.read_bytes()
    ours, _ = check(source, data[: at + 100] + data[at + 132 :])
    assert len(ours.frames) >= 27


def test_memory_that_a_decoder_did_not_write_is_found() -> None:
    """Where it was new, and where it was marked; a black picture is none."""
    finder = Unwritten(reference_frames=1)
    frames = []
    for fill in (0, 16, 255):
        frame = av.VideoFrame(176, 144, "yuv420p")
        for plane, value in zip(frame.planes, (fill, 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frames.append(frame)
    assert [finder.is_in(frame) for frame in frames] == [False, False, False]
    new = av.VideoFrame(176, 144, "yuv420p")
    for plane in new.planes:
        plane.update(bytes(plane.buffer_size))
    assert finder.is_in(new)


def test_memory_is_marked_once_nobody_uses_it() -> None:
    """Not while a job holds the picture; then a copy that shares no byte stays as it is."""
    finder = Unwritten(reference_frames=0)
    frames = []
    for fill in range(50, 60):
        frame = av.VideoFrame(64, 64, "gray")
        frame.planes[0].update(bytes([fill]) * frame.planes[0].buffer_size)
        frames.append(frame)
    assert not any(finder.is_in(frame) for frame in frames)
    assert [set(bytes(frame.planes[0])) for frame in frames] == [{fill} for fill in range(50, 60)]


def test_hardly_any_picture_is_copied_for_a_mark(
    clip_folder: Path,
    decode: Callable[[Path, int | None], Given],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory that cannot be marked when it is given back hides what is left unwritten in it."""
    marked: list[bool] = []
    mark = unwritten._mark

    def counted(frame: av.VideoFrame) -> bool:
        marked.append(mark(frame))
        return marked[-1]

    monkeypatch.setattr(unwritten, "_mark", counted)
    for pyramid in (False, True):
        clip = Clip("h265", gop=30, gop_kind="open", frames=90, b_frames=4, pyramid=pyramid)
        decode(cached(clip, clip_folder), None)
    assert marked.count(True) > 100
    assert marked.count(False) <= 4


def test_what_libav_says_is_heard_and_nothing_stays_as_it_was_set() -> None:
    """PyAV asks for no messages before and after."""
    before = av.logging.get_level()
    context = av.CodecContext.create("mjpeg", "r")
    header = av.Packet(b"\xff\xd8\xff\xc0\0\x0b" + bytes(40))
    with complaints() as said, pytest.raises(av.FFmpegError):
        context.decode(header)
    assert said == ["bits 0 is invalid"]
    assert av.logging.get_level() == before


@pytest.mark.parametrize("container", ["avi", "mkv"])
def test_a_stream_whose_first_picture_is_damaged_is_read_as_the_others_say(
    clip_folder: Path, check: Callable[[Path, bytes], tuple[Given, Given]], container: str
) -> None:
    """Its range and its format are known from a picture alone."""
    source = made("mjpeg 4:2:2", container, clip_folder)
    at, _ = _packets(source)[0]
    data = bytearray(source.read_bytes())
    data[at : at + 200] = bytes(200)
    ours, _ = check(source, bytes(data))
    assert len(ours.frames) == 29
