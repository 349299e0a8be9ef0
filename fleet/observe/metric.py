"""The metrics of a run; pure.

Ray exports these with `ray_` before their names, and Prometheus names a counter `..._total`: see
`Metric.exported`. Every value has the labels of `RUN_LABELS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RUN_LABELS = ("job_digest", "output")
"""The labels of every value: the first digits of the job's digest, and the output folder,
in the letters that Ray takes: see `ascii_label`."""
DIGEST_DIGITS = 12


class Kind(StrEnum):
    """How the values of a metric are combined: added up, the last one, or counted by size."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """One metric."""

    kind: Kind
    name: str
    text: str
    """Its description, a sentence."""
    label: str = ""
    """The label beside RUN_LABELS by which its values are split; empty for none."""
    bounds: tuple[float, ...] = ()
    """Of a histogram, the upper ends of its buckets."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of all labels of its values."""
        return (*RUN_LABELS, self.label) if self.label else RUN_LABELS

    @property
    def exported(self) -> tuple[str, ...]:
        """The names under which Prometheus reads it."""
        ends = {Kind.COUNTER: ("_total",), Kind.GAUGE: ("",)}
        return tuple(
            f"ray_{self.name}{end}" for end in ends.get(self.kind, ("_bucket", "_count", "_sum"))
        )


def _counter(name: str, text: str, label: str = "") -> Metric:
    return Metric(Kind.COUNTER, f"fleet_{name}", text, label)


def _gauge(name: str, text: str, label: str = "") -> Metric:
    return Metric(Kind.GAUGE, f"fleet_{name}", text, label)


FRAMES = _counter("frames", "Frames that came out and are committed: rows of frames/.")
LOST_FRAMES = _counter("lost_frames", "Frames that were wanted and are recorded as lost.")
ROWS = _counter("rows", "Rows of the job's own table.")
VIDEO = _counter("video_seconds", "Seconds of video that leases covered.")
READ = _counter("read_bytes", "Bytes that workers read from storage for committed leases.")
ERRORS = _counter("errors", "Losses that leases recorded in errors/.")
REFUSED = _counter("videos_refused", "Videos that cannot be processed at all, each time of asking.")
DONE = _counter("leases_done", "Leases that are committed.")
GIVEN_UP = _counter("leases_given_up", "Leases that were given up, their loss recorded.")
FAILED = _counter("lease_failures", "Attempts at leases that failed, by stage.", "stage")
CUT = _counter("leases_cut", "Leases that were cut into pieces, or ended early.")
LEASE_TIME = Metric(
    Kind.HISTOGRAM,
    "fleet_lease_seconds",
    "Seconds that a device took for a lease.",
    bounds=(0.5, 1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 300, 900),
)
BACKUPS = _counter("backups_started", "Backups: leases that were given to a second device.")
BACKUPS_LOST = _counter("backups_lost", "Attempts at a lease that another device ended first.")
WASTED = _counter("wasted_seconds", "Seconds of devices on leases that another ended first.")
HOST = _counter("host_cpu_seconds", "CPU seconds of these machines by stage, measured.", "stage")
CHIP = _counter(
    "modelled_chip_seconds", "Seconds of the real chip by engine: modelled, not measured.", "engine"
)
JOINED = _counter("devices_joined", "Devices that joined.")
LEFT = _counter("devices_left", "Devices that are gone; released: nothing was left to do.", "cause")
NOTICES = _counter("drain_notices", "Devices whose machine was announced to go away.")
LEASES = _gauge("leases", "Leases: waiting for a device, running, or fetched ahead.", "state")
DEVICES = _gauge("devices", "Devices that are here, by what they do.", "state")
WANTED = _gauge("frames_wanted", "Frames that are wanted, over all runs of the job.")
BEFORE = _gauge("frames_before", "Frames that earlier runs had done when this one began.")
WAITS = _gauge(
    "output_waits", "1 while the output refuses what is written and the run waits, else 0."
)

FORMER = {
    BACKUPS: _counter("twins_started", "The former name of fleet_backups_started."),
    BACKUPS_LOST: _counter("twins_lost", "The former name of fleet_backups_lost."),
}
"""Counters by their former names, exported beside them for one release: alerts ask for them."""

METRICS = (
    FRAMES,
    LOST_FRAMES,
    ROWS,
    VIDEO,
    READ,
    ERRORS,
    REFUSED,
    DONE,
    GIVEN_UP,
    FAILED,
    CUT,
    LEASE_TIME,
    BACKUPS,
    BACKUPS_LOST,
    WASTED,
    HOST,
    CHIP,
    JOINED,
    LEFT,
    NOTICES,
    LEASES,
    DEVICES,
    WANTED,
    BEFORE,
    WAITS,
    *FORMER.values(),
)
"""All metrics."""
