"""Small objects of a shared output, torn or made to do harm: commands name them, or do without.

Whoever can write to a folder can put anything there, and a disk that fails can leave anything.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import StringIO
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hand_clock import HandClock
from made_up import JOB
from rich.console import Console
from small_damage import bytes_damaged, json_damaged, record_damaged, table_damaged
from small_objects import INDEX, NOW_S, VIDEOS, Objects, door, golden, made, taken, vouched

from fleet.cli.output_folder import print_json
from fleet.core.interval_set import DoneIntervals
from fleet.core.source import Source
from fleet.driver.peers import Leadership
from fleet.errors import FleetError
from fleet.index_cache.store import INDEX_FOLDER, IndexStore
from fleet.plan.cost import CostModel
from fleet.plan.shard import video_work
from fleet.show.detections import read_detections, recorded_uri
from fleet.storage import Folder
from fleet.storage.fsspec_store import ForeignStore
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.state.lock import LEADER_LOCK, read_holder
from fleet.table.state.ownership import check_owner
from fleet.table.state.read import read, read_losses, read_rows
from fleet.table.status import read_status
from fleet.table.table import Table
from fleet.video.index import VideoIndex
from fleet.video.sampling import Sampling
from fleet.views.status import render
from fleet.views.top import describe_end, draw_top

MOST_REQUESTS = 5
"""What a damaged output costs, in requests that the whole one costs."""
EACH = 5
"""Damages of each object."""


@pytest.fixture(autouse=True)
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the store was asked for."""
    asked: list[str] = []
    for name in ("read", "stat", "list"):
        monkeypatch.setattr(ForeignStore, name, noting(getattr(ForeignStore, name), asked))
    return asked


def noting(real: Callable[..., object], asked: list[str]) -> Callable[..., object]:
    """Note which path a method is asked for."""

    def noted(store: ForeignStore, path: str, *more: Any, **named: Any) -> object:
        asked.append(path)
        return real(store, path, *more, **named)

    return noted


def opened(folder: Folder) -> Table:
    """Open an output as commands do."""
    return door(folder, Table.open(folder.uri).job)


def show_tables(folder: Folder) -> None:
    """Do what `fleet.read` does, and what `fleet show` does with the tables."""
    tables = read(folder.uri)
    repr(tables)
    read_losses(tables.errors)
    uris = read_rows(tables.frames, {"uri": pc.field("uri").cast(pa.string())})["uri"]
    if "detections" in tables.names and VIDEOS[0] in uris.to_pylist():
        source = Source(recorded_uri(tables, "a.mp4"), 1, "v1")
        read_detections(tables, replace(INDEX, source=source))


def show_status(folder: Folder) -> None:
    """Do what `fleet status` does, and `fleet status --json`."""
    found = read_status(opened(folder), HandClock(NOW_S))
    render(found)
    print_json(found, state=found.state)


def show_top(folder: Folder) -> None:
    """Do what `fleet top` does."""
    records = opened(folder).runs.read()
    for rows in (0, 1):
        drawn = draw_top(folder.uri, [r for r in records if r.seems_alive(NOW_S)], NOW_S, rows)
        Console(file=StringIO(), width=80).print(drawn)
    describe_end(folder.uri, records, NOW_S)


def verify(folder: Folder) -> None:
    """Do what `fleet verify` does."""
    opened(folder).verify()


def plan(folder: Folder) -> None:
    """Look at what `fleet plan` looks at: whose the output is, who is at work, what is known."""
    str(read_holder(folder, LEADER_LOCK))
    store = IndexStore(Folder(f"{folder.uri}/{INDEX_FOLDER}"), read_only=True)
    for video in opened(folder).videos().values():
        found = store.find(Source(video.uri, video.bytes, video.etag))
        if isinstance(found, VideoIndex):
            work = video_work(found, Sampling("all").wanted(found), DoneIntervals([]), CostModel())
            assert work.todo.all()
    check_owner(folder, replace(JOB, digest=opened(folder).job.digest))


