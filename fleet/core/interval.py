"""Stretches of videos, and the names of leases that cover them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Interval:
    """A stretch of one version of one video: the frames with start_pts <= pts < end_pts."""

    uri: str
    etag: str
    """The version; see `Source`."""
    start_pts: int
    """The first pts, in the stream's time base."""
    end_pts: int
    """The first pts past it."""

    def __post_init__(self) -> None:
        if self.start_pts >= self.end_pts:
            raise ValueError(f"an interval ends after it starts: {self}")


def lease_id(job_digest: str, intervals: Iterable[Interval]) -> str:
    """Name a lease by the job and exactly what it covers, whatever order that is given in.

    32 hex digits. The same work under the same job has the same name, whoever does it.
    """
    covered = sorted([i.uri, i.etag, i.start_pts, i.end_pts] for i in intervals)
    text = json.dumps([job_digest, covered], separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
