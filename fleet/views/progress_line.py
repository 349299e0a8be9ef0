"""What a run is doing, in lines of text; pure."""

from __future__ import annotations

from fleet.core.format import duration, plural, rate
from fleet.core.run_events import (
    Cause,
    DeviceDraining,
    DeviceLost,
    DevicesShared,
    LeaseFailed,
    LeaseQuarantined,
    LeaseSplit,
    PlanGrew,
    RunEvent,
    RunStarted,
    VideoRefused,
    Warned,
)
from fleet.observe.snapshot import Snapshot
from fleet.text import one_line
from fleet.views.layout import (
    files_to_look,
    left_aside,
    of_devices,
    share_planned,
    time_left,
    untied,
)

DEVICES_SHOWN = 8
"""Lines of devices, at most."""


def describe(now: Snapshot) -> str:
    """Return a snapshot as one line: 2m40s of 3h12m video (38 %), 412 frames/s, ..."""
    is_part = now.lists_on or now.to_look > 0
    share = share_planned(now.video_s, now.video_total_s, is_part=is_part)
    words = [f"{duration(now.video_s)} of {duration(now.video_total_s)} video ({share})"]
    if now.frames_per_s > 0:
        words.append(f"{rate(now.frames_per_s)} frames/s")
        if len(now.devices) > 1:
            words.append(f"{rate(now.frames_per_s / len(now.devices))}/device")
    elif not now.ended:
        starting, waiting = len(now.devices) + now.awaited.opening, now.awaited.unplaced
        if starting or not waiting:
            words.append(f"{plural(starting, 'device')} starting")
        if waiting:
            what = f"{waiting:,}" if starting else plural(waiting, "device")
            words.append(f"{what} waiting for a node")
    words += filter(None, [files_to_look(now.to_look, lists_on=now.lists_on)])
    words += filter(None, [time_left(now.left_s, lists_on=now.lists_on)])
    if now.host_frames:
        words.append(f"{plural(now.host_frames, 'frame')} decoded on the host")
    if now.losses:
        words.append(plural(now.losses, "error"))
    return ", ".join(words)


def remark(event: RunEvent) -> str:
    """Return a line on an event that people want to know at once; empty for other events."""
    match event:
        case Warned(text):
            said = text
        case PlanGrew(plan):
            said = "" if plan.to_look or plan.lists_on else _to_do(plan)
        case _:
            said = _remark(event)
    return one_line(said)


def _remark(event: RunEvent) -> str:
    match event:
        case VideoRefused(loss):
            return f"refused {loss.uri}: {loss.message}"
        case DevicesShared() | DeviceDraining() | DeviceLost():
            return _device_remark(event)
        case LeaseFailed(device, lease, fault):
            # What ends the run is said by its end, in the same words.
            return "" if fault.is_fatal else f"lease {lease[:8]} failed on {device}: {fault}"
        case LeaseSplit(lease, pieces):
            return f"cut lease {lease[:8]} into {len(pieces)}, to find what does harm in it"
        case LeaseQuarantined(receipt, fault):
            lost = plural(receipt.tally.lost_frames, "frame")
            return f"gave up lease {receipt.lease[:8]}, {lost} lost: {fault}"
        case _:
            return ""


def _device_remark(event: DevicesShared | DeviceDraining | DeviceLost) -> str:
    if isinstance(event, DevicesShared):
        return _share_remark(event)
    if isinstance(event, DeviceDraining):
        if event.given_back:
            return ""  # its new share says so of all of them
        left = duration(max(0.0, event.left_s))
        return f"{event.device} goes away in {left}: its machine is drained"
    return "" if event.cause == Cause.RELEASED else f"lost {event.device}: {event.reason}"


def _share_remark(shared: DevicesShared) -> str:
    """Return what the job has of a cluster beside others, or that it has it to itself again."""
    if shared.jobs < 2:
        return "no other job shares the cluster any more"
    part = of_devices(shared.share, shared.of, shared.weight, shared.weights)
    return f"{shared.jobs:,} jobs share the cluster: {part} for this one"


def opening(plan: RunStarted) -> str:
    """Return what there is to do, before it begins: a line, and one on what was left aside."""
    aside = untied(left_aside(plan.left))
    return f"{_to_do(plan)}\nleft aside: {aside}" if aside else _to_do(plan)


def _to_do(plan: RunStarted) -> str:
    videos, frames = plural(plan.videos, "video"), plural(plan.frames, "frame")
    before = f", {plan.done_leases:,} done before" if plan.done_leases else ""
    files = files_to_look(plan.to_look, lists_on=plan.lists_on)
    more = f" so far, {files}" if files else ""
    leases = f"{plural(plan.leases, 'lease')}{before}{more}"
    return f"{videos}, {duration(plan.video_s)}: {frames} in {leases} -> {plan.output}"


def counts_line(now: Snapshot) -> str:
    """Return a line on what is done of the whole: frames, leases, rows."""
    frames = f"{now.frames:,} of {plural(now.frames_total, 'frame')}"
    leases = f"{now.leases:,} of {plural(now.leases_total, 'lease')}"
    return f"{frames}, {leases}, {plural(now.rows, 'row')}"


def troubles_line(now: Snapshot) -> str:
    """Return a line on what went wrong so far; empty where nothing did."""
    counts = {
        "frame lost": ("frames lost", now.lost_frames),
        "video refused": ("videos refused", now.refused),
        "device lost": ("devices lost", now.devices_lost),
    }
    return ", ".join(plural(count, one, many) for one, (many, count) in counts.items() if count)


def devices_lines(now: Snapshot) -> list[tuple[str, str, str, str]]:
    """Return a line for each device, as cells: name, speed, frames so far, the video it processes.

    Of more than DEVICES_SHOWN devices, the slowest are shown, and the others share one line.
    """
    slowest = sorted(now.devices, key=lambda device: device.frames_per_s)
    shown = slowest if len(slowest) <= DEVICES_SHOWN else slowest[: DEVICES_SHOWN - 1]
    lines = [
        (
            device.name,
            f"{rate(device.frames_per_s)} frames/s",
            plural(device.frames, "frame"),
            one_line(device.uri.rpartition("/")[2]),
        )
        for device in sorted(shown, key=lambda device: device.name)
    ]
    rest = slowest[len(shown) :]
    if rest:
        span = f"{rate(rest[0].frames_per_s)} to {rate(rest[-1].frames_per_s)} frames/s"
        lines.append((f"{len(rest):,} faster", span, "", ""))
    return lines
