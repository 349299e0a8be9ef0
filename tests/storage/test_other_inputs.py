"""An output whose runs had other inputs, or whose videos are gone by now."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded import write_grays
from window_runs import clips_of_windows, run

from fleet.core.format import duration
from fleet.views.summary import render


def test_the_summary_counts_the_videos_that_its_seconds_are_of(tmp_path: Path) -> None:
    """Also those that an earlier run found, which are not among the inputs any more."""
    archive, output = tmp_path / "in", tmp_path / "out"
    archive.mkdir()
    write_grays(archive / "a.mp4")
    alone = run(archive, output)
    assert f"video       {duration(alone.total.video_s)} in 1 video\n" in render(alone)
    (archive / "a.mp4").unlink()
    for name in "bc":
        write_grays(archive / f"{name}.mp4")
    report = run(archive, output)
    assert (report.videos, report.other_videos, report.total.frames) == (2, 1, 120)
    whole = duration(report.total.video_s)
    assert f"{whole} in 3 videos, 1 of them not among the inputs\n" in render(report)
    assert "3 videos, 120 frames" in repr(report)
    assert f"{whole} in 3 videos" in report._repr_html_()
    # The share of bytes would be that of other videos.
    assert "%" not in render(report).partition("read  ")[2].partition("\n")[0]


def test_videos_that_changed_or_are_looked_at_again_are_not_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are among the inputs, whatever version of them the output has held."""
    archive = clips_of_windows(tmp_path / "in", monkeypatch)
    (archive / "text.mp4").write_text("I am a text.\n" * 100)
    run(archive, tmp_path / "out")
    with (archive / "a.mp4").open("ab") as file:
        file.write(b"\0\0\0\x08free")
    for _ in range(2):
        report = run(archive, tmp_path / "out")
        assert (report.videos, report.other_videos) == (4, 0)
