"""A store here and the same store far away: SeaweedFS, and a relay that lets each request wait."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from far_away import far_away
from measured.cases import ALL_AFAR, DISK, NEAR, READ_AFAR
from seaweed import find_weed, seaweed_running

from fleet.storage import Folder

LATENCY_S = 0.05


@dataclass(frozen=True)
class Place:
    """Where the videos lie and the output goes, and the environment that leads there."""

    videos: str
    """A folder."""
    output: str
    """A folder; "" is one on this disk."""
    environment: Mapping[str, str]
    """What leads to the store."""


@contextmanager
def places(videos: Path) -> Iterator[dict[str, Place]]:
    """Put videos into a store until the block ends; gives the places by name, none without a store."""
    weed = find_weed()
    if weed is None:
        yield {}
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        seaweed_running(weed, Path(folder) / "store") as server,
    ):
        server.make_bucket("bench")
        # The outputs there are read in this process, from near.
        before = dict(os.environ)
        os.environ.update(server.environment)
        try:
            for video in videos.iterdir():
                Folder("s3://bench/clips").put(video.name, video.read_bytes())
            with far_away(server.endpoint, LATENCY_S) as far:
                away = {**server.environment, "AWS_ENDPOINT_URL": far}
                yield {
                    DISK: Place(str(videos), "", {}),
                    NEAR: Place("s3://bench/clips", "s3://bench/near", server.environment),
                    READ_AFAR: Place("s3://bench/clips", "", away),
                    ALL_AFAR: Place("s3://bench/clips", "s3://bench/far", away),
                }
        finally:
            os.environ.clear()
            os.environ.update(before)
