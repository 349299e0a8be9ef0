"""Damaged files: a bad stretch costs its own frames, never the video or the job."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from excerpt import excerpt
from generate import Clip, Container, cached
from truth import probed

import fleet

JOBS = Path(__file__).parents[2] / "jobs"
FRAMES = 250


def thumbnails(video: Path, output: Path) -> tuple[dict[int, bytes], list[dict[str, object]]]:
    """Run the thumbnails job over every fifth frame: frame -> JPEG, and the rows of errors/."""
    settings = {"input": [str(video)], "output": str(output), "sample": "every=5", "width": 64}
    job = fleet.load_job(JOBS / "thumbnails.toml", {**settings, "devices": 1, "lease_s": 1.0})
    report = fleet.run(job, on="inline")
    tables = fleet.read(str(output))
    errors = tables.errors.to_table().to_pylist()
    assert report.exit_code == (3 if errors else 0)
    rows = tables.table("thumbnails").to_table(columns=["frame", "jpeg"]).to_pylist()
    return {row["frame"]: row["jpeg"] for row in rows}, errors


@pytest.fixture(scope="module")
def sound(town: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five GOPs of a real clip, each of 50 frames and some 480 kB."""
    return excerpt(town, FRAMES, tmp_path_factory.mktemp("sound") / "town.mp4")


