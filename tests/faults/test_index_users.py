"""Whatever needs an index gets it in the same way: kept where it is kept, else from a child."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from absurd import absurdities
from accounts import read_books, thumbnails
from command import fleet_here
from hostile import Library
from made_up import commit_lease
from recorded import detections_output, record_detections, write_grays
from watched import Reads, strike_from_now_on

import fleet
from fleet.cli.show import show
from fleet.errors import BrokenVideoError
from fleet.index_cache import store as index_store
from fleet.index_cache.store import IndexStore
from fleet.storage import Folder, Reader, expand
from fleet.train.data.archive import cut_samples
from fleet.video.probe.probe import probe
from fleet.video.sampling import Sampling

ROOT = Path(__file__).parents[2]


def run_over(video: Path, folder: Path) -> str:
    """Run a job; return what errors/ says of the video."""
    report = fleet.run(thumbnails(video, folder / "out", devices=1), on="inline")
    assert report.exit_code == 3
    ((row,),) = read_books(folder / "out").errors.values()
    return str(row["message"])


def plan_over(video: Path, folder: Path) -> str:
    """Plan a job; return why the video will be refused."""
    job = ROOT / "jobs" / "thumbnails.toml"
    done = fleet_here("plan", job, "--input", video, "--output", folder / "out", "--json")
    assert done.returncode == 3, done.stderr
    (refused,) = json.loads(done.stdout)["refused"]
    return str(refused["reason"])


def index_of(video: Path, folder: Path) -> str:
    """Print its index, and that of a sound one; return what is said of the former."""
    done = fleet_here("index", video, write_grays(folder / "sound.mp4"))
    assert done.returncode == 3, done.stderr
    return done.stderr


def show_of(video: Path, folder: Path) -> str:
    """Show it out of an output that has looked at it, before it became what it is."""
    output = detections_output(Folder(str(folder / "out")))
    commit_lease(output, str(video), range(3))
    done = fleet_here("show", output.uri, "--uri", video, "--at", 0, "--out", folder / "x.png")
    assert done.returncode == 1, done.stdout
    return done.stderr


def train_on(video: Path, folder: Path) -> str:
    """Cut training pictures out of it; return the error."""
    (source,) = expand([str(video)]).sources
    with pytest.raises(BrokenVideoError) as caught:
        cut_samples(folder, "samples", source, Sampling.parse("all"), pa.table({}))
    return str(caught.value)


@pytest.mark.parametrize("user", [run_over, plan_over, index_of, show_of, train_on])
def test_a_hostile_file_ends_the_child_and_not_the_command(
    user: Callable[[Path, Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both children that take it on end; the command says so, in its usual way."""
    library = Library(tmp_path)
    bomb = next(item for item in absurdities(library) if "compressed to a bomb" in item.about)
    video = tmp_path / "in" / "bad.mp4"
    video.parent.mkdir()
    video.write_bytes(bomb.data)
    struck = strike_from_now_on(monkeypatch)
    assert "ended the process that did it (SIGSEGV)" in user(video, tmp_path)
    assert sum(len(item.ended) for item in struck) >= 2


def looked_at(video: Path, folder: Path, *, kept: bool) -> Folder:
    """An output that has looked at frames 10 and 20 of a video; `kept`: its index lies there."""
    output = detections_output(Folder(str(folder / "out")))
    (source,) = expand([str(video)]).sources
    index = probe(source, Reader(source))
    record_detections(output, index, [10, 20])
    store = IndexStore(Folder(f"{output.uri}/_index"))
    if kept:
        store.add(source, index)
    store.flush()
    return output


def show_kept(video: Path, output: Folder) -> None:
    """Draw a frame."""
    show(output.uri, str(video), "1", Path(output.uri).parent / "one.png")
    assert (Path(output.uri).parent / "one.png").stat().st_size


def plan_kept(video: Path, output: Folder) -> None:
    """Plan another job with the same indexes."""
    job = ROOT / "jobs" / "thumbnails.toml"
    options = [
        "--output",
        Path(output.uri).parent / "other",
        "--index-cache",
        f"{output.uri}/_index",
    ]
    done = fleet_here("plan", job, "--input", video, *options)
    assert done.returncode == 0, done.stderr


def run_kept(video: Path, output: Folder) -> None:
    """Run another job with the same indexes."""
    other = Path(output.uri).parent / "other"
    job = thumbnails(video, other, devices=1, index_cache=f"{output.uri}/_index")
    assert fleet.run(job, on="inline").total.frames == 40


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("user", [show_kept, plan_kept, run_kept])
def test_no_byte_of_a_header_is_read_where_the_index_is_kept(
    user: Callable[[Path, Folder], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept: bool,
) -> None:
    """Pictures are read, and nothing in front of them; without the index, the header is."""
    video = write_grays(tmp_path / "gate.mp4")
    output = looked_at(video, tmp_path, kept=kept)
    first_picture = video.read_bytes().index(b"mdat") + 4
    reads = Reads.watch(monkeypatch)
    user(video, output)
    assert (reads.before(first_picture) == []) == kept
    assert (reads.ranges == []) == (kept and user is plan_kept)


def test_a_plan_puts_no_index_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even of an archive of which a run would put the first indexes before the last look."""
    monkeypatch.setattr(index_store, "MOST_VIDEOS", 1)
    video = write_grays(tmp_path / "gate.mp4")
    job = ROOT / "jobs" / "thumbnails.toml"
    done = fleet_here("plan", job, "--input", video, "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "out").exists()


PROBES_ITS_OWN_WORK = {"fleet.street.encode", "fleet.train.data.render"}


def test_only_the_cache_has_videos_looked_at() -> None:
    """For itself, and on other machines for the run that asks them.

    Others look only at what they have written themselves a moment before.
    """
    users: dict[str, set[str]] = {
        "fleet.video.probe.sandbox": set(),
        "fleet.video.probe.probe": set(),
        "fleet.index_cache.looking": set(),
    }
    for path in sorted((ROOT / "fleet").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in users:
                users[node.module].add(module)
    assert users == {
        "fleet.video.probe.sandbox": {"fleet.index_cache.cache", "fleet.index_cache.looking"},
        "fleet.video.probe.probe": {
            "fleet.video.probe.child",
            *PROBES_ITS_OWN_WORK,
        },
        "fleet.index_cache.looking": {
            "fleet.driver.preparing.index_leases",
            "fleet.executors.index_pool",
            "fleet.executors.ray.index_actor",
            "fleet.index_cache.cache",
        },
    }
