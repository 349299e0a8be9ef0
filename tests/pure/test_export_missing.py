"""What is to be made of an export's pictures, where, and how they are called there."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from exported_rows import long_video
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.errors import UsageError
from fleet.executors.choice import Mode
from fleet.export.formats import FORMATS
from fleet.export.frame_set import FrameSet
from fleet.export.missing import SMALL_S, Where, decide
from fleet.export.picture_job import JPG, PictureNames
from fleet.export.pictures import PictureFolder
from fleet.storage import Folder

NUMBERS = st.sets(st.integers(0, 3000)).map(lambda found: np.array(sorted(found), np.int64))


@given(NUMBERS, st.integers(0, 50))
def test_a_set_of_frames_holds_these_and_no_others(numbers: Any, more: int) -> None:
    """As numbers, and as a flag a frame of a video with as many frames, or more."""
    frames = FrameSet.of(numbers)
    assert frames.count == len(numbers)
    assert np.array_equal(frames.numbers(), numbers)
    length = (int(numbers[-1]) + 1 if len(numbers) else 0) + more
    assert np.array_equal(np.flatnonzero(frames.wanted(length)), numbers)
    assert len(frames.wanted(length)) == length


def test_a_set_of_frames_is_of_no_shorter_video() -> None:
    """What is wanted of a video that has another index by now would be something else."""
    with pytest.raises(ValueError, match="frame 9 is none of 9"):
        FrameSet.of(np.array([2, 9])).wanted(9)


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=10)
@given(data=st.data())
def test_devices_call_pictures_as_the_export_does(form: str, data: Any) -> None:
    """In each format, also by places among the exported frames, and after they were pickled."""
    rows = long_video(40)
    kept = data.draw(st.sets(st.integers(0, 39), min_size=1).map(sorted))
    rows.numbers[: len(kept)] = kept
    numbers = rows.numbers[: len(kept)]
    uri = rows.video.uri
    names = PictureNames(FORMATS[form], {uri: rows.video}, {uri: FrameSet.of(numbers)})
    names = pickle.loads(pickle.dumps(names))  # noqa: S301 - our own
    for place in data.draw(st.permutations(range(len(kept)))):
        wanted = FORMATS[form].picture(rows.video, rows.bare(place), JPG)
        assert names("picture", uri, kept[place], b"", JPG) == wanted


def test_jpegs_of_odd_sides_are_refused(tmp_path: Path) -> None:
    """Before anything is decoded; PNG takes them."""
    rows = long_video(1)
    odd = replace(rows, video=replace(rows.video, width=201))
    pictures = PictureFolder(Folder(str(tmp_path)), FORMATS["coco"], JPG, "/out")
    with pytest.raises(UsageError, match="JPEGE takes even sides, not the 201x100"):
        pictures.check_size(odd.video)


@pytest.mark.parametrize("has_cluster", [True, False])
def test_few_pictures_are_made_here(has_cluster: bool) -> None:
    """Devices would take as long to start, wherever they live."""
    decision = decide(Where(), 0.99 * SMALL_S, has_cluster=has_cluster)
    assert decision.mode is None
    assert "they are made here" in decision.said


@pytest.mark.parametrize(("has_cluster", "mode"), [(True, "ray"), (False, "processes")])
def test_many_pictures_are_made_by_the_devices_that_a_run_has(has_cluster: bool, mode: str) -> None:
    """The line says where, and why there."""
    decision = decide(Where(), 1.01 * SMALL_S, has_cluster=has_cluster)
    assert decision.mode == mode
    assert "by devices" in decision.said
    assert "cluster is named" in decision.said


@pytest.mark.parametrize("mode", get_args(Mode))
def test_who_asks_for_devices_gets_them(mode: Mode) -> None:
    """However little there is to do."""
    assert decide(Where(on=mode), 0.0, has_cluster=False).mode == mode
    assert decide(Where(devices=2), 0.0, has_cluster=True).mode == "ray"
    with pytest.raises(UsageError, match="--devices 0"):
        Where(devices=0)
