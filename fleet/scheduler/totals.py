"""What a run has done so far, added up as it is told: no more is kept however long it runs."""

from __future__ import annotations

from fleet.core.receipt import Receipt, Refusals, Tally


class Totals:
    """Sums over the leases that are committed, each once; changed only through `add`.

    `frames`: of all; `here`: of those that this run did itself, `leases`: how many leases
    these lie in. `peak_rss_bytes`: the largest of its workers. `host_frames`: those of this run
    that the host decoded, `frames_ahead`: that cores to spare did. `refused_batches`: those of this
    run that its job did only frame by frame.
    """

    def __init__(self) -> None:
        self.frames = self.leases = 0
        self.here = Tally()
        self.peak_rss_bytes = 0
        self.host_frames = self.frames_ahead = 0
        self.refused_batches = Refusals()

    def add(self, receipt: Receipt, *, here: bool = True) -> None:
        """Count a lease; `here`: this run did it."""
        self.frames += receipt.tally.frames
        if here:
            self.here = Tally.total((self.here, receipt.tally))
            self.leases += 1
            self.host_frames += receipt.host_frames
            self.frames_ahead += receipt.frames_ahead
            self.refused_batches += receipt.refused_batches
            self.peak_rss_bytes = max(self.peak_rss_bytes, receipt.peak_rss_bytes)
