"""Training pictures: rendered through the decode path, changed together with their truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.geometry import Size
from fleet.errors import UsageError

if TYPE_CHECKING:
    from fleet.train.data.samples import Samples


def test_training_shares_no_street_with_an_archive() -> None:
    """`fleet street --seed N` takes scenes N * 1000 + camera, of which there are up to 999."""
    from fleet.street.archive import plan_archive
    from fleet.train.data.scenes import (
        TRAINING_SEED,
        VALIDATION_SEED,
        training_clip,
        validation_clip,
    )

    last = plan_archive(Path("out"), 999, 10, 99_000)[-1].clip
    assert last.scene < TRAINING_SEED
    assert training_clip(99_999_999, 2).scene < VALIDATION_SEED == validation_clip(0, 2).scene


def test_the_usual_looks_are_those_of_an_archive() -> None:
    """So that training and validation keep up with what `fleet street` renders."""
    from fleet.street.archive import plan_archive
    from fleet.train.data.scenes import validation_clip

    looks = [
        (shot.clip.light, shot.clip.weather, shot.clip.density)
        for shot in plan_archive(Path("out"), 8, 10, 1)
    ]
    clips = [validation_clip(number, 2) for number in range(8)]
    assert [(clip.light, clip.weather, clip.density) for clip in clips] == looks


def test_training_sees_every_light_weather_and_crowd() -> None:
    """Crossed with each other, within the first hundred streets."""
    from fleet.train.data.scenes import training_clip

    clips = [training_clip(number, 2) for number in range(100)]
    assert len({(clip.light, clip.weather) for clip in clips}) == 9
    assert len({clip.density for clip in clips}) == 4
    assert len({clip.coding.codec for clip in clips}) == 2


def test_a_street_is_rendered_once(tmp_path: Path) -> None:
    """Pictures on the band, the truth in its pixels; what is there is left alone."""
    from fleet.train.data.pictures import BORDER, CONTENT
    from fleet.train.data.render import render_samples
    from fleet.train.data.samples import bands_path, load
    from fleet.train.data.scenes import training_clip

    clip = training_clip(1, 2)
    render_samples(tmp_path, "street", clip)
    made = load(tmp_path, "street")
    assert made.bands.shape == (2, 256, 416, 3)
    assert (made.bands[:, :10] == BORDER).all()
    assert (made.bands[:, 10 + CONTENT.height :] == BORDER).all()
    assert made.bands[:, 10 : 10 + CONTENT.height].std() > 10
    assert (made.truth[:, 3] >= 10).all()
    assert (made.truth[:, 5] <= 10 + CONTENT.height + 1e-3).all()
    written = bands_path(tmp_path, "street").stat().st_mtime_ns
    render_samples(tmp_path, "street", clip)
    assert bands_path(tmp_path, "street").stat().st_mtime_ns == written


def test_pictures_of_another_shape_are_refused() -> None:
    """The band is what 16:9 fills."""
    from fleet.train.data.pictures import canvas_placement

    with pytest.raises(UsageError, match="16:9"):
        canvas_placement(Size(640, 480))


@given(st.integers(0, 2**32))
def test_boxes_follow_their_picture(seed: int) -> None:
    """A bright box on a dark picture is where the truth says, whatever was changed."""
    from fleet.train.data.augment import Change, changed

    band = np.full((256, 416, 3), 130, np.uint8)
    band[10:244] = 20
    band[100:160, 180:260] = 250
    truth = np.array([(0, 2, 180, 100, 260, 160, 0.0)], np.float32)
    picture, moved = changed(band, truth, np.random.default_rng(seed), Change(zoom=0.7, tint=0))
    for _, _, left, top, right, bottom, _ in moved:
        rows, columns = np.nonzero(picture[..., 0] > 190)
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert np.abs(np.subtract(found, (left, top, right, bottom))).max() <= 2
    assert len(moved) or not (picture[..., 0] > 190).any()


def test_what_a_cut_leaves_counts_as_less_visible() -> None:
    """Three quarters of a whole figure cut off: it is hidden by so much, and to be ignored."""
    from fleet.train.data.augment import clipped
    from fleet.train.data.targets import ignored

    truth = np.array([(0, 0, -30, 10, 10, 50, 0.0), (0, 0, 300, 0, 310, 9, 0.0)], np.float32)
    (left,) = clipped(truth, (0, 0), (200, 200))
    assert left.tolist() == [0, 0, 0, 10, 10, 50, 0.75]
    assert ignored(left[None]).tolist() == [True]


def test_every_batch_follows_from_its_number(clips: list[Samples]) -> None:
    """Two loaders of one seed give the same batch, and other numbers other ones."""
    from fleet.train.data.augment import Change
    from fleet.train.data.batches import Batches

    one, other = Batches(clips, 7, 2), Batches(clips, 7, 2)
    first, again = (made.make(5, Change(), whole_canvas=False) for made in (one, other))
    assert np.array_equal(first.pictures, again.pictures)
    assert not np.array_equal(first.pictures, one.make(6, Change(), whole_canvas=False).pictures)


def test_the_whole_canvas_is_the_letterbox_of_inference(clips: list[Samples]) -> None:
    """The band lies on rows 80 to 335 of a grey canvas, its boxes with it."""
    from fleet.train.data.batches import on_canvas

    pictures, truth = on_canvas(clips[0].bands, clips[0].truth)
    assert pictures.shape == (2, 416, 416, 3)
    assert np.array_equal(pictures[:, 80:336], clips[0].bands)
    assert (pictures[:, :80] == 130).all()
    assert np.array_equal(truth[:, 3], clips[0].truth[:, 3] + 80)


def test_an_archive_gives_the_pictures_that_rendering_gives(tmp_path: Path) -> None:
    """The same street, rendered for training or read from its clip: the same boxes in the same places."""
    from fleet.street.archive import plan_archive, render_shot
    from fleet.street.scene.truth import SMALLEST_PX
    from fleet.train.data.archive import archive_pieces, cut_samples
    from fleet.train.data.samples import load
    from fleet.train.data.targets import ignored

    (shot,) = plan_archive(tmp_path, 1, 1.0, 3)
    for folder in (shot.video.parent, shot.truth.parent):
        folder.mkdir(parents=True)
    render_shot(shot)
    (piece,) = archive_pieces(
        tmp_path, [str(shot.video.parent)], str(shot.truth.parent), "every=5"
    ).values()
    made = load(tmp_path, cut_samples(*piece))
    assert len(made) == 3
    assert len(made.truth)
    assert (made.bands[:, :10] == 130).all()
    counted = made.truth[~ignored(made.truth)]
    assert (counted[:, 5] - counted[:, 3] >= SMALLEST_PX).all()
    assert cut_samples(*piece) == piece[1]


def person(x1: float = 10.0, frame: int = 0) -> dict[str, object]:
    """Make a row of truth for the only video."""
    box = {"x1": x1, "y1": 10.0, "x2": 60.0, "y2": 90.0}
    return {"uri": "a.mp4", "frame": frame, "label": "person", **box}


@pytest.mark.parametrize(
    "changed",
    [
        [person(x1=11.0)],
        [person(), person(frame=1)],
        [person() | {"label": "car"}],
        [person() | {"ignore": True}],
    ],
    ids=["a box moved", "a row more", "another label", "ignored"],
)
def test_truth_that_changes_under_the_same_name_makes_other_samples(
    tmp_path: Path, changed: list[dict[str, object]]
) -> None:
    """What was cut for the truth of before is not taken for that of now."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from fleet.train.data.archive import archive_pieces

    video, truth = tmp_path / "a.mp4", tmp_path / "truth.parquet"
    video.write_bytes(b"a video")

    def names() -> set[str]:
        return set(archive_pieces(tmp_path, [str(video)], str(truth), "every=5"))

    pq.write_table(pa.Table.from_pylist([person()]), truth)
    before = names()
    assert len(before) == 1
    assert names() == before
    pq.write_table(pa.Table.from_pylist(changed), truth)
    assert names().isdisjoint(before)
    pq.write_table(pa.Table.from_pylist([person()]), truth)
    assert names() == before


