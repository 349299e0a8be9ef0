"""Mutated videos: what Fleet gives of each, against a sequential decode by PyAV."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

import av
import numpy as np
from exact import eight_bit, index_of, pixels
from generate import CODECS, CONTAINERS, Clip, GopKind, cached
from other_codecs import KINDS, made

from fleet.ascend.surface import frame_of
from fleet.backend.backend import Backend
from fleet.backend.kinds import Opening, open_device
from fleet.errors import FleetError
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.order import order
from fleet.plan.shard import DoneIntervals, video_work
from fleet.worker.decode import DecodeLoss, ShardDecoder
from fleet.worker.prefetch import Fetch, FetchPool

SEED, FILES = 20261128, 500
NO_TIMES = frozenset({"avi", "h264", "hevc"})


@dataclass
class Given:
    """What a decode gives of a file."""

    frames: list[tuple[int | None, str]] = field(default_factory=list)
    """Time and pixels of each picture that is taken for sound, in order."""
    lost: set[int] = field(default_factory=set)
    """Times of pictures that are recorded as lost."""
    spoilt: int = 0
    """Pictures that the decoder says are damaged, and packets that it refuses."""
    refused: str = ""
    """Why the video is refused, if it is."""
    has_times: bool = True
    afresh: set[str] = field(default_factory=set)
    """Pixels of pictures that a new decoder gives from a key on, of a file with damage."""


def originals(folder: Path) -> list[Path]:
    """Make a file of every codec in every container."""
    kinds: tuple[GopKind, ...] = ("closed", "open")
    usual = [
        cached(Clip(codec, container, gop_kind=kind), folder)
        for codec, container, kind in product(CODECS, CONTAINERS, kinds)
        if not (container == "avi" and codec == "h265")
    ]
    return usual + [made(name, c, folder) for name, kind in KINDS.items() for c in kind.containers]


def mutated(data: bytes, chance: random.Random) -> tuple[str, bytes]:
    """Change a file in one to three places."""
    changed, about = bytearray(data), []
    for _ in range(chance.randint(1, 3)):
        what = chance.choice(("bits", "bytes", "zeros", "out", "in", "end"))
        at = chance.randrange(len(changed))
        span = chance.choice((1, 4, 32, 188, 700))
        about.append(what)
        if what == "bits":
            changed[at] ^= 1 << chance.randrange(8)
        elif what == "bytes":
            changed[at : at + span] = chance.randbytes(len(changed[at : at + span]))
        elif what == "zeros":
            changed[at : at + span] = bytes(len(changed[at : at + span]))
        elif what == "out":
            del changed[at : at + span]
        elif what == "in":
            changed[at:at] = chance.randbytes(span)
        elif len(changed) > 4096:
            del changed[max(4096, at) :]
    return "+".join(about), bytes(changed)


def by_pyav(path: Path) -> Given:
    """Decode from start to end, going on where a packet is refused."""
    given = Given()
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            for frame in _frames(container, stream, given):
                if frame.is_corrupt:
                    given.spoilt += 1
                else:
                    given.frames.append((frame.pts, pixels(eight_bit(frame))))
    except (av.FFmpegError, ValueError, IndexError, AttributeError, PermissionError) as error:
        given.refused = type(error).__name__
    if given.spoilt and not given.refused:
        with av.open(str(path), metadata_errors="replace") as container:
            packets = list(container.demux(container.streams.video[0]))
            keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
        given.afresh = {name for key in keys for name in _afresh(path, key)}
    return given


def _afresh(path: Path, key: int) -> Iterator[str]:
    """Yield the pixels that a new decoder gives from a key on, up to the next damage.

    A decoder of libav's that has come upon damage adds what is left of it to the next picture.
    """
    given = Given()
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        first: int | None = None
        for frame in _frames(container, stream, given, key):
            if frame.is_corrupt or given.spoilt:
                return
            first = frame.pts if first is None and frame.key_frame else first
            if first is not None and (frame.pts or 0) >= first:
                yield pixels(eight_bit(frame))


def _frames(
    container: av.container.InputContainer, stream: av.VideoStream, given: Given, begin: int = 0
) -> Iterator[av.VideoFrame]:
    """Yield pictures, from a packet on; packets that are refused are counted."""
    for number, packet in enumerate(container.demux(stream)):
        if number < begin and packet.size:
            continue
        try:
            yield from packet.decode()
        except av.FFmpegError:
            given.spoilt += 1


def by_fleet(
    path: Path, device: Backend, readers: FetchPool, gops_per_lease: int | None = 1
) -> Given:
    """Decode by leases of so many GOPs; None: of all there are."""
    given = Given()
    try:
        index = index_of(path)
        given.has_times = index.container not in NO_TIMES
        work = video_work(
            index, np.ones(len(index.order), np.bool_), DoneIntervals([]), CostModel()
        )
        gops = len(index.cuts)
        step = gops_per_lease or gops
        for gop in range(0, gops, step):
            shards = (work.shard(gop, min(gop + step, gops)),)
            made_ = order(Lease("lease", shards), {index.source.uri: work})
            (shard,) = made_.shards
            fetch, lost = Fetch(made_, readers), list[DecodeLoss]()
            with closing(device.open_decoder(shard.stream)) as channel:
                decoder = ShardDecoder(shard, channel, partial(fetch.packet, shard), lost.append)
                for picture in decoder.pictures():
                    name, pts = pixels(frame_of(picture)), int(shard.packets.pts[picture.row])
                    given.frames.append((pts, name))
                    picture.release()
            for loss in lost:
                given.lost.update(shard.packets.pts[loss.rows].tolist())
    except FleetError as error:
        given.refused = f"{error.name}: {error.message}"
    return given


def differences(ours: Given, theirs: Given, sound: set[str]) -> list[str]:
    """Return what is other than in the sequential decode, and not said.

    `sound`: the pixels of the pictures of the file before it was mutated. What is as it was then is
    right, even where a decode that came through the damage gives something else; so is what a new
    decoder gives from a key on.
    """
    if ours.refused:
        return []
    sound = sound | theirs.afresh
    real = sound | {name for _, name in theirs.frames}
    found = []
    strange = [pts for pts, name in ours.frames if name not in real]
    if strange:
        found.append(f"pictures that nobody else decodes, at {strange[:5]}")
    if ours.has_times:
        at = {pts: name for pts, name in theirs.frames if pts is not None}
        other = [
            pts for pts, name in ours.frames if at.get(pts or 0, name) != name and name not in sound
        ]
        if other:
            found.append(f"other pictures at {other[:5]}")
    seen = {name for _, name in ours.frames}
    missing = [pts for pts, name in theirs.frames if name not in seen and name in sound]
    if len(missing) > len(ours.lost):
        found.append(f"pictures are missing unsaid: {missing[:5]}, {len(ours.lost)} lost")
    return found


@dataclass
class Comparison:
    """What a number of mutated files came to."""

    kinds: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    silent: list[str] = field(default_factory=list)
    """Differences that nothing says."""


def compare(files: int, seed: int, keep: Path | None = None) -> Comparison:
    """Mutate files, and compare what Fleet and PyAV give of each.

    `keep`: a folder for those with a silent difference.
    """
    chance = random.Random(seed)  # noqa: S311 - the same files each time
    found = Comparison()
    with tempfile.TemporaryDirectory() as folder, closing(FetchPool()) as readers:
        sound = originals(Path(folder))
        found.kinds = len(sound)
        right = {path: {name for _, name in by_pyav(path).frames} for path in sound}
        with closing(open_device(Opening("Ascend310"))) as device:
            for number in range(files):
                source = sound[number % len(sound)]
                about, data = mutated(source.read_bytes(), chance)
                path = Path(folder) / f"mutated-{number}{source.suffix}"
                path.write_bytes(data)
                theirs = by_pyav(path)
                ours = by_fleet(path, device, readers)
                whole = by_fleet(path, device, readers, gops_per_lease=None)
                found.counts["refused"] += bool(ours.refused)
                found.counts["with losses"] += bool(ours.lost)
                found.counts["pictures"] += len(ours.frames)
                found.counts["lost pictures"] += len(ours.lost)
                silent = [
                    f"{number} {source.suffix} ({about}), {leases}: {what}"
                    for leases, given in (("a GOP a lease", ours), ("one lease", whole))
                    for what in differences(given, theirs, right[source])
                ]
                found.silent += silent
                if silent and keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / path.name).write_bytes(data)
                path.unlink()
    return found
