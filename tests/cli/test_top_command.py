"""`fleet top`: what a run does just now, from what it says of itself in its output."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from command import fleet_here
from made_up import JOB, claimed
from rich.console import Console

from fleet.clock import SYSTEM_CLOCK
from fleet.core.progress import Progress
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import (
    BackupWasted,
    DeviceDraining,
    DeviceJoined,
    DevicesAwaited,
    LeaseDone,
    LeaseStarted,
    RunEvent,
    RunStarted,
)
from fleet.driver.heartbeat import Heartbeat, beating
from fleet.storage import Folder
from fleet.table.state.holder import Holder
from fleet.table.state.run_records import (
    SILENT_S,
    DeviceRecord,
    NodeRecord,
    RunRecord,
    RunRecords,
)
from fleet.views.top import describe_end, draw_top

NOW_S = 1_800_000_000.0
BUSY = {"vdec": 0.612, "model": 0.224, "vpc": 0.081, "aipp": 0.01, "output": 0.001}


def note_of(count: int, **values: object) -> RunRecord:
    """Make the note of a run in this process, its devices dealt out to two nodes."""
    holder = Holder.me("fleet run", JOB.digest, NOW_S - 800)
    several = tuple(
        DeviceRecord(f"npu/{n}", 1234, 100.0 + n, f"s3://archive/clip-{n}.mp4", f"node-{n % 2}", "working", "aa", BUSY)
        for n in range(count)
    )  # fmt: skip
    nodes = tuple(NodeRecord(f"node-{n}", count // 2, count // 2, 0, 206.0) for n in range(2))
    note = RunRecord(
        holder, "running", NOW_S - 3, ("in",), 12, 11520.0, 288000, 240, 5300.0, 132000, 412.0,
        250.0, count, 1, several, 110, 3, 72, 4, 33.2, 2, nodes,
    )  # fmt: skip
    return replace(note, **values)  # type: ignore[arg-type]


def frame(*notes: RunRecord, rows: int = 0, width: int = 80) -> list[str]:
    """Draw notes as lines."""
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(draw_top("s3://bucket/out", notes, NOW_S, rows))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_frame_says_where_the_run_and_its_devices_are() -> None:
    """Progress, speed, time left, what went wrong, and a line a device below its node."""
    lines = frame(note_of(4))
    text = "\n".join(lines)
    assert "said 3s ago" in text
    assert "video    1h28m of 3h12m, 412 frames/s, about 4m left" in lines
    assert "done     132,000 of 288,000 frames, 110 of 240 leases" in lines
    assert "fleet    4 devices on 2 nodes, 1 lost" in lines
    assert "backups  4 leases given to a second device, 33s wasted" in lines
    assert "trouble  3 errors, 72 frames lost" in lines
    assert lines[-6:] == [
        "node-0: 2 devices, 2 working, 206 frames/s",
        "  npu/0     working       100  vdec 61% model 22% vpc 8%    clip-0.mp4",
        "  npu/2     working       102  vdec 61% model 22% vpc 8%    clip-2.mp4",
        "node-1: 2 devices, 2 working, 206 frames/s",
        "  npu/1     working       101  vdec 61% model 22% vpc 8%    clip-1.mp4",
        "  npu/3     working       103  vdec 61% model 22% vpc 8%    clip-3.mp4",
    ]


def test_devices_that_are_on_their_way_are_shown() -> None:
    """Those that load their model, and those for which no node has room; before any has come, too."""
    lines = frame(note_of(4, devices_opening=2, devices_unplaced=1300))
    assert "fleet    4 devices on 2 nodes, 2 starting, 1,300 waiting for a node, 1 lost" in lines
    first = frame(note_of(0, devices_unplaced=8, nodes=(), node_count=0, devices_lost=0))
    assert "fleet    0 devices, 8 waiting for a node" in first


@pytest.mark.parametrize("devices", [0, 2, 40])
@pytest.mark.parametrize("rows", [0, 5])
def test_a_frame_fits_80_columns_whatever_the_names(devices: int, rows: int) -> None:
    """Drawn on a wider terminal, nothing is longer."""
    long = tuple(
        replace(device, name=f"npu/{'9' * 30}", node="n" * 90, uri=f"a/{'x' * 300}.mp4")
        for device in note_of(devices).devices
    )
    nodes = (NodeRecord("n" * 90, devices, 10**7, 10**7, 1e9),)
    notes = [note_of(devices), note_of(devices, devices=long, nodes=nodes, frames=10**15)]
    assert all(len(line) <= 80 for line in frame(*notes, rows=rows, width=200))


def test_what_does_not_fit_is_counted() -> None:
    """And what the note did not tell of one by one."""
    assert frame(note_of(8), rows=3)[-1] == "  and 5 more"
    assert frame(note_of(8, device_count=10_000))[-1] == "  and 9,992 more"


def test_the_note_of_an_older_fleet_is_shown_as_far_as_it_goes() -> None:
    """No node, no state, no count of leases is made up."""
    bare = tuple(DeviceRecord(d.name, d.frames, d.frames_per_s, d.uri) for d in note_of(2).devices)
    old = note_of(
        2, devices=bare, nodes=(), node_count=0, done_leases=None, backups=0, wasted_s=0.0
    )
    lines = frame(old)
    assert "done     132,000 of 288,000 frames, 240 leases" in lines
    assert "fleet    2 devices, 1 lost" in lines
    assert lines[-1] == "  npu/1                   101                               clip-1.mp4"


def test_notes_of_older_and_newer_fleets_are_read() -> None:
    """What is missing is not known; what is not understood is left alone."""
    folder = Folder("memory://notes-of-others")
    RunRecords(folder).put(note_of(2))
    name = next(iter(folder.list("_runs/"))).name
    raw = json.loads(folder.read(name))
    for later in (
        "done_leases",
        "errors",
        "lost_frames",
        "twins",
        "wasted_s",
        "node_count",
        "nodes",
        "devices_opening",
        "devices_unplaced",
    ):
        del raw[later]
    raw["devices"] = [
        {k: d[k] for k in ("name", "frames", "frames_per_s", "uri")} for d in raw["devices"]
    ]
    raw["devices"][0]["temperature_c"] = 41
    raw["weather"] = "fine"
    folder.put(name, json.dumps(raw).encode())
    (note,) = RunRecords(folder).read()
    assert (note.done_leases, note.nodes, note.devices[0].state) == (None, (), "")
    assert note.devices[1].frames_per_s == 101


def test_a_note_tells_of_nodes_devices_and_backups() -> None:
    """As events tell of them."""
    folder = claimed(Folder("memory://told"))
    tally = Tally(frames=10, wall_s=2.0, host_s={"vdec": 1.0})
    events: list[RunEvent] = [
        RunStarted("out", 1, 40.0, 100, 4),
        DeviceJoined("npu/0", "node-a"),
        DeviceJoined("npu/1", "node-b"),
        DeviceJoined("npu/2", "node-b"),
        LeaseStarted("npu/0", "x", 10, 10),
        LeaseStarted("npu/1", "y", 10, 10),
        LeaseStarted("npu/2", "x", 10, 10, backup=True),
        Progress("npu/1", "y", "in/b.mp4", 5, 5.0),
        LeaseDone("npu/0", "x", Receipt("x", (), (), tally, "npu/0")),
        BackupWasted("npu/2", "x", 1.5),
        DeviceDraining("npu/1", 30),
        DevicesAwaited(2, 3),
        DevicesAwaited(1, 3),
    ]

    record = note_of(0, state="preparing", backups=0)
    beat = Heartbeat(RunRecords(folder), record, SYSTEM_CLOCK)
    with beating(beat, SYSTEM_CLOCK):
        for event in events:
            beat.on_event(event)
        beat.put()
    (note,) = RunRecords(folder).read()
    assert [(d.node, d.state, d.lease) for d in note.devices] == [
        ("node-a", "idle", ""),
        ("node-b", "draining", "y"),
        ("node-b", "idle", ""),
    ]
    assert note.devices[0].busy == {"vdec": 0.5}
    assert [(n.name, n.devices, n.draining) for n in note.nodes] == [
        ("node-a", 1, 0),
        ("node-b", 2, 1),
    ]
    assert (note.devices_opening, note.devices_unplaced) == (1, 3)
    assert (note.backups, note.wasted_s, note.done_leases, note.node_count) == (1, 1.5, 1, 2)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("finished", "the last run finished 3s ago, 1h28m of 3h12m video"),
        ("failed", "the last run failed 3s ago"),
        ("interrupted", "the last run was interrupted 3s ago"),
        ("running", "the last run was last heard of 3s ago, and has not ended properly"),
    ],
)
def test_when_nothing_runs_the_last_run_is_told(state: str, words: str) -> None:
    """And how it ended."""
    text = describe_end("out", [note_of(2, state=state)], NOW_S).replace("\n", " ")
    assert words in text


def test_an_output_without_any_run_is_told() -> None:
    """Rather than an empty screen."""
    assert "no run has left a record there" in describe_end("out", [], NOW_S)


@pytest.fixture
def out(tmp_path: Path) -> Folder:
    """An output that this process is at work on, by what stands there."""
    folder = claimed(Folder(str(tmp_path / "out")))
    RunRecords(folder).put(note_of(4, updated_unix_s=time.time()))
    return folder


def test_once_prints_a_frame_and_ends(out: Folder) -> None:
    """So that a script can read it."""
    done = fleet_here("top", out.uri, "--once")
    assert (done.returncode, done.stderr) == (0, "")
    assert "  npu/3     working       103" in done.stdout
    assert "\x1b" not in done.stdout


def test_on_a_terminal_it_ends_when_the_run_does(out: Folder) -> None:
    """By itself, and says how the run ended."""
    mine, theirs = pty.openpty()
    command = [sys.executable, "-m", "fleet.cli", "top", out.uri]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as top:
        os.close(theirs)
        seen = b""
        while b"clip-3.mp4" not in seen:
            seen += os.read(mine, 65536)
        (note,) = RunRecords(out).read()
        RunRecords(out).put(replace(note, state="finished", updated_unix_s=time.time()))
        while b"finished" not in seen:
            seen += os.read(mine, 65536)
        assert top.wait(120) == 0
    os.close(mine)


def test_a_run_that_has_fallen_silent_is_not_shown(out: Folder) -> None:
    """Its note is older than what runs leave between two; it is told when it was last heard of."""
    (note,) = RunRecords(out).read()
    RunRecords(out).put(replace(note, updated_unix_s=time.time() - SILENT_S - 1))
    done = fleet_here("top", out.uri)
    assert done.returncode == 0
    assert "npu/3" not in done.stdout
    assert "was last heard of" in done.stdout


def test_what_is_no_output_is_refused(tmp_path: Path) -> None:
    """Exit code 2, and the path is named."""
    done = fleet_here("top", tmp_path / "nothing")
    assert done.returncode == 2
    assert "holds no output of Fleet" in done.stderr
