"""How far a job is, as text for a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from fleet.core.fault import JOB_STAGES
from fleet.core.format import duration, percent, plural, rate, short
from fleet.table.state.run_records import RunRecord
from fleet.table.status import DeviceSeen, Status
from fleet.text import one_line
from fleet.views.layout import again_by_job, fact, hang, most, share_planned, time_left
from fleet.views.typed import USUAL

LABELS = 6
DEVICES = 8
REASONS = 8
"""Labels, devices and reasons of losses that are listed."""
_DRIVER = "driver"
"""What the driver's commits name in the place of a device."""


def render(status: Status, fleet: str = USUAL) -> str:
    """Return the text of a status, 80 columns wide; `fleet`: the words that start the command."""
    lines = [f"{status.state.capitalize()}: {status.uri}", ""]
    for head, text in _facts(status):
        lines += fact(head, text)
    lines += _runs(status)
    lines += _losses(status)
    lines += ["", *_next(status, fleet)]
    return "\n".join(lines)


def _facts(status: Status) -> Iterator[tuple[str, str]]:
    job, total = status.job, status.total
    fields = job.fields
    sample = f", sample {fields['sample']}" if "sample" in fields else ""
    codes = f", {status.codes:,} versions of its code" if status.codes > 1 else ""
    name = f"{fields.get('job', job.table)} {job.digest[:12]}"
    yield "job", f"{name}{sample}{codes}, Fleet {job.version}"
    if status.videos or status.to_look or status.open_inputs:
        yield "video", _video(status)
    lost = f", {total.lost_frames:,} lost" if total.lost_frames else ""
    # Of a job that is finished, all that was wanted is in the output, or lost.
    is_empty = status.state == "finished" and not (total.frames or lost or status.refused)
    none = ": the sample takes none of these videos" if is_empty and status.videos else ""
    yield "frames", f"{total.frames:,}{lost}{none}"
    labels = most(total.by_label, LABELS, "label", "{:,.0f}")
    yield job.table, f"{total.rows:,}{f': {labels}' if labels else ''}"
    if status.last_unix_s is not None:
        yield "last commit", f"{_ago(status.now_unix_s - status.last_unix_s)} ago"
    if devices := [device for device in status.devices if device.name != _DRIVER]:
        listed = ", ".join(_seen(device, status.now_unix_s) for device in devices[:DEVICES])
        more = f" and {len(devices) - DEVICES:,} more" if len(devices) > DEVICES else ""
        yield "devices", f"{len(devices):,} seen: {listed}{more}"
    packed = f", {status.packs:,} of them compacted" if status.packs else ""
    yield "parts", f"{status.objects:,}{packed}, of {plural(status.leases, 'lease')}"


def _seen(device: DeviceSeen, now_unix_s: float) -> str:
    if device.last_unix_s is None:
        return device.name
    return f"{device.name} {_ago(now_unix_s - device.last_unix_s)} ago"


def _video(status: Status) -> str:
    share = percent(status.done_video_s, status.video_s)
    if status.to_look or status.open_inputs:
        share += " of what was looked at"
    known = status.videos - status.refused - status.unread
    parts = [
        f"{duration(status.done_video_s)} of {duration(status.video_s)} done ({share})",
        f"{status.videos_done:,} of {plural(known, 'video')} to the end",
    ]
    if status.refused:
        parts.append(f"{status.refused:,} refused")
    if status.unread:
        parts.append(f"{status.unread:,} could not be read")
    if status.to_look:
        parts.append(f"{status.to_look:,} not looked at yet")
    if status.open_inputs:
        parts.append(f"{plural(status.open_inputs, 'input')} not listed to the end")
    return ", ".join(parts)


def _ago(seconds: float) -> str:
    return duration(max(0.0, round(seconds)))


def _runs(status: Status) -> list[str]:
    lines: list[str] = []
    for record in status.alive:
        lines += ["", *hang("", f"At work: {record.holder}")]
        for head, text in _run(status, record):
            lines += fact(head, text)
    return lines


def _run(status: Status, record: RunRecord) -> Iterator[tuple[str, str]]:
    heard = f"heard of {_ago(status.now_unix_s - record.updated_unix_s)} ago"
    if record.state == "preparing":
        yield "state", f"looking at its inputs, {heard}"
        return
    progress = f"{duration(record.done_video_s)} of {duration(record.video_s)} video"
    more_s = time_left(record.left_s, lists_on=record.lists_on)
    share = share_planned(record.done_video_s, record.video_s, is_part=record.is_part)
    yield "progress", f"{progress} ({share}){f', {more_s}' * bool(more_s)}, {heard}"
    lost = f", {record.devices_lost:,} lost" if record.devices_lost else ""
    speed = f"{rate(record.frames_per_s)} frames/s"
    yield "devices", f"{record.device_count:,}{lost}, {speed}"


def _losses(status: Status) -> list[str]:
    if not status.losses:
        return []
    lines = ["", f"{plural(status.total.errors, 'error')} in {status.uri}/errors:"]
    for reason in status.losses[:REASONS]:
        cost = f", {plural(reason.frames, 'frame')} lost" if reason.frames else ""
        kind = one_line(f"{reason.stage}: {reason.name}")
        lines.append(f"  {reason.losses:,} x {kind}{cost}, such as")
        lines += hang("      ", one_line(f"{short(reason.uri, 60)}: {reason.message}"))
    if len(status.losses) > REASONS:
        lines.append(f"  and {plural(len(status.losses) - REASONS, 'other reason')}")
    return [*lines, *again_by_job(status.losses)]


def _next(status: Status, fleet: str) -> list[str]:
    if status.alive:
        return hang("", "Look again any time; reading the tables is safe while it goes on.")
    if not status.finished:
        left_s = status.video_s - status.done_video_s
        left = f"{duration(left_s)} of video is left. " if status.video_s and left_s > 0 else ""
        if status.to_look:
            left += f"Not looked at yet: {plural(status.to_look, 'video')}. "
        if status.open_inputs:
            left += f"Not listed to the end: {plural(status.open_inputs, 'input')}. "
        way_out = "To go on, run the job's command again: it does only what is missing."
        return hang("", f"{left}{way_out}")
    # A command stands on a line of its own, which is not broken: it is to be copied.
    uri = one_line(shlex.quote(status.uri))
    if otherwise := [reason for reason in status.losses if reason.stage not in JOB_STAGES]:
        of_job = len(otherwise) < len(status.losses)
        lost = "What was lost otherwise" if of_job else "What was lost"
        return [f"{lost} can be taken up again:", f"  {fleet} requeue {uri}"]
    return ["To prove that all is there:", f"  {fleet} verify {uri}"]
