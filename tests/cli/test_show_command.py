"""`fleet show` as users meet it, over a made-up output of a generated clip."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from command import fleet_here
from exact import index_of
from generate import Clip, write
from made_up import commit_lease
from numpy.typing import NDArray
from PIL import Image
from recorded import detections_output, gray_of, record_detections, write_grays

from fleet.cli.show import show
from fleet.errors import UsageError
from fleet.index_cache.store import IndexStore
from fleet.show.detections import read_detections
from fleet.storage import Folder
from fleet.table.state.read import read


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Forty frames at 10 a second."""
    return write_grays(tmp_path / "gate.mp4")


@pytest.fixture
def out(clip: Path, tmp_path: Path) -> Folder:
    """An output that looked at each tenth frame from 10, and found two boxes in each."""
    folder = detections_output(Folder(str(tmp_path / "out")))
    record_detections(folder, index_of(clip), [10, 20, 30])
    return folder


def middle(rgb: NDArray[np.uint8]) -> float:
    """The gray in the middle of a picture, where no box is."""
    return float(rgb[100:140, 200:300].mean())


def test_a_png_shows_the_nearest_frame_that_was_looked_at(
    out: Folder, clip: Path, tmp_path: Path
) -> None:
    """The very frame of that number; its boxes; and it says that it is another than asked for."""
    picture = tmp_path / "new" / "one.png"
    done = fleet_here("show", out.uri, "--uri", clip, "--at", "1.85", "--out", picture)
    assert done.returncode == 0, done.stderr
    assert (
        "frame 20 at 2.000 s, the nearest to frame 18 that was looked at; boxes: 2" in done.stdout
    )
    rgb = np.asarray(Image.open(io.BytesIO(picture.read_bytes())))
    assert rgb.shape[1] == 320
    assert middle(rgb) == pytest.approx(gray_of(20), abs=2)
    assert rgb[:20, :20].std() > 5
    exact = fleet_here("show", out.uri, "--uri", "gate.mp4", "--at", "1", "--out", picture)
    assert "frame 10 at 1.000 s; boxes: 2" in exact.stdout


def test_only_boxes_of_a_score_are_read_where_it_is_asked_for(out: Folder, clip: Path) -> None:
    """Those that have it, or more; the frames that were looked at are all there."""
    tables, index = read(out.uri), index_of(clip)
    every = read_detections(tables, index)
    scores = sorted({mark.score for marks in every.marks.values() for mark in marks})
    assert len(scores) > 1
    for least in (scores[0], scores[-1], 1.1):
        some = read_detections(tables, index, least)
        assert some.frames == every.frames
        kept = {
            frame: tuple(mark for mark in marks if mark.score >= least)
            for frame, marks in every.marks.items()
        }
        assert some.marks == {frame: marks for frame, marks in kept.items() if marks}


def test_an_mp4_shows_every_frame_of_a_stretch(out: Folder, clip: Path, tmp_path: Path) -> None:
    """From --at up to before --to, at the pace of the video, those not looked at too."""
    film = tmp_path / "film.mp4"
    done = fleet_here("show", out.uri, "--uri", clip, "--at", "0.75", "--to", "2.05", "--out", film)
    assert done.returncode == 0, done.stderr
    assert "13 frames, of which 2 were looked at" in done.stdout
    with av.open(str(film)) as container:
        frames = [
            (frame.time, middle(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)))
            for frame in container.decode(video=0)
        ]
    assert [time for time, _ in frames] == pytest.approx([n / 10 for n in range(13)])
    assert [gray for _, gray in frames] == pytest.approx([gray_of(n) for n in range(8, 21)], abs=3)