def run(folder: Folder) -> None:
    """Do to an output what `fleet run` does around its leases."""
    table = opened(folder)
    leadership = Leadership(table, HandClock(NOW_S))
    try:
        leadership.lead()
        videos = table.videos()
        IndexStore(Folder(f"{folder.uri}/{INDEX_FOLDER}")).tidy()
        state = table.begin_epoch({uri: video.etag for uri, video in videos.items()})
        table.keep_videos(state, videos.values())
        for record in table.runs.read():
            table.runs.leases(record.id)
        table.runs.prune(table.runs.read())
        table.close([], state.manifest.epoch)
    finally:
        leadership.end()


def requeue(folder: Folder) -> None:
    """Do what `fleet requeue` does."""
    opened(folder).requeue(LossFilter(), IndexStore(Folder(f"{folder.uri}/{INDEX_FOLDER}")))


def compact(folder: Folder) -> None:
    """Do what `fleet compact` does."""
    opened(folder).compact()


Command = Callable[[Folder], None]
LOOKING: tuple[Command, ...] = (show_tables, show_status, show_top, plan, verify)
CHANGING: tuple[Command, ...] = (run, requeue, compact)


def damages(objects: Objects, rng: Random) -> Iterator[tuple[str, Objects]]:
    """Damage each object in several ways, one at a time: its name, and what lies there then."""
    for name, data in objects.items():
        ways: list[Callable[[bytes, Random], bytes]] = [bytes_damaged, table_damaged, table_damaged]
        if name.endswith(".json"):
            ways = [bytes_damaged, json_damaged, json_damaged, json_damaged]
        elif name.startswith("frames/part-"):
            ways = [bytes_damaged, record_damaged, record_damaged, record_damaged]
        for way in (ways[n % len(ways)] for n in range(EACH)):
            damaged = way(data, rng)
            if way is table_damaged and "/p" in name and not name.startswith("_done/parts"):
                yield name, vouched({**objects, name: damaged}, name)
            else:
                yield name, {**objects, name: damaged}


@dataclass(frozen=True)
class Done:
    """What came of a command: the paths that it asked for, below the output, and its error."""

    asked: list[str]
    error: Exception | None


def carried_out(command: Command, objects: Objects, requests: list[str]) -> Done:
    """Carry out a command on an output that holds these objects."""
    folder = Folder(f"memory://{uuid.uuid4()}")
    for name, data in objects.items():
        folder.put(name, data)
    requests.clear()
    error = None
    try:
        command(folder)
    except Exception as raised:  # noqa: BLE001 - what it may be is asked by the caller
        error = raised
    root = f"{folder.uri.removeprefix('memory:/')}/"
    done = Done([path.removeprefix(root) for path in requests], error)
    taken(folder)
    return done


@pytest.mark.parametrize("whole", [made, golden])
def test_no_small_object_ends_a_command_but_with_an_error_of_ours(
    whole: Callable[[], Objects], requests: list[str]
) -> None:
    """Damaged one at a time, in ways drawn from a seed; and none makes it read on and on."""
    objects = whole()
    usual = {command: carried_out(command, objects, requests) for command in LOOKING + CHANGING}
    assert [done.error for done in usual.values() if done.error] == []
    refused = 0
    rng = Random(20)  # noqa: S311 - the same each time
    for number, (name, damaged) in enumerate(damages(objects, rng)):
        changing = CHANGING[number % len(CHANGING)]
        for command in (*(each for each in LOOKING if name in usual[each].asked), changing):
            done = carried_out(command, damaged, requests)
            about = f"{command.__name__}, damage {number}, {name}"
            if done.error is not None and not isinstance(done.error, FleetError):
                raise AssertionError(about) from done.error
            assert len(done.asked) <= MOST_REQUESTS * len(usual[command].asked), about
            refused += done.error is not None
    # Most damage is told as such; what is only a note or a copy is done without.
    assert refused > number / 4
