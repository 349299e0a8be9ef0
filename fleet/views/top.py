"""What the runs on an output are doing, drawn for a terminal from their records in it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fleet.core.format import duration, percent, plural, rate, short
from fleet.table.state.run_records import DeviceRecord, NodeRecord, RunRecord
from fleet.text import one_line
from fleet.views.layout import (
    WIDTH,
    describe_labels,
    files_to_look,
    hang,
    of_devices,
    share_planned,
    time_left,
)

STALE_S = 15.0
"""A record is written every 5 s; one that is older than this is shown as a warning."""
BUSY = "CPU in its last lease"
_STYLES = {"working": "green", "draining": "yellow", "idle": "dim"}


def draw_top(uri: str, records: Iterable[RunRecord], now_unix_s: float, rows: int = 0) -> Group:
    """Return a drawing of the runs at work on an output, one below the other, 80 columns wide.

    `rows`: how many devices of each run to show; 0: all that its record lists.
    """
    parts: list[RenderableType] = [Text(short(f"fleet top  {uri}", WIDTH), style="bold")]
    for record in records:
        parts += [Text(), *_run(record, now_unix_s, rows)]
    for part in parts:
        if isinstance(part, Text):
            part.truncate(WIDTH, overflow="ellipsis")
    return Group(*parts)


def describe_end(uri: str, records: list[RunRecord], now_unix_s: float) -> str:
    """Return a sentence that nothing runs, and how the last run ended."""
    if not records:
        return f"Nothing runs on {uri}, and no run has left a record there."
    last = records[-1]
    ago = duration(max(0.0, round(now_unix_s - last.updated_unix_s)))
    done = (
        f"{duration(last.done_video_s)} of {duration(last.video_s)} video" if last.video_s else ""
    )
    planned = share_planned(last.done_video_s, last.video_s, is_part=last.is_part)
    share = f", {done} ({planned})" if done else ""
    words = {
        "finished": f"the last run finished {ago} ago",
        "left": f"the last run did its share and ended {ago} ago",
        "interrupted": f"the last run was interrupted {ago} ago",
        "failed": f"the last run failed {ago} ago",
        "incomplete": f"the last run ended {ago} ago; it could not read some videos",
    }
    lost = f"the last run was last heard of {ago} ago, and has not ended properly"
    return "\n".join(hang("", f"Nothing runs on {uri}: {words.get(last.state, lost)}{share}."))


def _run(record: RunRecord, now_unix_s: float, rows: int) -> Iterator[RenderableType]:
    since = time.strftime("%H:%M:%S", time.localtime(record.holder.since_unix_s))
    age_s = max(0.0, now_unix_s - record.updated_unix_s)
    who = f"{short(one_line(record.holder.host), 24)}, pid {record.holder.pid}, since {since}"
    yield Text.assemble(
        f"{one_line(record.state.capitalize())} on {who}; said ",
        (f"{duration(round(age_s))} ago", "yellow" if age_s > STALE_S else ""),
    )
    if record.state == "preparing":
        yield Text("It looks at its inputs.")
        return
    share = record.done_video_s / record.video_s if record.video_s > 0 else 0.0
    bar = Table.grid(padding=(0, 1))
    bar.add_column(width=71)
    bar.add_column(justify="right", width=6)
    percents = percent(record.done_video_s, record.video_s)
    bar.add_row(ProgressBar(total=1.0, completed=min(share, 1.0), width=71), Text(percents))
    yield bar
    yield from map(Text, _lines(record))
    yield Text()
    yield from _devices(record, rows)


def _lines(record: RunRecord) -> Iterator[str]:
    more_s = time_left(record.left_s, lists_on=record.lists_on)
    planned = " planned so far" if record.is_part else ""
    video = f"{duration(record.done_video_s)} of {duration(record.video_s)}{planned}"
    yield f"{'video':<9}{video}, {rate(record.frames_per_s)} frames/s{f', {more_s}' * bool(more_s)}"
    frames = f"{record.done_frames:,} of {plural(record.frames, 'frame')}"
    ended = f"{record.done_leases:,} of " if record.done_leases is not None else ""
    leases = f"{ended}{plural(record.leases, 'lease')}"
    more = files_to_look(record.to_look, lists_on=record.lists_on)
    yield f"{'done':<9}{frames}, {leases}{f', {more}' * bool(more)}"
    nodes = f" on {plural(record.node_count, 'node')}" if any(n.name for n in record.nodes) else ""
    draining = sum(node.draining for node in record.nodes)
    counts = {
        f"{plural(record.device_count, 'device')}{nodes}": 1,
        f"{draining:,} draining": draining,
        f"{record.devices_opening:,} starting": record.devices_opening,
        f"{record.devices_unplaced:,} waiting for a node": record.devices_unplaced,
        f"{record.devices_lost:,} lost": record.devices_lost,
    }
    yield f"{'fleet':<9}{', '.join(text for text, count in counts.items() if count)}"
    if shared := record.share:
        part = of_devices(shared.devices, shared.of, shared.weight, shared.weights)
        yield f"{'share':<9}{part}"
    if record.labels:
        yield f"{'labels':<9}{one_line(describe_labels(record.labels))}"
    if record.backups or record.wasted_s:
        backups = f"{plural(record.backups, 'lease')} given to a second device"
        yield f"{'backups':<9}{backups}, {duration(record.wasted_s)} wasted"
    if record.errors:
        lost = f", {plural(record.lost_frames, 'frame')} lost" if record.lost_frames else ""
        yield f"{'trouble':<9}{plural(record.errors, 'error')}{lost}"


def _devices(record: RunRecord, rows: int) -> Iterator[Text]:
    """Yield a line for each device, below its node; only the first `rows` devices, 0 for all."""
    yield Text(f"{'  device':<11} {'state':<8} {'frames/s':>8}  {BUSY:<27}  video", style="dim")
    left = rows or len(record.devices)
    for node in _nodes(record):
        devices = [device for device in record.devices if device.node == node.name]
        if not devices or left <= 0:
            continue
        if node.name:
            yield _node(node)
        yield from (_device(device) for device in devices[:left])
        left -= len(devices)
    shown = min(len(record.devices), rows or len(record.devices))
    if more := record.device_count - shown:
        yield Text(f"  and {more:,} more", style="dim")


def _nodes(record: RunRecord) -> list[NodeRecord]:
    """Return the nodes, those with most devices first; older versions recorded none."""
    nodes = record.nodes or (NodeRecord("", record.device_count, 0, 0, record.frames_per_s),)
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
        f"  {short(one_line(device.name), 9):<9} ",
        (f"{one_line(device.state):<8}", _STYLES.get(device.state, "")),
        f" {rate(device.frames_per_s):>8}  {_busy(device.busy):<27}  {short(video, 20)}",
    )


def _busy(busy: Mapping[str, float]) -> str:
    """Return the stages that take the most CPU, as many as there is room for."""
    text = ""
    for stage, share in sorted(busy.items(), key=lambda item: (-item[1], item[0])):
        longer = f"{text} {one_line(stage)} {100 * share:.0f}%".strip()
        if share < 0.005 or len(longer) > 27:
            break
        text = longer
    return text
