"""What a run does just now, drawn for a terminal from what it says of itself in its output."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fleet.core.format import about, duration, percent, plural, rate, short
from fleet.table.state.run_records import DeviceRecord, NodeRecord, RunRecord
from fleet.text import one_line
from fleet.views.layout import WIDTH, hang

STALE_S = 15.0
"""A note is put every 5 s; one that is older than this is worth a warning."""
BUSY = "CPU in its last lease"
_STYLES = {"working": "green", "draining": "yellow", "idle": "dim"}


def draw_top(uri: str, notes: Iterable[RunRecord], now_unix_s: float, rows: int = 0) -> Group:
    """Draw the runs that are at work on an output, one below the other.

    80 columns. `rows`: at most so many devices of each run; 0: all that it told of.
    """
    parts: list[RenderableType] = [Text(short(f"fleet top  {uri}", WIDTH), style="bold")]
    for note in notes:
        parts += [Text(), *_run(note, now_unix_s, rows)]
    for part in parts:
        if isinstance(part, Text):
            part.truncate(WIDTH, overflow="ellipsis")
    return Group(*parts)


def describe_end(uri: str, notes: list[RunRecord], now_unix_s: float) -> str:
    """Say that nothing runs, and what became of the last run."""
    if not notes:
        return f"Nothing runs on {uri}, and no run has left word there."
    last = notes[-1]
    ago = duration(max(0.0, round(now_unix_s - last.updated_unix_s)))
    came = (
        f"{duration(last.done_video_s)} of {duration(last.video_s)} video" if last.video_s else ""
    )
    share = f", {came} ({percent(last.done_video_s, last.video_s)})" if came else ""
    words = {
        "finished": f"the last run finished {ago} ago",
        "left": f"the last run did its share and ended {ago} ago",
        "interrupted": f"the last run was interrupted {ago} ago",
        "failed": f"the last run failed {ago} ago",
    }
    lost = f"the last run was last heard of {ago} ago, and has not ended properly"
    return "\n".join(hang("", f"Nothing runs on {uri}: {words.get(last.state, lost)}{share}."))


def _run(note: RunRecord, now_unix_s: float, rows: int) -> Iterator[RenderableType]:
    since = time.strftime("%H:%M:%S", time.localtime(note.holder.since_unix_s))
    age_s = max(0.0, now_unix_s - note.updated_unix_s)
    who = f"{short(note.holder.host, 24)}, pid {note.holder.pid}, since {since}"
    yield Text.assemble(
        f"{note.state.capitalize()} on {who}; said ",
        (f"{duration(round(age_s))} ago", "yellow" if age_s > STALE_S else ""),
    )
    if note.state == "preparing":
        yield Text("It looks at its inputs.")
        return
    share = note.done_video_s / note.video_s if note.video_s > 0 else 0.0
    bar = Table.grid(padding=(0, 1))
    bar.add_column(width=71)
    bar.add_column(justify="right", width=6)
    percents = percent(note.done_video_s, note.video_s)
    bar.add_row(ProgressBar(total=1.0, completed=min(share, 1.0), width=71), Text(percents))
    yield bar
    yield from map(Text, _lines(note))
    yield Text()
    yield from _devices(note, rows)


def _lines(note: RunRecord) -> Iterator[str]:
    left = f", about {about(note.left_s)} left" if note.left_s else ""
    video = f"{duration(note.done_video_s)} of {duration(note.video_s)}"
    yield f"{'video':<9}{video}, {rate(note.frames_per_s)} frames/s{left}"
    frames = f"{note.done_frames:,} of {plural(note.frames, 'frame')}"
    ended = f"{note.done_leases:,} of " if note.done_leases is not None else ""
    leases = f"{ended}{plural(note.leases, 'lease')}"
    yield f"{'done':<9}{frames}, {leases}"
    nodes = f" on {plural(note.node_count, 'node')}" if any(n.name for n in note.nodes) else ""
    draining = sum(node.draining for node in note.nodes)
    counts = {
        f"{plural(note.device_count, 'device')}{nodes}": 1,
        f"{draining:,} draining": draining,
        f"{note.devices_lost:,} lost": note.devices_lost,
    }
    yield f"{'fleet':<9}{', '.join(text for text, count in counts.items() if count)}"
    if note.backups or note.wasted_s:
        twins = f"{plural(note.backups, 'lease')} given to a second device"
        yield f"{'twins':<9}{twins}, {duration(note.wasted_s)} wasted"
    if note.errors:
        lost = f", {plural(note.lost_frames, 'frame')} lost" if note.lost_frames else ""
        yield f"{'trouble':<9}{plural(note.errors, 'error')}{lost}"


def _devices(note: RunRecord, rows: int) -> Iterator[Text]:
    """Write a line a device, below its node; of more than `rows`, those that fit."""
    yield Text(f"{'  device':<11} {'state':<8} {'frames/s':>8}  {BUSY:<27}  video", style="dim")
    left = rows or len(note.devices)
    for node in _nodes(note):
        devices = [device for device in note.devices if device.node == node.name]
        if not devices or left <= 0:
            continue
        if node.name:
            yield _node(node)
        yield from (_device(device) for device in devices[:left])
        left -= len(devices)
    shown = min(len(note.devices), rows or len(note.devices))
    if more := note.device_count - shown:
        yield Text(f"  and {more:,} more", style="dim")


def _nodes(note: RunRecord) -> list[NodeRecord]:
    """List the nodes, those with most devices first; an older Fleet told of none."""
    nodes = note.nodes or (NodeRecord("", note.device_count, 0, 0, note.frames_per_s),)
    return sorted(nodes, key=lambda node: (-node.devices, node.name))


def _node(node: NodeRecord) -> Text:
    draining = f", {node.draining:,} draining" if node.draining else ""
    counts = f"{plural(node.devices, 'device')}, {node.working:,} working{draining}"
    return Text.assemble(
        (short(one_line(node.name), 36), "bold"), f": {counts}, {rate(node.frames_per_s)} frames/s"
    )


def _device(device: DeviceRecord) -> Text:
    video = one_line(device.uri.rpartition("/")[2]) if device.state != "idle" else ""
    return Text.assemble(
        f"  {short(device.name, 9):<9} ",
        (f"{device.state:<8}", _STYLES.get(device.state, "")),
        f" {rate(device.frames_per_s):>8}  {_busy(device.busy):<27}  {short(video, 20)}",
    )


def _busy(busy: Mapping[str, float]) -> str:
    """Name the stages that take most, as many as there is room for."""
    text = ""
    for stage, share in sorted(busy.items(), key=lambda item: (-item[1], item[0])):
        longer = f"{text} {stage} {100 * share:.0f}%".strip()
        if share < 0.005 or len(longer) > 27:
            break
        text = longer
    return text
