"""What a 100 MB recording in S3 costs to read: bytes and requests, counted on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from long_video import repeat
from proxy import Proxy

from fleet.ascend.soc import soc
from fleet.core.interval import LeaseNames
from fleet.driver.preparing.prepare import prepare
from fleet.driver.preparing.prepared import Known
from fleet.plan.order import LeaseOrder, order
from fleet.plan.plan import bundle
from fleet.plan.shard import VideoWork
from fleet.storage import Folder, expand
from fleet.video.decode_plan import coalesce
from fleet.video.sampling import Sampling
from fleet.worker.prefetch import GAP_BYTES, RANGE_BYTES, Fetch, FetchPool


@pytest.fixture(scope="module")
def long_video(town: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than 100 MB of H.264, 1920x1080, 25 frames/s, moov at the end."""
    return repeat(town, 14, tmp_path_factory.mktemp("long") / "long.mp4")


@dataclass(frozen=True)
class Cost:
    """What was asked of the store: for the index, and for the packets of all leases."""

    work: VideoWork = field(repr=False)
    index_requests: int
    index_bytes: int
    ranges: int
    requests: int
    bytes: int


@pytest.fixture
def archive(s3: str, long_video: Path, proxy: Proxy) -> Iterator[str]:
    """The long recording in SeaweedFS, behind a proxy that counts; removed afterwards."""
    folder = Folder(s3)
    folder.put("long.mp4", long_video.read_bytes())
    proxy.reset()
    yield s3
    folder.delete("long.mp4")


def read_all(place: str, sample: str, proxy: Proxy) -> Cost:
    """Index a video and fetch every packet that its leases want, as workers do."""
    sources = expand([place]).sources
    proxy.reset()
    prepared = prepare(sources, Sampling.parse(sample), soc("Ascend310"), Known())
    (work,) = prepared.works
    index_requests, index_bytes = len(proxy.requests), proxy.body_bytes
    proxy.reset()
    leases = bundle(prepared.works, LeaseNames("digest"), 2, 60.0)
    ranges = 0
    with closing(FetchPool()) as readers:
        for lease in leases:
            made = order(lease, {work.source.uri: work})
            ranges += sum(len(coalesced) for coalesced in ranges_of(made))
            fetch_packets(made, readers, work)
        assert (readers.requests, readers.bytes_read) == (ranges, proxy.body_bytes)
    return Cost(work, index_requests, index_bytes, ranges, len(proxy.requests), proxy.body_bytes)


def ranges_of(made: LeaseOrder) -> Iterator[list[object]]:
    """Give the coalesced ranges of each shard."""
    for shard in made.shards:
        rows = np.arange(len(shard.packets))
        yield list(coalesce(shard.packets, rows, GAP_BYTES, RANGE_BYTES))


def fetch_packets(made: LeaseOrder, readers: FetchPool, work: VideoWork) -> None:
    """Take every packet of a lease, and look that it has the length of its row."""
    fetch = Fetch(made, readers)
    for shard in made.shards:
        for row in range(len(shard.packets)):
            assert len(fetch.packet(shard, row)) == shard.packets.span[row]
    fetch.close()
    assert work.source.bytes > 100_000_000


def header_bytes(path: Path) -> int:
    """All of an MP4 that is no payload: what lies around its mdat."""
    with path.open("rb") as file:
        size, offset, payload = path.stat().st_size, 0, 0
        while offset < size:
            file.seek(offset)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            length = int.from_bytes(head[8:16], "big") if length == 1 else length
            payload += length if head[4:8] == b"mdat" else 0
            offset += length
    return size - payload


def test_key_frames_cost_little_more_than_themselves(
    archive: str, long_video: Path, proxy: Proxy
) -> None:
    """Under 1.1 times the header and the key frames, one request a coalesced range."""
    cost = read_all(archive, "keyframes", proxy)
    packets = cost.work.index.packets
    key_bytes = int(packets.span[packets.key].sum())
    least = header_bytes(long_video) + key_bytes
    assert cost.index_requests <= 4
    assert cost.requests == cost.ranges
    assert cost.index_bytes + cost.bytes < 1.1 * least


def test_every_frame_costs_the_file_once(archive: str, proxy: Proxy) -> None:
    """Under 1.02 times the file, one request a coalesced range; nothing is written to disk."""
    cost = read_all(archive, "all", proxy)
    assert cost.requests == cost.ranges
    assert cost.index_bytes + cost.bytes < 1.02 * cost.work.source.bytes
    assert all(request.range for request in proxy.requests)
    assert all(request.if_match for request in proxy.requests)