@pytest.mark.parametrize(
    ("at", "to", "name", "said"),
    [
        ("4.1", None, "x.png", "--at 4.1 lies outside .* which lasts 4.000 s"),
        ("-1", None, "x.png", "--at -1 lies outside"),
        ("1", "9", "x.mp4", "--to 9 lies outside"),
        ("2", "1", "x.mp4", "--to 1 is not after --at 2"),
        ("1.01", "1.02", "x.mp4", "No frame is shown first between 1.01 s and 1.02 s"),
        ("noon", None, "x.png", "noon is no number of seconds"),
        ("1", None, "x.mp4", "needs --to"),
        ("1", "2", "x.png", "shows one frame"),
        ("1", None, "x.gif", "neither .png nor .mp4"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    out: Folder, clip: Path, tmp_path: Path, at: str, to: str | None, name: str, said: str
) -> None:
    """Each says what is wrong; nothing is written."""
    with pytest.raises(UsageError, match=said):
        show(out.uri, str(clip), at, tmp_path / name, to)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("fields", [{}, {"rotation": "ignore"}])
def test_a_turned_video_is_shown_as_the_job_saw_it(tmp_path: Path, fields: dict[str, str]) -> None:
    """Upright; or as stored, where the job was told so."""
    clip = write(Clip(frames=12, rotation=90), tmp_path / "phone.mp4")
    folder = detections_output(Folder(str(tmp_path / "out")), **fields)
    record_detections(folder, index_of(clip), [10])
    png = tmp_path / "x.png"
    show(folder.uri, str(clip), "0.4", png)
    rgb = np.asarray(Image.open(io.BytesIO(png.read_bytes())))
    with av.open(str(clip)) as container:
        stored = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)][10]
    truth = stored if fields else np.rot90(stored, -1)
    height, width = truth.shape[:2]
    assert rgb.shape[1] == width
    # Chroma is interpolated in another direction once the picture is turned; and boxes are drawn.
    difference = np.abs(rgb[:height].astype(int) - truth)
    assert np.median(difference) <= 2


def test_a_video_that_the_output_has_not_is_exit_code_2(out: Folder, tmp_path: Path) -> None:
    """One paragraph that names those it has."""
    done = fleet_here(
        "show", out.uri, "--uri", "street.mp4", "--at", "1", "--out", tmp_path / "x.png"
    )
    assert done.returncode == 2
    assert "no frame of street.mp4. It has looked at" in done.stderr
    assert "gate.mp4" in done.stderr


def test_a_video_that_was_replaced_is_refused(out: Folder, clip: Path, tmp_path: Path) -> None:
    """Boxes of one video on the pictures of another would mislead; so would a name of two."""
    other = tmp_path / "other" / "gate.mp4"
    commit_lease(out, str(other), range(3))
    png = tmp_path / "x.png"
    with pytest.raises(UsageError, match=r"may be .* or "):
        show(out.uri, "gate.mp4", "0", png)
    other.parent.mkdir()
    other.write_bytes(clip.read_bytes())
    with pytest.raises(UsageError, match="is not the video"):
        show(out.uri, str(other), "0", png)
    clip.unlink()
    with pytest.raises(UsageError, match="is not there any more"):
        show(out.uri, str(clip), "0", png)
    assert not png.exists()


@pytest.mark.parametrize("kept", [True, False])
def test_an_output_that_cannot_be_written_to_is_shown(
    out: Folder, clip: Path, tmp_path: Path, kept: bool
) -> None:
    """Nothing is put into it, whether the index lies in it or had to be found out."""
    if kept:
        index = index_of(clip)
        store = IndexStore(Folder(f"{out.uri}/_index"))
        store.add(index.source, index)
        store.flush()
    before = {entry.name: entry.etag for entry in out.list()}
    folders = [path for path in Path(out.uri).rglob("*") if path.is_dir()]
    for folder in [Path(out.uri), *folders]:
        folder.chmod(0o555)
    try:
        show(out.uri, str(clip), "1", tmp_path / "x.png")
    finally:
        for folder in [Path(out.uri), *folders]:
            folder.chmod(0o755)
    assert {entry.name: entry.etag for entry in out.list()} == before