@pytest.fixture(scope="module")
def whole(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, bytes]:
    """What the sound file gives."""
    pictures, errors = thumbnails(sound, tmp_path_factory.mktemp("whole") / "out")
    assert (len(pictures), errors) == (FRAMES // 5, [])
    return pictures


@pytest.mark.parametrize(
    ("start", "length", "gops_hit"),
    [(1_100_000, 60_000, 1), (1_100_000, 1_200_000, 3), (2_300_000, 1_000_000, 1)],
    ids=["a-stretch", "some-gops", "the-tail"],
)
def test_a_zeroed_stretch_costs_its_own_gops(
    sound: Path, whole: dict[int, bytes], tmp_path: Path, start: int, length: int, gops_hit: int
) -> None:
    """What is left is bit-identical, and what is lost stands in errors/, frame for frame."""
    data = bytearray(sound.read_bytes())
    data[start : start + length] = bytes(len(data[start : start + length]))
    (tmp_path / "damaged.mp4").write_bytes(data)
    pictures, errors = thumbnails(tmp_path / "damaged.mp4", tmp_path / "out")
    assert {frame: whole[frame] for frame in pictures} == pictures
    missing = sorted(set(whole) - set(pictures))
    assert len({frame // 50 for frame in missing}) <= gops_hit
    assert missing
    lost = [n for e in errors for n in range(0, FRAMES, 5) if _spans(e, n / 25)]
    assert sorted(lost) == missing
    assert sum(int(str(error["frames"])) for error in errors) == len(missing)


def _spans(error: dict[str, object], time_s: float) -> bool:
    start_s, end_s = float(str(error["start_s"])), float(str(error["end_s"]))
    return start_s - 1e-6 <= time_s < end_s


def test_a_file_cut_off_in_the_middle_gives_all_in_front_of_the_cut(
    sound: Path, whole: dict[int, bytes], tmp_path: Path
) -> None:
    """The index still tells of the rest, so the rest is recorded as lost."""
    (tmp_path / "cut.mp4").write_bytes(sound.read_bytes()[:1_600_000])
    pictures, errors = thumbnails(tmp_path / "cut.mp4", tmp_path / "out")
    assert {frame: whole[frame] for frame in pictures} == pictures
    assert set(range(0, 150, 5)) <= set(pictures)
    assert len(pictures) + sum(int(str(error["frames"])) for error in errors) == FRAMES // 5


def test_damage_in_an_open_gop_costs_no_later_gop(town_hevc: Path, tmp_path: Path) -> None:
    """The leading pictures behind the next key are lost with it; from that key on all is there."""
    sound, _ = thumbnails(town_hevc, tmp_path / "sound")
    data = bytearray(town_hevc.read_bytes())
    data[1_000_000:1_060_000] = bytes(60_000)
    (tmp_path / "damaged.mp4").write_bytes(data)
    pictures, errors = thumbnails(tmp_path / "damaged.mp4", tmp_path / "out")
    missing = sorted(set(sound) - set(pictures))
    assert {frame: sound[frame] for frame in pictures} == pictures
    assert errors
    assert missing[-1] - missing[0] <= 48


@pytest.mark.parametrize("container", ["mp4", "mov", "mp4-fragmented", "mkv", "avi", "ts"])
def test_a_damaged_first_key_shifts_no_frame_number(
    clip_folder: Path, tmp_path: Path, container: Container
) -> None:
    """Its GOP is lost and said to be; the frames after it keep their numbers."""
    clip = Clip(container=container, frames=30, gop=6, b_frames=0)
    sound = cached(clip, clip_folder)
    whole, _ = thumbnails(sound, tmp_path / "whole")
    table = probed(sound.read_bytes()).packets
    data = bytearray(sound.read_bytes())
    # The lengths and headers of its slices; the text that x264 puts in front is 700 bytes long.
    start = int(table.position[0]) + (640 if container != "ts" else 760)
    data[start : start + 200] = bytes(range(11, 211))
    (tmp_path / f"damaged{clip.suffix}").write_bytes(data)
    pictures, errors = thumbnails(tmp_path / f"damaged{clip.suffix}", tmp_path / "out")
    assert {frame: whole[frame] for frame in range(10, 30, 5)} == pictures
    assert sum(int(str(error["frames"])) for error in errors) == 2


ReadSound = Callable[[int], tuple[Path, dict[int, bytes]]]


@pytest.fixture(scope="module")
def sound_ts(clip_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> ReadSound:
    """A sound transport stream with so many B-frames, and what it gives, by pts."""

    @cache
    def read(b_frames: int) -> tuple[Path, dict[int, bytes]]:
        sound = cached(Clip(container="ts", frames=40, gop=10, b_frames=b_frames), clip_folder)
        return sound, by_pts(sound, tmp_path_factory.mktemp("whole") / "out")[0]

    return read


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("row", [4, 10, 13])
def test_a_picture_that_is_missing_spoils_no_other_unsaid(
    tmp_path: Path, sound_ts: ReadSound, b_frames: int, row: int
) -> None:
    """A transport stream that lost a picture: a decoder would make something up in its place."""
    sound, whole = sound_ts(b_frames)
    table = probed(sound.read_bytes()).packets
    start, span = int(table.position[row]), int(table.span[row])
    data = sound.read_bytes()
    (tmp_path / "lossy.ts").write_bytes(data[:start] + data[start + span :])
    pictures, errors = by_pts(tmp_path / "lossy.ts", tmp_path / "out")
    assert {pts: whole[pts] for pts in pictures} == pictures
    missing = set(whole) - set(pictures) - {int(table.pts[row])}
    spans = [(int(str(e["start_pts"])), int(str(e["end_pts"]))) for e in errors]
    assert missing == {pts for pts in missing if any(a <= pts < b for a, b in spans)}
    assert len(missing) <= 10 + 2 * b_frames
    assert {error["name"] for error in errors} <= {"BrokenVideo", "ERR_VDM_DECODE_FAIL"}


def by_pts(video: Path, output: Path) -> tuple[dict[int, bytes], list[dict[str, object]]]:
    """Run the thumbnails job over every frame: pts -> JPEG, and the rows of errors/."""
    settings = {"input": [str(video)], "output": str(output), "sample": "all", "width": 64}
    fleet.run(fleet.load_job(JOBS / "thumbnails.toml", {**settings, "devices": 1}), on="inline")
    tables = fleet.read(str(output))
    rows = tables.table("thumbnails").to_table(columns=["pts", "jpeg"]).to_pylist()
    return {row["pts"]: row["jpeg"] for row in rows}, tables.errors.to_table().to_pylist()
