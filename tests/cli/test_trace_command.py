"""`fleet trace`: what devices did, in Chrome's trace format."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command import fleet_here
from hand_clock import HandClock
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import JOB, claimed, commit_lease, table_of
from recorded import write_grays

import fleet
from fleet.core.fault import Fault
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import (
    BackupWasted,
    DeviceJoined,
    DeviceLost,
    LeaseDone,
    LeaseFailed,
    LeaseStarted,
    RunEnded,
    RunStarted,
)
from fleet.job.toml_text import packaged_job
from fleet.report.trace import chrome_trace
from fleet.storage import Folder
from fleet.table.diaries.diaries import Noted, RunDiaries
from fleet.table.diaries.diary import MOST_HELD, PUT_S, Diary
from fleet.table.state.holder import Holder
from fleet.table.state.run_records import KEPT, RunRecord

RUN = "ab" * 16
GOLDEN = Path(__file__).parents[1] / "golden" / "output"


def traced(output: object, to: Path) -> list[dict[str, Any]]:
    """Run the command, and return the events of the trace."""
    done = fleet_here("trace", output, "--out", to)
    assert done.returncode == 0, done.stderr
    events: list[dict[str, Any]] = json.loads(to.read_text())["traceEvents"]
    return events


def test_a_run_is_traced_lease_by_lease(tmp_path: Path) -> None:
    """Each lease once, inside of its device, which is inside of its node; a commit at its end."""
    clip = write_grays(tmp_path / "gate.mp4")
    job = fleet.load_job(
        packaged_job("thumbnails.toml"),
        {"input": [str(clip)], "output": str(tmp_path / "out"), "sample": "all"}
        | {"devices": 2, "lease_s": 1.5},
    )
    assert fleet.run(job, on="inline").exit_code == 0
    leases = fleet.read(str(tmp_path / "out")).leases
    assert leases > 1
    events = traced(tmp_path / "out", tmp_path / "trace.json")
    counts = Counter(event["name"] for event in events)
    assert counts["lease"] == counts["commit"] == leases
    assert counts["run"] == 1
    assert {"vdec", "jpege", "node", "device"} <= set(counts)
    threads = {
        (e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"
    }
    for lease in (event for event in events if event["name"] == "lease"):
        (device,) = [
            event for event in events if event["name"] == "device" and event["tid"] == lease["tid"]
        ]
        assert threads[lease["pid"], lease["tid"]] == lease["args"]["device"]
        assert lease["ts"] + lease["dur"] <= device["ts"] + device["dur"]
        stages = [e for e in events if e["args"].get("lease") == lease["args"]["lease"]]
        assert sum(e["dur"] for e in stages if "cpu_s" in e["args"]) <= lease["dur"] + len(stages)


def test_retries_and_backup_tasks_are_told_apart(tmp_path: Path) -> None:
    """What failed, which attempt it was, what a second device did in vain, and who was lost."""
    folder = claimed(Folder(str(tmp_path / "out")))
    receipt = commit_lease(folder, "gate.mp4", range(5), device="npu/1")
    clock = HandClock()
    diary = Diary(RunDiaries(folder), RUN, clock)
    fault = Fault("vdec", 507018, "DeviceError", "It failed.", retryable=True)
    lease = receipt.lease
    for event in (
        RunStarted("out", 1, 1.0, 5, 1),
        DeviceJoined("npu/0", "host-a"),
        DeviceJoined("npu/1", "host-b"),
        LeaseStarted("npu/0", lease, 1.0, 5),
        LeaseFailed("npu/0", lease, fault),
        LeaseStarted("npu/0", lease, 1.0, 5),
        LeaseStarted("npu/1", lease, 1.0, 5, backup=True),
        LeaseDone("npu/1", lease, Receipt(lease, (), (), Tally(frames=5, wall_s=1.5), "npu/1")),
        BackupWasted("npu/0", lease, 2.5),
        DeviceLost("npu/0", "its machine went away"),
        RunEnded(whole=True),
    ):
        clock.sleep(1.0)
        diary.on_event(event)
    diary.flush(at_once=True)
    state, diaries = table_of(folder).state(), RunDiaries(folder).read()
    events = json.loads(chrome_trace(diaries, state))["traceEvents"]
    by_name = {event["name"]: event for event in events}
    nodes = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    backup, wasted = by_name["backup task"], by_name["wasted"]
    assert nodes[backup["pid"]].startswith("host-b")
    assert nodes[wasted["pid"]].startswith("host-a")
    assert (backup["dur"], wasted["dur"]) == (1_500_000, 2_500_000)
    assert backup["args"]["attempt"] == 3
    assert by_name["failed"]["args"]["why"] == "vdec: It failed."
    assert by_name["commit"]["ts"] == backup["ts"] + backup["dur"]
    assert by_name["run"]["dur"] == 10_000_000
    lost = [e for e in events if e["name"] == "device" and nodes[e["pid"]].startswith("host-a")]
    assert [event["args"]["why"] for event in lost] == ["died: its machine went away"]


def test_an_output_without_a_diary_is_traced_by_its_commits(tmp_path: Path) -> None:
    """Such as one of version 0.1: to the second, where it kept the second."""
    out = claimed(Folder(str(tmp_path / "out")))
    commit_lease(out, "gate.mp4", range(5), device="npu/3")
    events = traced(out.uri, tmp_path / "trace.json")
    (lease,) = [event for event in events if event["name"] == "lease"]
    assert lease["args"]["exact"] == "to the second"
    shutil.copytree(GOLDEN, tmp_path / "golden")
    traced(tmp_path / "golden", tmp_path / "golden.json")


def test_a_diary_is_put_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    """Every minute, or where much has happened; nothing twice, and nothing where nothing has."""
    folder, clock = Folder(str(tmp_path)), HandClock()
    diaries = RunDiaries(folder)
    diary = Diary(diaries, RUN, clock)

    def objects() -> int:
        return len(list(folder.list("_runs/")))

    diary.on_event(DeviceJoined("npu/0", "host"))
    diary.flush()
    assert objects() == 0
    clock.sleep(PUT_S)
    diary.flush()
    diary.flush(at_once=True)
    assert objects() == 1
    for number in range(MOST_HELD):
        diary.on_event(LeaseStarted("npu/0", f"{number:032x}", 1.0, 1))
    diary.flush()
    assert objects() == 2
    assert len(diaries.read()[RUN]) == MOST_HELD + 1
    diaries.drop(RUN)
    assert objects() == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(), st.text(), st.floats(0, 1e9)), min_size=1, max_size=8))
def test_any_text_comes_back(told: list[tuple[str, str, float]]) -> None:
    """Of names and reasons, file names that are no text too."""
    folder = Folder("memory://diaries")
    noted = [
        Noted(unix_s, "LeaseFailed", device, text=f"{why}\udcff") for device, why, unix_s in told
    ]
    diaries = RunDiaries(folder)
    diaries.drop(RUN)
    diaries.put(RUN, 0, noted)
    assert sorted(map(str, diaries.read()[RUN])) == sorted(map(str, noted))


@pytest.mark.parametrize("unix_s", [-1.0, 1e18, float("nan"), float("inf")])
def test_a_diary_that_makes_no_sense_is_left_out(tmp_path: Path, unix_s: float) -> None:
    """Damaged bytes, and times that no calendar has: the others count."""
    folder = claimed(Folder(str(tmp_path / "out")))
    diaries = RunDiaries(folder)
    diaries.put(RUN, 0, [Noted(5.0, "DeviceJoined", "npu/0", "host")])
    diaries.put(RUN, 1, [Noted(unix_s, "DeviceJoined", "npu/1", "host")])
    folder.put(f"_runs/{RUN}-diary-000002.parquet", b"PAR1 and nothing more")
    assert [noted.device for noted in diaries.read()[RUN]] == ["npu/0"]
    traced(folder.uri, tmp_path / "trace.json")


def test_old_diaries_go_with_the_records_of_their_runs(tmp_path: Path) -> None:
    """The diaries of the runs whose records are kept stay."""
    runs = table_of(claimed(Folder(str(tmp_path / "out"))), JOB).runs
    me = Holder.me("fleet run", JOB.digest, 1.0)
    over = [
        RunRecord(replace(me, mark=f"{number:032x}"), "finished", float(number))
        for number in range(KEPT + 2)
    ]
    for record in over:
        runs.put(record)
        runs.diaries.put(record.id, 0, [Noted(5.0, "RunEnded")])
    runs.prune(over)
    assert set(runs.diaries.read()) == {record.id for record in over[2:]}
