"""A run in Chrome's trace format, which Perfetto opens: nodes, devices, leases, stages, commits.

A process is a node, a thread a device or what its leases spent, stage by stage. What a run noted in
its diary is drawn to the millisecond; of runs without one, commits alone are, to the second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fleet.report.activity import COMMITTED, DRIVER
from fleet.table.diaries.diaries import Noted
from fleet.table.state.state import TableState

Event = dict[str, Any]
_RUN_PID = 1
_WITH_WALL = {"LeaseDone": "lease", "LeaseTruncated": "prefix of a lease", "BackupWasted": "wasted"}
_INSTANT = {
    "LeaseFailed": "failed",
    "LeaseSplit": "split",
    "LeaseQuarantined": "given up",
    "DeviceDraining": "goes away",
    "DevicesShared": "devices shared",
    "VideoRefused": "video refused",
    "Warned": "warning",
}


class _Threads:
    """Numbers for nodes and devices, and the events that name them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._pids: dict[tuple[str, str], int] = {}
        self._tids: dict[tuple[int, str], int] = {}

    def pid(self, run: str, node: str) -> int:
        """Return the number of a node in a run; the run itself is a node without a name."""
        key = (run, node)
        if key not in self._pids:
            pid = self._pids[key] = len(self._pids) + _RUN_PID
            name = f"{node} (run {run[:8]})" if node else f"run {run[:8]}"
            self._meta("process_name", pid, 0, {"name": name})
            self._meta("process_sort_index", pid, 0, {"sort_index": pid})
        return self._pids[key]

    def tid(self, pid: int, name: str) -> int:
        """Return the number of a thread of a node."""
        key = (pid, name)
        if key not in self._tids:
            tid = self._tids[key] = len(self._tids) + 1
            self._meta("thread_name", pid, tid, {"name": name})
            self._meta("thread_sort_index", pid, tid, {"sort_index": tid})
        return self._tids[key]

    def _meta(self, what: str, pid: int, tid: int, args: Event) -> None:
        self.events.append({"ph": "M", "name": what, "pid": pid, "tid": tid, "args": args})


def chrome_trace(diaries: Mapping[str, Sequence[Noted]], state: TableState) -> bytes:
    """Return a trace as JSON. `diaries`: run -> what it noted, the earliest first."""
    spent = _spent(state)
    threads = _Threads()
    events: list[Event] = []
    told: set[str] = set()
    for run, noted in sorted(diaries.items(), key=lambda item: item[1][0].unix_s if item[1] else 0):
        events += _of_run(run, noted, spent, threads)
        told |= {item.lease for item in noted if item.event in COMMITTED}
    events += _untold(state, spent, told, threads)
    events.sort(key=lambda event: (event["ts"], -event.get("dur", 0)))
    whole = {"traceEvents": [*threads.events, *events], "displayTimeUnit": "ms"}
    return json.dumps(whole, ensure_ascii=True, separators=(",", ":")).encode()


def _spent(state: TableState) -> dict[str, dict[str, float]]:
    """Return lease -> stage -> CPU seconds."""
    columns = (state.records[name].to_pylist() for name in ("lease", "tally.host_s"))
    return {
        lease: {entry["name"]: entry["value"] for entry in entries if entry["value"] > 0}
        for lease, entries in zip(*columns, strict=True)
    }


def _of_run(
    run: str, noted: Sequence[Noted], spent: Mapping[str, Mapping[str, float]], threads: _Threads
) -> Iterator[Event]:
    node_of = {item.device: item.node for item in noted if item.event == "DeviceJoined"}
    last_s = noted[-1].unix_s if noted else 0.0
    yield from _spans(run, noted, node_of, last_s, threads)
    started: dict[tuple[str, str], Noted] = {}
    attempts: dict[str, int] = {}
    for item in noted:
        pid = threads.pid(run, node_of.get(item.device, ""))
        tid = threads.tid(pid, item.device or "run")
        args = _args(item)
        if item.event == "LeaseStarted":
            attempts[item.lease] = attempts.get(item.lease, 0) + 1
            started[item.device, item.lease] = item
        elif item.event in _WITH_WALL:
            first = started.get((item.device, item.lease))
            args["attempt"] = attempts.get(item.lease, 1)
            is_backup = first is not None and bool(first.text)
            name = "backup task" if is_backup else _WITH_WALL[item.event]
            yield _slice(name, pid, tid, item.unix_s - item.wall_s, item.wall_s, args)
            if item.event in COMMITTED:
                yield _instant("commit", pid, tid, item.unix_s, args)
                yield from _stages(item, item.unix_s, spent, pid, threads)
        elif item.event in _INSTANT:
            yield _instant(_INSTANT[item.event], pid, tid, item.unix_s, args)


