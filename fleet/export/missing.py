"""Which pictures of an export are to be made, and what work that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fleet.core.format import duration
from fleet.core.source import Source
from fleet.errors import FleetError, UsageError
from fleet.executors.choice import Mode, choose
from fleet.export.chosen.video import Video, VideoRows
from fleet.export.chosen.videos import VideoFinder
from fleet.export.frame_set import FrameSet
from fleet.export.picture_job import JPG, PNG
from fleet.export.pictures import PictureFolder
from fleet.job.fields import Place
from fleet.plan.cost import CostModel
from fleet.plan.shard import DoneIntervals, VideoWork, video_work
from fleet.video.index import VideoIndex

Devices = int | Literal["auto"]
SMALL_S = 4.0
"""Work of so many seconds of one device is done in this process: devices take as long to start."""
_ENCODING_S_A_PIXEL = {JPG: 7.5e-9, PNG: 2.2e-7}
"""What encoding takes of one core: 15 ms for a JPEG of 1080p, half a second for a PNG."""


@dataclass(frozen=True)
class Where:
    """Where the pictures of an export are asked to be made."""

    devices: Devices = "auto"
    """How many devices make them; auto: all there are."""
    on: Place = "auto"
    """Where these live; see Job."""

    def __post_init__(self) -> None:
        if self.devices != "auto" and self.devices < 1:
            message = f"--devices {self.devices} makes no picture."
            raise UsageError(message, "It is 1 or more, or auto.")


@dataclass(frozen=True)
class Decision:
    """Where pictures are made."""

    mode: Mode | None
    """None: by the export itself, without devices that are started for it."""
    said: str
    """That, and why, as a line for people."""


def decide(asked: Where, cost_s: float, *, has_cluster: bool) -> Decision:
    """Return where pictures are made whose work is so many seconds of one device, as estimated.

    Who asks for devices, or for a place, gets them; else they are started for large work alone.
    """
    work = f"The pictures are about {duration(cost_s)} of work for one device"
    if asked == Where() and cost_s < SMALL_S:
        return Decision(None, f"{work}, less than {duration(SMALL_S)}: they are made here.")
    choice = choose(asked.on, has_cluster=has_cluster)
    return Decision(choice.mode, f"{work}: they are made by devices, {choice}.")


@dataclass(frozen=True, eq=False)
class Missing:
    """The pictures of one video that are not there."""

    video: Video
    chosen: FrameSet
    """Its frames that are exported."""
    frames: FrameSet
    """Those of them whose pictures are missing."""
    work: VideoWork
    """What making these is."""


@dataclass(frozen=True)
class Found:
    """What there is to make, and of which videos nothing can be made."""

    missing: Sequence[Missing]
    unmakeable: Mapping[str, FleetError]
    """Why no picture can be made of a video, by its URI: it is gone, another one, or damaged."""


def find_missing(
    pictures: PictureFolder,
    videos: Iterable[VideoRows],
    finder: VideoFinder,
    on_video: Callable[[int], None],
) -> Found:
    """Look which pictures of some videos are there; those that are numbered otherwise go.

    `on_video` is told how many videos are done. Raises what `PictureFolder.check_size` raises.
    """
    found: list[Missing] = []
    unmakeable: dict[str, FleetError] = {}
    for count, rows in enumerate(videos, 1):
        pictures.number(rows)
        frames = pictures.missing(rows)
        if frames.count:
            pictures.check_size(rows.video)
            try:
                index = finder.index(rows.video.uri)
                pictures.check(rows, index)
            except FleetError as error:
                unmakeable[rows.video.uri] = error
            else:
                work = _work(index, frames, pictures.suffix, finder)
                found.append(Missing(rows.video, FrameSet.of(rows.numbers), frames, work))
        on_video(count)
    return Found(found, unmakeable)


def _work(index: VideoIndex, frames: FrameSet, suffix: str, finder: VideoFinder) -> VideoWork:
    source = index.source

    def look() -> tuple[VideoIndex, NDArray[np.bool_]]:
        return _look(finder, source, frames)

    encoding_s = index.stream.size.pixels * _ENCODING_S_A_PIXEL[suffix]
    model = CostModel(job_s_a_frame=encoding_s)
    wanted = frames.wanted(len(index.order))
    work = video_work(index, wanted, DoneIntervals([]), model, look)
    # Of a GOP in which nothing is missing there is nothing to do, and nothing to cover.
    return replace(work, todo=work.costs.frames > 0)


def _look(
    finder: VideoFinder, source: Source, frames: FrameSet
) -> tuple[VideoIndex, NDArray[np.bool_]]:
    index = finder.index_of(source)
    try:
        return index, frames.wanted(len(index.order))
    except ValueError as error:
        # Its index was wrong, and is mended by now.
        message = f"{source.uri} has not the frames that were recorded of it: {error}."
        raise UsageError(message, "Run the job again with another output.") from error


def cost_s(missing: Sequence[Missing]) -> float:
    """Return how long one device is estimated to take for it."""
    return sum(float(one.work.costs.seconds[one.work.todo].sum()) for one in missing)
