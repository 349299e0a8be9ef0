"""What a run would do, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.core.format import about, duration, percent, plural, short, size
from fleet.driver.outlook.estimate import Cost, Deadline, Estimate
from fleet.driver.outlook.survey import Stretch
from fleet.driver.preparing.streams import left_streams
from fleet.text import one_line
from fleet.views.layout import busy, fact, hang, left_aside, nothing_wanted

REFUSED = 20
"""Refused videos that are listed, and those that are cut off."""


def render(
    plan: Estimate,
    per_device_hour: float | None,
    deadline: Deadline | None = None,
    chosen: str = "",
) -> str:
    """Return the text of a plan, 80 columns wide; `chosen`: how many devices, and why."""
    lines = [f"Plan: {plan.table} -> {plan.output}", ""]
    for head, text in _facts(plan, per_device_hour, chosen):
        lines += fact(head, text)
    if deadline is not None and plan.todo.videos:
        lines += fact("deadline", _deadline(deadline))
    lines += _refused(plan)
    lines += _cut_off(plan)
    if plan.whole.videos and not plan.whole.frames:
        is_begun = bool(plan.done.videos)
        lines += ["", *nothing_wanted(plan.sample, plan.longest_s, is_begun=is_begun)]
    if plan.in_use:
        lines += ["", *hang("", f"The output is in use: {plan.in_use}.")]
    nothing = "Nothing is left to do." if not plan.todo.videos else "Nothing was changed."
    return "\n".join([*lines, "", nothing])


def _facts(plan: Estimate, per_device_hour: float | None, chosen: str) -> Iterator[tuple[str, str]]:
    refused = f", {len(plan.refused):,} more refused" if plan.refused else ""
    cut = f", {len(plan.cut_off):,} cut off" if plan.cut_off else ""
    yield "video", f"{_stretch(plan.whole)}, {size(plan.input_bytes)}{refused}{cut}"
    yield from _host(plan)
    if plan.left_aside:
        yield "left aside", left_aside(plan.left_aside)
    if plan.left_streams:
        yield "streams", left_streams(plan.left_streams)
    if plan.without_columns:
        yield "columns", plan.without_columns
    if plan.done.videos or plan.done.video_s:
        share = percent(plan.done.video_s, plan.whole.video_s)
        yield (
            "done",
            f"{duration(plan.done.video_s)} ({share}), {plural(plan.done.frames, 'frame')}",
        )
    if not plan.todo.videos:
        return
    fetch = f"{size(plan.fetch_bytes)} to fetch at most"
    yield "to do", f"{_stretch(plan.todo)}, {fetch}"
    yield "leases", f"{plan.leases:,} on {plural(plan.here.devices, 'device')}"
    if chosen:
        yield "chosen", chosen
    yield "time here", f"about {about(plan.here.wall_s)}, {_hours(plan.here)} ({plan.here.basis})"
    if plan.chip_s:
        yield plan.soc, _chip(plan)
    if plan.memory:
        yield "memory", f"at most {plan.memory}"
    if per_device_hour is not None:
        here, chip = (_money(cost.price(per_device_hour)) for cost in (plan.here, plan.chip))
        at = f"at {per_device_hour:,g} a device-hour"
        yield "price", f"{here} for such devices as here, {chip} on {plan.soc} (modelled), {at}"


def _host(plan: Estimate) -> Iterator[tuple[str, str]]:
    """Yield what share of the videos the chip refuses, and the host decodes or would decode."""
    everything_s = plan.whole.video_s + plan.for_host.video_s
    for share, says in (
        (plan.on_host, "decoded on the host, as the chip refuses it"),
        (plan.for_host, "refused by the chip; --fallback cpu decodes it on the host"),
    ):
        if share.videos:
            videos = f"{duration(share.video_s)} in {plural(share.videos, 'video')}"
            yield "host", f"{videos} ({percent(share.video_s, everything_s)}) {says}"


def _stretch(stretch: Stretch) -> str:
    videos = plural(stretch.videos, "video")
    return f"{duration(stretch.video_s)} in {videos}, {plural(stretch.frames, 'frame')}"


def _hours(cost: Cost) -> str:
    hours = cost.device_s / 3600
    return f"{hours:,.4f} device-hours" if hours < 1 else f"{hours:,.1f} device-hours"


def _deadline(deadline: Deadline) -> str:
    within = f"within {duration(deadline.deadline_s)}"
    if deadline.kept:
        return f"{plural(deadline.devices, 'device')} at first, as few as end {within}"
    return f"not kept: with {plural(deadline.devices, 'device')} the run does not end {within}"


def _money(amount: float) -> str:
    return "<0.01" if 0 < amount < 0.005 else f"{amount:,.2f}"


def _chip(plan: Estimate) -> str:
    cost = plan.chip
    on = f"{duration(cost.wall_s)} on {plural(cost.devices, 'chip')}, {_hours(cost)}"
    return f"{on} ({cost.basis}): {busy(plan.chip_s)}"


def _refused(plan: Estimate) -> list[str]:
    if not plan.refused:
        return []
    lines = ["", f"{plural(len(plan.refused), 'video')} will not be processed:"]
    for refused in plan.refused[:REFUSED]:
        again = " (it may be readable later)" if refused.retryable else ""
        lines += [f"  {short(one_line(refused.uri), 76)}"]
        lines += hang("      ", f"{one_line(refused.reason)}{again}")
    if len(plan.refused) > REFUSED:
        lines.append(f"  and {len(plan.refused) - REFUSED:,} more: --json lists them all")
    return lines


def _cut_off(plan: Estimate) -> list[str]:
    if not plan.cut_off:
        return []
    files = plural(len(plan.cut_off), "file")
    are = "is" if len(plan.cut_off) == 1 else "are"
    lines = ["", f"{files} {are} cut off: what is missing will be recorded as lost."]
    for cut in plan.cut_off[:REFUSED]:
        lost = f"{plural(cut.frames, 'frame')} of it at least will be lost."
        lines += [f"  {short(one_line(cut.uri), 76)}"]
        lines += hang("      ", f"{one_line(cut.reason)} {lost}")
    if len(plan.cut_off) > REFUSED:
        lines.append(f"  and {len(plan.cut_off) - REFUSED:,} more: --json lists them all")
    return lines