def _spans(
    run: str,
    noted: Sequence[Noted],
    node_of: Mapping[str, str],
    last_s: float,
    threads: _Threads,
) -> Iterator[Event]:
    """Yield how long the run, its nodes and its devices were there."""
    if not noted:
        return
    pid = threads.pid(run, "")
    first_s = noted[0].unix_s
    yield _slice("run", pid, threads.tid(pid, "run"), first_s, last_s - first_s, {"run": run})
    joined: dict[str, float] = {}
    of_node: dict[str, list[float]] = {}
    for item in [*noted, *(Noted(last_s, "DeviceLost", device) for device in node_of)]:
        if item.event == "DeviceJoined":
            joined[item.device] = item.unix_s
        elif item.event == "DeviceLost" and item.device in joined:
            start_s, node = joined.pop(item.device), node_of[item.device]
            pid = threads.pid(run, node)
            tid = threads.tid(pid, item.device)
            yield _slice("device", pid, tid, start_s, item.unix_s - start_s, _args(item))
            of_node.setdefault(node, []).extend((start_s, item.unix_s))
    for node, times in of_node.items():
        if node:
            pid = threads.pid(run, node)
            tid = threads.tid(pid, "node")
            yield _slice("node", pid, tid, min(times), max(times) - min(times), {"node": node})


def _stages(
    item: Noted,
    end_s: float,
    spent: Mapping[str, Mapping[str, float]],
    pid: int,
    threads: _Threads,
) -> Iterator[Event]:
    """Yield what a lease spent on each stage, one after the other, from where the lease begins."""
    tid = threads.tid(pid, f"{item.device} CPU by stage")
    stages = spent.get(item.lease, {})
    # Stages of several threads may take longer than the lease: they are drawn shorter then.
    scale = min(1.0, item.wall_s / max(sum(stages.values()), 1e-9))
    start_s = end_s - item.wall_s
    for stage, cpu_s in stages.items():
        yield _slice(stage, pid, tid, start_s, cpu_s * scale, {"cpu_s": cpu_s, "lease": item.lease})
        start_s += cpu_s * scale


def _untold(
    state: TableState,
    spent: Mapping[str, Mapping[str, float]],
    told: set[str],
    threads: _Threads,
) -> Iterator[Event]:
    """Yield the leases of runs whose diary is not there, to the second."""
    names = ("lease", "device", "committed_unix_s", "tally.wall_s", "tally.frames")
    columns = (state.records[name].to_pylist() for name in names)
    for lease, device, committed_s, wall_s, frames in zip(*columns, strict=True):
        if lease in told or device == DRIVER or committed_s <= 0:
            continue
        pid = threads.pid("without a diary", "")
        tid = threads.tid(pid, device)
        item = Noted(committed_s, "LeaseDone", device, "", lease, frames, wall_s)
        args = {**_args(item), "exact": "to the second"}
        yield _slice("lease", pid, tid, committed_s - wall_s, wall_s, args)
        yield _instant("commit", pid, tid, committed_s, args)
        yield from _stages(item, committed_s, spent, pid, threads)


def _args(item: Noted) -> Event:
    told = {"device": item.device, "lease": item.lease, "frames": item.frames, "why": item.text}
    return {name: value for name, value in told.items() if value}


def _slice(
    name: str, pid: int, tid: int, start_s: float, length_s: float, args: Mapping[str, Any]
) -> Event:
    times = {"ts": round(start_s * 1e6), "dur": max(0, round(length_s * 1e6))}
    return {"ph": "X", "name": name, "pid": pid, "tid": tid, **times, "args": dict(args)}


def _instant(name: str, pid: int, tid: int, at_s: float, args: Mapping[str, Any]) -> Event:
    ts = round(at_s * 1e6)
    return {"ph": "i", "s": "t", "name": name, "pid": pid, "tid": tid, "ts": ts, "args": dict(args)}
