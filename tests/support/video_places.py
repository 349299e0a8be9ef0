"""An archive that changes and a job over it, what befalls them, and what the table is to say."""

from __future__ import annotations

import itertools
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import pyarrow.parquet as pq
import pytest
from digests import Digests
from generate import Clip, cached
from other_codecs import made

import fleet
from fleet.core.source import address_of_stream, split_stream
from fleet.index_cache.store import INDEX_FOLDER, IndexStore
from fleet.storage import Folder
from fleet.table.maintenance import close
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.table import Table

EVERY = 3
CLIPS = (
    Clip(frames=20, gop=6),
    Clip(codec="h265", container="mkv", frames=24, gop=8, gop_kind="open"),
    Clip(container="ts", frames=18, gop=5, vfr=True),
    Clip(container="mov", frames=9, rotation=90, b_frames=0),
)
UNKNOWN = {"container": None, "codec": None, "frames": None, "clock": None, "decoded_by": None}


class KilledError(BaseException):
    """Stands for the end of a process: nothing that catches errors catches it."""


def two_cameras(path: Path, folder: Path) -> None:
    """Write a file of two video streams."""
    sources = [av.open(str(cached(clip, folder))) for clip in (CLIPS[0], Clip(frames=14, gop=6))]
    with av.open(str(path), "w") as output:
        streams = [output.add_stream_from_template(s.streams.video[0]) for s in sources]
        for stream, source in zip(streams, sources, strict=True):
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)


def every_kind(folder: Path) -> dict[str, Path]:
    """Videos of every kind, by a name that says which: whole, damaged, refused, none, of two."""
    found = {f"good-{n}{clip.suffix}": cached(clip, folder) for n, clip in enumerate(CLIPS)}
    data = bytearray(cached(CLIPS[0], folder).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    found["damaged.mp4"] = folder / "damaged.mp4"
    found["damaged.mp4"].write_bytes(data)
    found["none.mp4"] = folder / "none.mp4"
    found["none.mp4"].write_bytes(b"no video at all" * 99)
    found["vp9.webm"] = made("vp9", "webm", folder)
    found["two.mkv"] = folder / "two.mkv"
    two_cameras(found["two.mkv"], folder)
    return found


@dataclass
class Place:
    """An archive that changes, and a job's output."""

    root: Path
    library: dict[str, Path]
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def output(self) -> Path:
        """The folder of the tables."""
        return self.root / "out"

    def job(self, fallback: Any = "none") -> fleet.Job:
        """The job over what is there now."""
        sample = f"every={EVERY}"
        inputs = str(self.root / "in")
        return fleet.Job(Digests(), inputs, str(self.output), sample, fallback=fallback)

    def put(self, kind: str, name: str) -> None:
        """Put a video of a kind into the archive, in the place of another one of that name."""
        path = self.root / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.library[kind], path)
        # Two versions within one tick of a disk's clock are two all the same.
        made_s = 1_750_000_000 + next(self.numbers)
        os.utime(path, (made_s, made_s))

    def table(self) -> Table:
        """The output's door, which does not wait for readers of plain globs."""
        found = Table.open(str(self.output))
        return Table(found.folder, found.job, pause_s=0)


def run(place: Place, fallback: Any = "none") -> None:
    """Run the job to its end."""
    fleet.run(place.job(fallback), on="inline")


def run_on_host(place: Place) -> None:
    """Run the job with the host's decoders."""
    run(place, "cpu")


def killed_at(name: str) -> Callable[[Place], None]:
    """Run the job, and kill it when it closes the output, before something is put."""

    def run_and_kill(place: Place) -> None:
        with patch.object(close, name, side_effect=KilledError), pytest.raises(KilledError):
            run(place)

    run_and_kill.__name__ = f"killed_before_{name}"
    return run_and_kill


def requeue(place: Place) -> None:
    """Take all losses up again."""
    store = IndexStore(Folder(str(place.output / INDEX_FOLDER)))
    place.table().requeue(LossFilter(), store)


def compact(place: Place) -> None:
    """Bring the parts together."""
    place.table().compact()


def add(place: Place) -> None:
    """Add a copy of a video that may be there already, under another name."""
    kinds = sorted(place.library)
    number = next(place.numbers)
    kind = kinds[number * 5 % len(kinds)]
    place.put(kind, f"more/{number}-{kind}")


def change(place: Place) -> None:
    """Put another video in the place of one."""
    place.put("good-0.mp4", "damaged.mp4")
    place.put("damaged.mp4", "good-0.mp4")


