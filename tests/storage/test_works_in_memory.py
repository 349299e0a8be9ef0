"""What a run keeps in memory of the videos that it has done."""

from __future__ import annotations

import gc
from pathlib import Path

from recorded import write_grays
from test_retry_failed import CODE, NEVER

import fleet
from fleet.core.run_events import LeaseDone, RunEvent
from fleet.plan.shard import VideoWork

VIDEOS = 3


class Counting:
    """An observer that counts the videos whose work is in memory, behind each lease."""

    def __init__(self) -> None:
        self.works: list[int] = []

    def on_event(self, event: RunEvent) -> None:
        """Be told of something."""
        if isinstance(event, LeaseDone):
            gc.collect()
            held = [each for each in gc.get_objects() if isinstance(each, VideoWork)]
            self.works.append(len({work.source.uri for work in held}))


def test_of_a_video_that_is_done_no_work_stays(tmp_path: Path) -> None:
    """Also where it was in the first window: memory follows what is in hand."""
    (tmp_path / "in").mkdir()
    for number in range(VIDEOS):
        write_grays(tmp_path / "in" / f"{number}.mp4")
    code = CODE.format(version=1, fails=NEVER, columns="", values="")
    (tmp_path / "mine.py").write_text(code)
    (tmp_path / "mine.toml").write_text('job = "mine.py:Version"\n')
    fields = {"input": [str(tmp_path / "in")], "output": str(tmp_path / "out"), "lease_s": 0.05}
    counting = Counting()
    fleet.run(fleet.load_job(tmp_path / "mine.toml", fields), on="inline", observer=counting)
    assert len(counting.works) > VIDEOS
    assert counting.works[0] == VIDEOS
    assert counting.works[-1] <= 1
