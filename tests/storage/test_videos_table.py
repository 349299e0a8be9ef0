"""The table of videos after anything: one row a video stream, as PyAV and the other tables say."""

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
import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from digests import Digests
from generate import Clip, cached
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from other_codecs import made

import fleet
from fleet.core.run_events import LeaseDone, RunEvent, RunStarted
from fleet.core.source import address_of_stream, split_stream
from fleet.errors import UsageError
from fleet.index_cache.store import INDEX_FOLDER, IndexStore
from fleet.storage import Folder
from fleet.table.maintenance import close
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.table import Table
from fleet.video.probe.stream_info import continued_clock

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


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Videos of every kind, by a name that says which: whole, damaged, refused, none, of two."""
    folder = tmp_path_factory.mktemp("library")
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


@settings(max_examples=8, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.lists(st.sampled_from(DEEDS), max_size=6), st.sets(st.integers(0, 7), min_size=2))
def test_after_anything_and_a_run_each_video_stream_has_one_row(
    library: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
    deeds: list[Callable[[Place], None]],
    kinds: set[int],
) -> None:
    """Videos come, change and are requeued; runs are killed; the table is lost or damaged."""
    place = Place(tmp_path_factory.mktemp("place"), library)
    for number in kinds:
        place.put(sorted(library)[number], sorted(library)[number])
    run(place)
    on_host = False
    check(place, on_host=False)
    for deed in deeds:
        deed(place)
        on_host = on_host or deed is run_on_host
    (run_on_host if on_host else run)(place)
    check(place, on_host=on_host)


def test_duckdb_joins_it_by_uri(library: dict[str, Path], tmp_path: Path) -> None:
    """Every row of every table has its video; globs see each of these once."""
    place = Place(tmp_path, library)
    for kind in library:
        place.put(kind, kind)
    run(place)
    videos, digests = (f"{place.output}/{table}/*.parquet" for table in ("videos", "digests"))
    joined = duckdb.execute(
        "select uri, frames_done, count(d.pixels) from read_parquet(?) "
        "left join read_parquet(?) d using (uri) group by all",
        [videos, digests],
    ).fetchall()
    assert len(joined) == len(rows_of(place.output)) == len(library) + 1
    assert all(count == (done or 0) for _, done, count in joined)
    sizes = {row["uri"]: (row["width"], row["height"]) for row in rows_of(place.output)}
    assert sizes[str(tmp_path / "in" / "good-3.mov")] == (128, 160)


def test_an_output_that_is_not_finished_says_what_is_known(
    library: dict[str, Path], tmp_path: Path
) -> None:
    """From before the first row on: what the videos are, and that they are open."""
    place = Place(tmp_path, library)
    place.put("good-0.mp4", "good-0.mp4")
    place.put("none.mp4", "none.mp4")
    target = "fleet.driver.run._leases"
    with patch(target, side_effect=KilledError), pytest.raises(KilledError):
        run(place)
    good, none = rows_of(place.output)
    assert (good["status"], good["codec"], good["frames_done"]) == ("open", "h264", None)
    assert none["status"] == "refused"
    assert fleet.read(str(place.output)).names[-1] == "videos"


class Act:
    """Does something once, when something happens."""

    def __init__(self, on: type[RunEvent], act: Callable[[], object]) -> None:
        self._on = on
        self._left = [act]

    def on_event(self, event: RunEvent) -> None:
        """See Observer."""
        if isinstance(event, self._on) and self._left:
            self._left.pop()()


def interrupt() -> None:
    """Do what Ctrl-C does."""
    raise KeyboardInterrupt


def statuses(place: Place) -> dict[str, str]:
    """What the table says of each video."""
    return {Path(row["uri"]).name: row["status"] for row in rows_of(place.output)}


def test_a_run_that_is_interrupted_tells_what_is_done(
    library: dict[str, Path], tmp_path: Path
) -> None:
    """And what is still open."""
    place, count = Place(tmp_path, library), 12
    for number in range(count):
        place.put("good-3.mov", f"{number:02}.mov")
    job = fleet.Job(Digests(), str(tmp_path / "in"), str(place.output), lease_s=0.05)
    report = fleet.run(job, on="inline", observer=Act(LeaseDone, interrupt))
    assert report.interrupted
    frames = fleet.read(str(place.output)).frames.to_table()["uri"].to_pylist()
    done = {Path(uri).name for uri in frames}
    assert 0 < len(done) < count
    assert len(frames) == 9 * len(done)
    found = statuses(place)
    assert {name for name, status in found.items() if status == "done"} == done
    assert Counter(found.values()) == {"done": len(done), "open": count - len(done)}
    fleet.run(job, on="inline")
    assert set(statuses(place).values()) == {"done"}


def test_a_video_that_is_replaced_while_it_is_read_is_unread(
    library: dict[str, Path], tmp_path: Path
) -> None:
    """With the reason; the next run does what is there then."""
    place = Place(tmp_path, library)
    for name in ("a.mp4", "b.mp4"):
        place.put("good-0.mp4", name)
    act = Act(RunStarted, lambda: place.put("good-1.mkv", "b.mp4"))
    report = fleet.run(place.job(), on="inline", observer=act)
    assert len(report.unreached) == 1
    good, changed = rows_of(place.output)
    assert (good["status"], changed["status"]) == ("done", "unread")
    assert "replaced by another" in changed["reason"]
    run(place)
    assert [(row["status"], row["codec"]) for row in rows_of(place.output)] == [
        ("done", "h264"),
        ("done", "hevc"),
    ]


def test_what_was_mended_of_times_is_told(library: dict[str, Path], tmp_path: Path) -> None:
    """Of a stream without a container, and of one whose times start again."""
    place = Place(tmp_path, library)
    place.put("good-2.ts", "a.ts")
    twice = tmp_path / "in" / "b.ts"
    twice.write_bytes(library["good-2.ts"].read_bytes() * 2)
    cached(Clip(container="raw", frames=9), tmp_path / "in")
    run(place)
    clocks = [row["clock"] for row in rows_of(place.output)]
    assert Counter(clocks) == {
        "container": 1,
        continued_clock(1): 1,
        "the rate that the stream states": 1,
    }


def test_a_video_of_which_nothing_comes_out_is_lost(
    library: dict[str, Path], tmp_path: Path
) -> None:
    """All of its frames stand in errors/."""
    place = Place(tmp_path, library)
    place.put("good-3.mov", "a.mov")
    path = tmp_path / "in" / "a.mov"
    data = path.read_bytes()
    at = data.index(b"mdat") + 4
    size = int.from_bytes(data[at - 8 : at - 4], "big") - 8
    path.write_bytes(data[:at] + bytes(size) + data[at + size :])
    run(place)
    (row,) = rows_of(place.output)
    assert (row["status"], row["frames_done"], row["frames_wanted"]) == ("lost", 0, 3)
    assert row["losses"] == fleet.read(str(place.output)).errors.count_rows() > 0


def test_what_is_requeued_is_open_until_it_is_done_again(
    library: dict[str, Path], tmp_path: Path
) -> None:
    """And what is known of the video stays."""
    place = Place(tmp_path, library)
    place.put("damaged.mp4", "damaged.mp4")
    run(place)
    (before,) = rows_of(place.output)
    assert before["status"] == "lost_in_part"
    requeue(place)
    (opened,) = rows_of(place.output)
    assert opened == before | {"status": "open", "frames_done": None, "losses": 0}
    run(place)
    assert rows_of(place.output) == [before]


def test_a_video_that_is_no_longer_in_the_inputs_keeps_its_row(
    library: dict[str, Path], tmp_path: Path
) -> None:
    """As its rows in the other tables stay."""
    place = Place(tmp_path, library)
    for kind in ("good-0.mp4", "good-1.mkv"):
        place.put(kind, kind)
    run(place)
    before = rows_of(place.output)
    (tmp_path / "in" / "good-1.mkv").unlink()
    place.put("good-2.ts", "good-2.ts")
    run(place)
    after = rows_of(place.output)
    assert after[:2] == before
    assert [row["status"] for row in after] == ["done"] * 3


def test_a_job_cannot_have_a_table_of_that_name(library: dict[str, Path], tmp_path: Path) -> None:
    """The message says which names are taken."""
    place = Place(tmp_path, library)
    place.put("good-0.mp4", "good-0.mp4")
    with patch.object(Digests, "table", "videos"), pytest.raises(UsageError) as raised:
        run(place)
    assert "none of frames, errors, videos" in raised.value.way_out
    assert not place.output.exists()


def test_columns_from_the_path_are_there_too(library: dict[str, Path], tmp_path: Path) -> None:
    """As in every other table; null where the path has none."""
    place = Place(tmp_path, library)
    place.put("good-0.mp4", "camera-7/a.mp4")
    place.put("none.mp4", "b.mp4")
    pattern = "camera-(?P<camera>[^/]+)/"
    inputs, output = str(tmp_path / "in"), str(place.output)
    fleet.run(fleet.Job(Digests(), inputs, output, partitions=pattern), on="inline")
    found = {Path(row["uri"]).name: row["camera"] for row in rows_of(place.output)}
    assert found == {"a.mp4": "7", "b.mp4": None}
    assert np.all([row["start_time"] is None for row in rows_of(place.output)])
