"""The measure of exactness: what shards give, against what a plain sequential decode gives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from fleet.ascend.surface import frame_of, planes
from fleet.backend.backend import Backend
from fleet.backend.kinds import Opening, open_device
from fleet.core.source import address_of_stream
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.order import LeaseOrder, order
from fleet.plan.shard import DoneIntervals, video_work
from fleet.storage import Reader, expand
from fleet.video.containers.limits import WHOLE_BYTES
from fleet.video.index import VideoIndex
from fleet.video.probe.probe import probe
from fleet.worker.decode import DecodeLoss, ShardDecoder
from fleet.worker.prefetch import Fetch, FetchPool
from fleet.worker.upright import upright

Seen = tuple[int, int, str]
"""A frame: its number, its pts, the digest of its pixels."""


def pixels(frame: av.VideoFrame) -> str:
    """Name a frame's pixels, without libav's padding and an odd last column or row."""
    return named(
        plane[: frame.height // 2 * 2 // (2 if chroma else 1)][
            :, : frame.width // 2 * 2 // (2 if chroma else 1)
        ]
        for chroma, plane in enumerate(planes(frame))
    )


def named(of_frame: Iterable[NDArray[np.uint8]]) -> str:
    """Name the pixels of a frame's planes."""
    digest = hashlib.sha256()
    for plane in of_frame:
        digest.update(plane.tobytes())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=2048)
def sequential(
    path: Path, number: int = 0, rotation: int = 0, *, mirrored: bool = False
) -> list[tuple[int | None, str]]:
    """Decode a file, which does not change, from start to end with PyAV: frames' pts and pixels.

    `number`: which of its video streams. `rotation`, `mirrored`: as a player shows them, see
    `StreamInfo`.
    """
    with av.open(str(path)) as container:
        stream = container.streams.video[number]
        stream.codec_context.thread_count = 1
        return [
            (frame.pts, _shown(eight_bit(frame), rotation, mirrored=mirrored))
            for frame in container.decode(stream)
        ]


def _shown(frame: av.VideoFrame, rotation: int, *, mirrored: bool) -> str:
    if not rotation and not mirrored:
        return pixels(frame)
    facing = (plane[:, ::-1] if mirrored else plane for plane in planes(frame))
    return named(np.ascontiguousarray(np.rot90(plane, -rotation // 90)) for plane in facing)


def eight_bit(frame: av.VideoFrame) -> av.VideoFrame:
    """Return a frame as 8-bit 4:2:0; one that is so already stays, whatever its range."""
    if frame.format.name in {"yuv420p", "yuvj420p"}:
        return frame
    return frame.reformat(format="yuv420p")


def index_of(path: Path, whole_bytes: int = WHOLE_BYTES, number: int | None = None) -> VideoIndex:
    """Index a file as a run does, but in this process; see `probe`.

    `number`: which of its video streams; None: the one that a player shows.
    """
    source = expand([str(path)]).sources[0]
    if number is not None:
        source = replace(source, uri=address_of_stream(source.uri, number))
    return probe(source, Reader(source), whole_bytes)


def sharded(
    index: VideoIndex, cuts: Sequence[int], wanted: NDArray[np.bool_]
) -> tuple[list[Seen], int, int]:
    """Decode the wanted frames of each shard between neighbouring `cuts` (GOP numbers) by itself.

    The pictures are those that a job is given.

    Gives what came out, in that order, and the numbers of packets fetched and fed. Fails where
    anything is lost.
    """
    work = video_work(index, wanted, DoneIntervals([]), CostModel())
    seen: list[Seen] = []
    fetched = fed = 0
    with closing(FetchPool()) as readers, closing(open_device(Opening("Ascend310"))) as device:
        for first, last in pairwise(sorted(set(cuts))):
            lease = Lease(f"{first}-{last}", (work.shard(first, last),))
            made = order(lease, {index.source.uri: work})
            found, count = _decode(made, device, readers)
            seen += found
            fetched += sum(len(shard.packets) for shard in made.shards)
            fed += count
    return seen, fetched, fed


def _decode(made: LeaseOrder, device: Backend, readers: FetchPool) -> tuple[list[Seen], int]:
    lost: list[DecodeLoss] = []
    seen: list[Seen] = []
    fetch = Fetch(made, readers)
    (shard,) = made.shards
    with closing(device.open_decoder(shard.stream)) as channel:
        decoder = ShardDecoder(shard, channel, lambda row: fetch.packet(shard, row), lost.append)
        for picture in upright(decoder.pictures(), shard.stream, device, lost.append):
            number, pts = int(shard.frames[picture.row]), int(shard.packets.pts[picture.row])
            seen.append((number, pts, pixels(frame_of(picture))))
            picture.release()
    assert not lost, f"lost {lost}"
    return seen, decoder.fed


def expected(path: Path, index: VideoIndex, wanted: NDArray[np.bool_]) -> list[Seen]:
    """Say what must come out: the wanted frames of the sequential decode, numbered as they came.

    Raw streams and AVI have no pts, and what libav makes up for them depends on what it has seen so
    far; there the frame number stands in.
    """
    frames = sequential(path)
    assert len(frames) == len(index.order), "every frame of the sequential decode has a number"
    return list(_wanted(frames, wanted, index.container))


def _wanted(
    frames: list[tuple[int | None, str]], wanted: NDArray[np.bool_], container: str
) -> Iterator[Seen]:
    raw = container in {"h264", "hevc", "avi"}
    for number, (pts, digest) in enumerate(frames):
        if wanted[number]:
            assert raw or pts is not None
            yield number, number if raw or pts is None else pts, digest
