"""A committed lease: what it covered, the objects that hold it, and the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

from fleet.core.interval import Interval


@dataclass(frozen=True)
class PartFile:
    """One object written: its `table` folder, `name` in it, rows, bytes, and sha256 in hex.

    Of a frames part, which carries the commit record in its footer, the sha256 is that of the
    bytes before the footer.
    """

    table: str
    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Tally:
    """Counts that add up over leases.

    `frames`: wanted frames that came out. `lost_frames`: wanted frames recorded in errors/.
    `video_s`: seconds of video covered. `bytes_read`: fetched from storage. `fetched`, `fed`:
    packets. `rows`: rows of the job's table. `by_label`: rows per label, where the table has one.
    `host_s`: seconds of this machine's CPU by stage (fetch, vdec, vpc, jpege, aipp, model, ...).
    `chip_s`: modelled seconds of the real chip's time by engine. `wall_s`: seconds here.
    """

    frames: int = 0
    lost_frames: int = 0
    video_s: float = 0.0
    bytes_read: int = 0
    fetched: int = 0
    fed: int = 0
    rows: int = 0
    errors: int = 0
    wall_s: float = 0.0
    by_label: Mapping[str, int] = field(default_factory=dict)
    host_s: Mapping[str, float] = field(default_factory=dict)
    chip_s: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def total(cls, tallies: Iterable[Tally]) -> Tally:
        """Add them up, key by key."""
        sums: dict[str, float] = {}
        maps: dict[str, Counter[str]] = {}
        for tally in tallies:
            for item in fields(cls):
                value = getattr(tally, item.name)
                if isinstance(value, Mapping):
                    maps.setdefault(item.name, Counter()).update(value)
                else:
                    sums[item.name] = sums.get(item.name, 0) + value
        return cls(**sums, **{name: dict(counter) for name, counter in maps.items()})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Receipt:
    """A lease, done and committed: what it covered, the objects that hold it, and the counts.

    `parts` in the order they were put; the last is the frames part, the commit record.
    `peak_rss_bytes`: the worker process's largest resident set so far.
    """

    lease: str
    intervals: tuple[Interval, ...]
    parts: tuple[PartFile, ...]
    tally: Tally
    device: str
    peak_rss_bytes: int = 0