def lose(place: Place) -> None:
    """Delete the table."""
    shutil.rmtree(place.output / "videos", ignore_errors=True)


def spoil(place: Place) -> None:
    """Damage it."""
    path = place.output / "videos" / "videos.parquet"
    if path.exists():
        path.write_bytes(path.read_bytes()[:-9])


def forget(place: Place) -> None:
    """Delete the indexes of videos."""
    shutil.rmtree(place.output / INDEX_FOLDER, ignore_errors=True)


DEEDS = (
    *(run, run, run_on_host, killed_at("put_video_table"), killed_at("put_success")),
    *(requeue, compact, add, add, change, lose, spoil, forget),
)


def rows_of(output: Path) -> list[dict[str, Any]]:
    """The rows that a plain Parquet reader finds."""
    found: list[dict[str, Any]] = pq.ParquetDataset(output / "videos").read().to_pylist()
    return found


def by_pyav(path: Path, number: int) -> dict[str, Any]:
    """What PyAV says of a video stream, by demuxing it."""
    with av.open(str(path)) as container:
        streams = container.streams.video
        stream = streams[number]
        base = stream.time_base
        assert base is not None
        packets = [packet for packet in container.demux(stream) if packet.size]
        pts = [packet.pts for packet in packets]
        known = sorted(at for at in pts if at is not None)
        span_s = float((known[-1] - known[0]) * base)
        return {
            "streams": len(streams),
            "stream": number,
            "codec": stream.codec_context.name.removeprefix("lib"),
            "stored_width": stream.codec_context.width,
            "stored_height": stream.codec_context.height,
            "frames": len(packets),
            "key_frames": sum(packet.is_keyframe for packet in packets),
            "b_frames": pts != known,
            "fps": pytest.approx((len(packets) - 1) / span_s),
            "start_s": pytest.approx(float(known[0] * base)),
            "time_base": str(base),
            "clock": "container",
        }


def expected(place: Place, *, on_host: bool) -> dict[str, dict[str, Any]]:
    """The rows as they should be, by URI: what is in the archive, and in the other tables."""
    tables = fleet.read(str(place.output))
    frames = Counter(tables.frames.to_table(columns=["uri"])["uri"].to_pylist())
    losses = Counter(tables.errors.to_table(columns=["uri"])["uri"].to_pylist())
    found: dict[str, dict[str, Any]] = {}
    unknown: dict[str, Any] = {"frames_done": None, "frames_wanted": None}
    for path in sorted(p for p in (place.root / "in").rglob("*") if p.is_file()):
        uri = str(path)
        about: dict[str, Any] = {"losses": losses[uri], "bytes": path.stat().st_size}
        if path.name.endswith("none.mp4"):
            found[uri] = about | UNKNOWN | unknown | {"status": "refused"}
            continue
        uris = [uri, *([address_of_stream(uri, 1)] if "two" in path.name else [])]
        for each in uris:
            # Where its pictures are damaged, the headers are those of what it was made of.
            is_of_good = path.name.endswith(("damaged.mp4", "good-0.mp4"))
            source = place.library["good-0.mp4"] if is_of_good else path
            found[each] = about | by_pyav(source, split_stream(each)[1] or 0)
            found[each]["losses"] = losses[each]
            wanted = len(range(0, found[each]["frames"], EVERY))
            found[each] |= {"decoded_by": "vdec", "frames_wanted": wanted}
            found[each] |= {"frames_done": frames[each], "status": "done"}
            if losses[each]:
                found[each]["status"] = "lost_in_part" if frames[each] else "lost"
            if "vp9" in path.name:
                host = {"decoded_by": "host"}
                refused = {"status": "refused", "decoded_by": None}
                found[each] |= host if on_host else refused | unknown
    return found


def check(place: Place, *, on_host: bool) -> None:
    """Compare the table with what it should be; raise AssertionError where it is not so."""
    rows = rows_of(place.output)
    wanted = expected(place, on_host=on_host)
    assert Counter(row["uri"] for row in rows) == Counter(wanted.keys())
    for row in rows:
        told = {name: row[name] for name in wanted[row["uri"]]}
        assert told == wanted[row["uri"]], row["uri"]
        assert (row["reason"] is None) == (row["status"] != "refused")
    assert fleet.read(str(place.output)).videos.to_table().to_pylist() == rows
    assert place.table().verify().findings == ()
