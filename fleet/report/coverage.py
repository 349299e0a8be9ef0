"""What was covered and what was not, with the command that takes each loss up again."""

from __future__ import annotations

import glob
import heapq
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow.dataset as ds

from fleet.core.format import duration, plural, short
from fleet.core.loss import LossReason
from fleet.report.rows import scan
from fleet.table.state.read import Tables
from fleet.table.state.video_manifest import Video
from fleet.table.status import Status

MOST_LOSSES = 200
"""Stretches and videos that are listed one by one."""
MESSAGE_CHARACTERS = 400
NAME_CHARACTERS = 300
"""Longer texts are cut in the middle: whatever they hold, the page stays small."""


@dataclass(frozen=True, order=True)
class Lost:
    """A stretch or a video that did not come out."""

    uri: str
    start_s: float
    """Where it begins; -1 for the whole video."""
    end_s: float
    frames: int
    """Wanted frames that it costs; -1 where that is not known."""
    reason: str
    message: str
    command: str
    """Takes it up again."""

    @property
    def stretch(self) -> str:
        """From where to where, in words."""
        if self.start_s < 0:
            return "whole video"
        return f"{self.start_s:.3f} s to {self.end_s:.3f} s"


@dataclass(frozen=True)
class Coverage:
    """What the output was to cover, and what of it is there."""

    status: Status
    reasons: Sequence[tuple[LossReason, str]]
    """Each with the command that takes up all losses of this kind."""
    losses: Sequence[Lost]
    """In the order of the alphabet, at most MOST_LOSSES of them."""
    loss_rows: int
    """How many there are."""
    unread: Sequence[tuple[str, str]]
    """Videos that could not be read, and why; at most MOST_LOSSES of them."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing and nothing was lost."""
        status = self.status
        missing = status.refused or status.unread or status.to_look
        return status.finished and not (self.loss_rows or missing)


def requeue_command(output: str, *options: str) -> str:
    """Return the command line that takes up what was lost."""
    return shlex.join(["fleet", "requeue", output, *options])


def covered(status: Status, tables: Tables, videos: Sequence[Video]) -> Coverage:
    """Gather what was covered; raises OutputCorruptError where errors/ cannot be read."""
    unread = sorted(
        (video.uri, short(video.unread, MESSAGE_CHARACTERS))
        for video in videos
        if video.unread and video.is_looked_at
    )
    return Coverage(
        status,
        [
            (reason, requeue_command(tables.uri, "--reason", reason.name or reason.stage))
            for reason in status.losses
        ],
        heapq.nsmallest(MOST_LOSSES, _losses(tables.errors, tables.uri)),
        status.total.errors,
        unread[:MOST_LOSSES],
    )


def _losses(errors: ds.Dataset, output: str) -> Iterator[Lost]:
    columns = ["uri", "start_s", "end_s", "frames", "stage", "name", "message"]
    for rows in scan(errors, columns):
        values = (rows.columns[name].to_pylist() for name in columns)
        for uri, start_s, end_s, frames, stage, name, message in zip(*values, strict=True):
            yield Lost(
                uri,
                -1.0 if start_s is None else start_s,
                -1.0 if end_s is None else end_s,
                -1 if frames is None else frames,
                short(f"{stage}: {name}", NAME_CHARACTERS),
                short(message, MESSAGE_CHARACTERS),
                requeue_command(output, "--uri", glob.escape(uri)),
            )


def summary(coverage: Coverage) -> str:
    """Return in a sentence how much is there."""
    status = coverage.status
    done, wanted = duration(status.done_video_s), duration(status.video_s)
    if coverage.is_whole:
        return f"Everything that was asked for is there: {wanted} of video."
    waiting = plural(status.to_look, "video")
    missing = [f"{waiting} not looked at yet"] if status.to_look else []
    if status.open_inputs:
        missing.append(f"{plural(status.open_inputs, 'input')} not listed to the end")
    missing += [plural(status.refused, "video") + " refused"] if status.refused else []
    missing += [plural(status.unread, "video") + " not read"] if status.unread else []
    lost = status.total.lost_frames
    missing += [plural(lost, "frame") + " lost"] if lost else []
    # How long those are that were not looked at, nobody knows.
    is_part = status.to_look or status.open_inputs
    whole = f"the {wanted} of video that was looked at" if is_part else f"{wanted} of video"
    return f"{done} of {whole} is there{'; ' if missing else ''}{', '.join(missing)}."