def test_a_video_that_changes_under_the_same_name_makes_other_samples(tmp_path: Path) -> None:
    """Its truth being the same; the same truth elsewhere makes the same ones."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from fleet.train.data.archive import archive_pieces

    video, truth, copy = (tmp_path / name for name in ("a.mp4", "t.parquet", "copy.parquet"))
    video.write_bytes(b"a video")
    for path in (truth, copy):
        pq.write_table(pa.Table.from_pylist([person()]), path)
    before = set(archive_pieces(tmp_path, [str(video)], str(truth), "all"))
    assert set(archive_pieces(tmp_path, [str(video)], str(copy), "all")) == before
    video.write_bytes(b"another video")
    assert before.isdisjoint(archive_pieces(tmp_path, [str(video)], str(truth), "all"))


def test_an_archive_with_other_labels_is_refused(tmp_path: Path) -> None:
    """Says which labels the network learns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from fleet.train.data.archive import archive_pieces

    row = {"uri": "a.mp4", "frame": 0, "label": "dog", "x1": 1.0, "y1": 1.0, "x2": 5.0, "y2": 9.0}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "truth.parquet")
    with pytest.raises(UsageError, match="dog"):
        archive_pieces(tmp_path, [str(tmp_path)], str(tmp_path / "truth.parquet"), "all")
