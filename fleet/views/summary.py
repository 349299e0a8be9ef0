"""The report of a run, as text for a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fleet.core.format import duration, percent, plural, rate, short, size
from fleet.driver.report import RunReport
from fleet.text import one_line
from fleet.views.layout import again_by_job, busy, fact, hang, left_aside, most, nothing_wanted
from fleet.views.reading import reading_command
from fleet.views.typed import USUAL

if TYPE_CHECKING:
    from fleet.storage.credentials import S3Access

LABELS = 6
STAGES = 6
REASONS = 8
"""Labels, stages and reasons of losses that are listed."""


def render(
    report: RunReport,
    access: S3Access | None = None,
    *,
    has_page: bool = False,
    fleet: str = USUAL,
) -> str:
    """Return the text of a report, 80 columns wide.

    `access`: see `reading_command`. `has_page`: whether a page is made of it. `fleet`: the
    words that start the command.
    """
    lines = [f"{report.state.capitalize()}: {report.output}", ""]
    for head, text in _facts(report):
        lines += fact(head, text)
    lines += _losses(report)
    if report.wants_nothing:
        lines += ["", *nothing_wanted(report.sample, report.longest_s, is_begun=True)]
    command = reading_command(
        report.output, report.table, access, by_label=bool(report.total.by_label)
    )
    lines += ["", "Read it with", f"  {command}"]
    if not has_page:
        page = shlex.join(["report", report.output, "--out", "report.html"])
        lines += ["Look at it with", f"  {fleet} {one_line(page)}"]
    lines += _unreached(report)
    if report.interrupted:
        lines += ["", "To go on, run the same command again: what is committed is kept."]
    return "\n".join(lines)


def _facts(report: RunReport) -> Iterator[tuple[str, str]]:
    total, run = report.total, report.this_run
    refused = f", {report.refused_videos:,} refused" if report.refused_videos else ""
    more = f", {report.to_look:,} not looked at yet" if report.to_look else ""
    more += ", inputs not listed to the end" if report.lists_on else ""
    others = report.other_videos
    of_others = f", {others:,} of them not among the inputs" if others else ""
    videos = f"{plural(report.all_videos, 'video')}{of_others}"
    yield "video", f"{duration(total.video_s)} in {videos}{refused}{more}"
    if report.left:
        yield "left aside", left_aside(report.left)
    lost = f", {total.lost_frames:,} lost" if total.lost_frames else ""
    yield "frames", f"{total.frames:,}{_this_run(run.frames, total.frames)}{lost}"
    if report.host_videos:
        videos, frames = plural(report.host_videos, "video"), plural(report.host_frames, "frame")
        yield "decoded", f"on the host: {videos}, {frames}, which the chip refuses"
    if alone := report.refused_batches.frames:
        said = one_line(report.refused_batches.why)
        yield "one by one", f"{plural(alone, 'frame')}, whose batches the job refused: {said}"
    labels = most(total.by_label, LABELS, "label", "{:,.0f}")
    yield report.table, f"{total.rows:,}{f': {labels}' if labels else ''}"
    yield "read", _read(report)
    before = f", {report.already_done:,} done before" if report.already_done else ""
    given_up = f", {report.quarantined:,} given up" if report.quarantined else ""
    ended_early = report.interrupted or report.unreached
    done = f"{report.leases_done:,} of " if ended_early else ""
    yield "leases", f"{done}{report.leases:,} in this run{before}{given_up}"
    if report.ran_on:
        yield "devices", report.ran_on
    if report.sized and run.frames:
        yield "chosen", f"{report.sized}{_ahead(report)}"
    if report.providers:
        yield "networks", f"on {report.providers}, through ONNX Runtime"
    yield "time here", _time_here(report)
    if run.frames and run.host_s:
        ms = {stage: 1000 * seconds / run.frames for stage, seconds in run.host_s.items()}
        stages = most(ms, STAGES, "stage", "{:.2f}")
        yield "CPU here", f"{sum(ms.values()):.1f} ms a frame: {stages}"
    if any(run.chip_s.values()):
        yield "modelled", _modelled(report)


def _ahead(report: RunReport) -> str:
    """Return what cores did that no device of this run had work for."""
    ahead, frames = report.frames_ahead, report.this_run.frames
    if not ahead:
        return ""
    share = f"{plural(ahead, 'frame')} ({percent(ahead, frames)})"
    return f"; cores that no other device had work for decoded {share} ahead"


def _this_run(done: int, total: int) -> str:
    return f" ({done:,} in this run)" if done != total else ""


def _read(report: RunReport) -> str:
    read, whole = report.total.bytes_read, report.video_bytes
    index = f", and {size(report.index_bytes)} for the index" if report.index_bytes else ""
    if read > whole or report.other_videos:
        return f"{size(read)}{index}"
    return f"{size(read)} of {size(whole)} ({percent(read, whole)}){index}"


def _time_here(report: RunReport) -> str:
    if not report.this_run.frames:
        return f"{duration(report.wall_s)}; no frame was processed in this run"
    per_s = report.this_run.frames / report.wall_s if report.wall_s > 0 else 0.0
    each = f", {rate(per_s / report.devices)}/device" if report.devices > 1 else ""
    speed = f"{plural(report.devices, 'device')}, {rate(per_s)} frames/s{each}"
    peak = f", {size(report.peak_rss_bytes)} a worker" if report.peak_rss_bytes else ""
    return f"{duration(report.wall_s)} on {speed}{peak}"


def _modelled(report: RunReport) -> str:
    """Return the seconds of the real chip: its engines work side by side, the slowest decides."""
    chip_s = report.this_run.chip_s
    slowest_s = max(chip_s.values())
    on = f"{duration(slowest_s)} on one {report.soc}"
    if report.devices > 1:
        on += f", {duration(slowest_s / report.devices)} on {report.devices:,}"
    return f"{on} (not measured): {busy(chip_s)}"


def _losses(report: RunReport) -> list[str]:
    if not report.total.errors:
        return []
    recorded = plural(report.total.errors, "error")
    lines = ["", f"{recorded} recorded in {report.output}/errors{':' if report.losses else ''}"]
    for reason in report.losses[:REASONS]:
        cost = f", {plural(reason.frames, 'frame')} lost" if reason.frames else ""
        example = one_line(f"{short(reason.uri, 60)}: {reason.message}")
        kind = one_line(f"{reason.stage}: {reason.name}")
        lines.append(f"  {reason.losses:,} x {kind}{cost}, such as")
        lines += hang("      ", example)
    if len(report.losses) > REASONS:
        lines.append(f"  and {plural(len(report.losses) - REASONS, 'other reason')}")
    return [*lines, *again_by_job(report.losses)]


def _unreached(report: RunReport) -> list[str]:
    if not report.unreached:
        return []
    lines = ["", f"{plural(len(report.unreached), 'video')} could not be read, such as"]
    for uri, why in list(report.unreached.items())[:REASONS]:
        lines += hang("  ", one_line(f"{short(uri, 60)}: {why}"))
    return [*lines, "", "Run the same command again: it does what is missing, and nothing else."]
