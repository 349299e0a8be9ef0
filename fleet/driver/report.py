"""What a run came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.core.format import duration, plural
from fleet.core.html_view import table
from fleet.core.loss import LossReason
from fleet.core.receipt import Refusals, Tally

WHOLE, FAILED, WITH_ERRORS = 0, 1, 3
"""Exit codes; 2 is bad usage, for which there is no report."""
LABELS = 8
"""Labels that a notebook shows."""


@dataclass(frozen=True, repr=False)
class RunReport:
    """A run that is over, whatever became of it.

    `output`: where the tables are; `table`: the job's own. `total`: counts over everything in the
    output, `this_run`: over what this run did; `wall_s`: how long it took. `devices`: how many
    worked, of the chip `soc`. `videos`, `video_bytes`: what the inputs matched; `refused_videos`:
    how many of these cannot be processed at all; `left`: what else lay in the input folders, by
    extension. `leases`: what this run had to do; `already_done`: leases committed before it.
    `index_bytes`: read by this run to index the videos. `quarantined`: leases given up, their loss
    recorded. `interrupted`: the user ended the run. `peak_rss_bytes`: the largest resident set of
    a worker. `losses`: what stands in errors/, by reason.
    """

    output: str
    table: str
    job_digest: str
    total: Tally
    this_run: Tally
    wall_s: float
    devices: int
    soc: str
    videos: int
    refused_videos: int
    leases: int
    already_done: int
    quarantined: int
    interrupted: bool
    peak_rss_bytes: int
    video_bytes: int = 0
    index_bytes: int = 0
    left: Mapping[str, int] = field(default_factory=dict)
    losses: tuple[LossReason, ...] = ()
    unreached: Mapping[str, str] = field(default_factory=dict)
    """Videos that could not be read, URI -> why: the next run does what is missing of them."""
    host_videos: int = 0
    """Videos that this run was to decode on the host, as the chip refuses them."""
    host_frames: int = 0
    """Frames that the host decoded in this run."""
    frames_ahead: int = 0
    """Frames that cores to spare decoded ahead of the job in this run."""
    ran_on: str = ""
    """Where its devices lived, and why there."""
    sized: str = ""
    """How many devices of how many cores were chosen, and why; empty where the user said it."""
    refused_batches: Refusals = field(default_factory=Refusals)
    """What the job did only frame by frame in this run."""
    leases_done: int = 0
    """How many leases it has done, pieces of those that were cut among them."""
    providers: str = ""
    """With what networks were computed, where the job says it."""
    to_look: int = 0
    """Files of the inputs that it has not looked at; they are in none of the other numbers."""
    other_videos: int = 0
    """Videos that the output holds beside those that the inputs matched."""
    lists_on: bool = False
    """Whether it ended before its inputs were listed to their end, so that there may be more."""
    sample: str = ""
    """Which frames were wanted."""
    wanted_frames: int | None = None
    """How many frames these are, of all that the inputs matched; None where nobody counted."""
    longest_s: float = 0.0
    """How long the longest video is."""

    @property
    def exit_code(self) -> int:
        """The command's exit code: 0 whole, 3 finished with errors recorded, 1 some is left."""
        if self.interrupted or self.unreached:
            return FAILED
        lossy = self.total.errors or self.refused_videos or self.quarantined
        return WITH_ERRORS if lossy else WHOLE

    @property
    def all_videos(self) -> int:
        """How many videos `total` is of."""
        return self.videos + self.other_videos

    @property
    def wants_nothing(self) -> bool:
        """Whether the sample takes no frame of any video that is processed."""
        ended = not (self.interrupted or self.unreached or self.to_look or self.lists_on)
        return ended and self.videos > self.refused_videos and self.wanted_frames == 0

    @property
    def state(self) -> str:
        """How it ended, in words."""
        if self.unreached and not self.interrupted:
            return "not finished"
        words = {WHOLE: "finished", FAILED: "interrupted", WITH_ERRORS: "finished, with errors"}
        return words[self.exit_code]

    def __repr__(self) -> str:
        frames, rows = plural(self.total.frames, "frame"), plural(self.total.rows, "row")
        videos = plural(self.all_videos, "video")
        counts = f"{videos}, {frames}, {rows} of {self.table}, {duration(self.wall_s)}"
        return f"RunReport({self.state}: {counts} -> {self.output})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: how it ended, what is there, and what was lost."""
        total = self.total
        labels = sorted(total.by_label.items(), key=lambda item: (-item[1], item[0]))
        counts = ", ".join(f"{label} {count:,.0f}" for label, count in labels[:LABELS])
        more = ", ..." if len(labels) > LABELS else ""
        rows: list[tuple[str, object]] = [
            ("video", f"{duration(total.video_s)} in {plural(self.all_videos, 'video')}"),
            *([("not looked at", plural(self.to_look, "file"))] if self.to_look else []),
            *([("inputs", "not listed to the end")] if self.lists_on else []),
            ("videos refused", self.refused_videos),
            ("frames", total.frames),
            *([("sample", f"{self.sample} takes no frame")] if self.wants_nothing else []),
            ("frames lost", total.lost_frames),
            (self.table, f"{total.rows:,}{f': {counts}{more}' if counts else ''}"),
            ("took", f"{duration(self.wall_s)} on {plural(self.devices, 'device')}"),
            *((f"lost: {loss.stage}: {loss.name}", loss.message) for loss in self.losses),
            *((f"not read: {uri}", why) for uri, why in self.unreached.items()),
        ]
        return table(f"{self.state.capitalize()}: {self.output}", (), rows)
