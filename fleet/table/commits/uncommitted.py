"""Receipts without commits: for work of which nothing is kept but the objects that it puts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

from fleet.core.interval import Interval
from fleet.core.receipt import Receipt, Tally
from fleet.table.commits.commit import Writer


class Uncommitted:
    """Says what a lease came to, and puts nothing: no later attempt finds that it was done."""

    def __init__(self, device: str) -> None:
        self._device = device

    def commit(
        self,
        lease: str,
        intervals: Iterable[Interval],
        tables: Mapping[str, pa.Table],
        tally: Tally,
        peak_rss_bytes: int = 0,
        split_into: int = 0,
    ) -> Receipt:
        """Return the receipt of this attempt; see `Writer`."""
        del tables
        covered = tuple(intervals)
        return Receipt(lease, covered, (), tally, self._device, peak_rss_bytes, split_into)


LeaseWriter = Writer | Uncommitted
"""What takes what a lease came to."""
