"""A committed lease: what it covered, the objects that hold it, and the counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields

from fleet.core.interval import Interval


@dataclass(frozen=True)
class PartFile:
    """One object that was written."""

    table: str
    """The table's folder."""
    name: str
    """The object's name in it."""
    rows: int
    bytes: int
    sha256: str
    """In hex; of a frames part, whose footer carries the commit record, up to the footer."""


@dataclass(frozen=True)
class Tally:
    """Counts that add up over leases."""

    frames: int = 0
    """Wanted frames that were processed."""
    lost_frames: int = 0
    """Wanted frames that are recorded in errors/."""
    video_s: float = 0.0
    """Seconds of video covered."""
    bytes_read: int = 0
    """Bytes fetched from storage."""
    fetched: int = 0
    """Packets fetched."""
    fed: int = 0
    """Packets given to the decoder."""
    rows: int = 0
    """Rows of the job's table."""
    errors: int = 0
    """Rows of errors/."""
    wall_s: float = 0.0
    """Seconds that passed."""
    by_label: Mapping[str, int] = field(default_factory=dict)
    """Rows of each label, where the job's table has a label."""
    host_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds of this machine's CPU by stage: fetch, vdec, vpc, jpege, aipp, model, ..."""
    chip_s: Mapping[str, float] = field(default_factory=dict)
    """Modelled seconds of the real chip's time by engine."""

    @classmethod
    def total(cls, tallies: Iterable[Tally]) -> Tally:
        """Return the sum of all, key by key."""
        sums: dict[str, float] = {name: getattr(cls, name) for name in _COUNTS}
        maps: dict[str, dict[str, float]] = {name: {} for name in _MAPS}
        for tally in tallies:
            for name in _COUNTS:
                sums[name] += getattr(tally, name)
            for name, into in maps.items():
                for key, value in getattr(tally, name).items():
                    into[key] = into.get(key, 0) + value
        return cls(**sums, **maps)  # type: ignore[arg-type]


_MAPS = tuple(item.name for item in fields(Tally) if item.default_factory is not MISSING)
_COUNTS = tuple(item.name for item in fields(Tally) if item.name not in _MAPS)


@dataclass(frozen=True)
class Refusals:
    """Batches that a job refused, while it took each of their frames alone."""

    frames: int = 0
    """How many frames they had."""
    why: str = ""
    """What the job said of the first of them; empty for none."""

    def __add__(self, other: Refusals) -> Refusals:
        """Return both, with what was said first."""
        return Refusals(self.frames + other.frames, self.why or other.why)


@dataclass(frozen=True)
class Receipt:
    """A lease that is done and committed."""

    lease: str
    """Its name."""
    intervals: tuple[Interval, ...]
    """What it covers."""
    parts: tuple[PartFile, ...]
    """Its objects in the order they were put; the last is the frames part, the commit record."""
    tally: Tally
    device: str
    """The name of the device that did it."""
    peak_rss_bytes: int = 0
    """The worker process's largest resident set so far."""
    split_into: int = 0
    """Into how many pieces the lease was split; nothing of it is done under its own name then."""
    host_frames: int = field(default=0, compare=False)
    """Of its frames, those that the host decoded: told by its worker, not kept in the output."""
    frames_ahead: int = field(default=0, compare=False)
    """Of its frames, those that a core to spare decoded ahead of the job; likewise."""
    refused_batches: Refusals = field(default_factory=Refusals, compare=False)
    """What its job would only do frame by frame; likewise."""
