"""The table of videos after anything: one row a video stream, as PyAV and the other tables say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import duckdb
import numpy as np
import pytest
from digests import Digests
from generate import Clip, cached
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from video_places import (
    DEEDS,
    KilledError,
    Place,
    check,
    every_kind,
    requeue,
    rows_of,
    run,
    run_on_host,
)

import fleet
from fleet.core.run_events import LeaseDone, RunEvent, RunStarted
from fleet.errors import UsageError
from fleet.video.probe.stream_info import continued_clock


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """See `every_kind`."""
    return every_kind(tmp_path_factory.mktemp("library"))


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
    target = "fleet.driver.supply.Supply._cut"
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
