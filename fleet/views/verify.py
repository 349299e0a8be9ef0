"""The report of `fleet verify`, as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.core.format import duration, plural, short, size
from fleet.driver.recheck.report import RecheckReport
from fleet.table.maintenance.finding import Finding
from fleet.table.maintenance.verify import VerificationReport
from fleet.text import one_line
from fleet.views.layout import fact, hang

SHOWN = 5
"""Findings of one kind that are listed."""
_NOT_COVERED = frozenset({"not done", "not proven", "never looked at"})
"""Kinds of findings that say that something is not covered."""
_KINDS = {
    "missing": "Objects that are not there",
    "altered": "Objects that are not as they were put",
    "strange rows": "Rows that do not belong where they are",
    "left over": "Objects that do not count any more; a plain glob reads their rows",
    "not committed": "Objects that no commit makes real; a plain glob reads their rows",
    "broken exchange": "What an exchange of parts that broke off has left",
    "covered twice": "Stretches of video that two leases cover",
    "another version": "Rows of another version of a video",
    "not done": "Videos that are not done",
    "miscounted": "Videos whose frames do not add up",
    "other videos": "Videos of which the table videos/ says otherwise than the other objects",
    "not closed": "The job is not closed",
    "not proven": "Coverage cannot be proved",
    "other rows": "Stretches that have other rows when they are decoded again",
    "never looked at": "Video streams that the job takes and that were never looked at",
    "rows of some version": (
        "Stretches with other rows than the code at hand makes, which another version may have made"
    ),
    "readable now": "Stretches that are recorded as lost, and can be read now",
    "not looked at": "Videos of the sample that could not be looked at",
}


def render(report: VerificationReport, again: RecheckReport | None = None) -> str:
    """Return the text of a report, 80 columns wide; `again`: of what was decoded once more."""
    lines = [f"{_word(report, again)}: {report.uri}", ""]
    refused = f", {plural(report.losses, 'loss', 'losses')} recorded" if report.losses else ""
    looked_at = plural(report.videos - report.to_look, "video")
    more = f", {report.to_look:,} not looked at yet" if report.to_look else ""
    is_covered = not any(finding.kind in _NOT_COVERED for finding in report.findings)
    head = "covered" if is_covered else "to cover"
    lines += fact(head, f"{duration(report.video_s)} in {looked_at}{more}")
    lines += fact("rows", f"{report.rows:,}, of {plural(report.frames, 'frame')}{refused}")
    lines += fact("parts", f"{report.objects:,}, of {plural(report.leases, 'lease')}")
    if report.bytes_read:
        lines += fact("compared", f"{size(report.bytes_read)}: checksums, row counts, frames")
    else:
        lines += fact("compared", "listings and records only")
    if report.not_looked_at:
        columns = ", ".join(report.not_looked_at)
        lines += fact("", f"not looked at: the objects that are named in {columns}")
    if report.unnamed:
        left = f"{plural(report.unnamed, 'object')} of {size(report.unnamed_bytes or 0)}"
        lines += fact("left over", f"{left} beside the table that no row names")
    findings = [*report.findings]
    if again:
        lines += _decoded_again(again)
        findings += [*again.findings, *again.apart]
        findings += [Finding("not looked at", video.uri, video.reason) for video in again.unreached]
    for kind in dict.fromkeys(finding.kind for finding in findings):
        lines += _kind(kind, [finding for finding in findings if finding.kind == kind])
    if report.busy and report.findings:
        lines += ["", "A run is at work: what is missing may just not be done yet."]
    return "\n".join(lines)


def _decoded_again(again: RecheckReport) -> list[str]:
    of_videos = f"{plural(again.frames, 'frame')} of {plural(again.videos, 'video')}"
    text = (
        f"{of_videos}, in {plural(again.stretches, 'stretch', 'stretches')} (--seed {again.seed})"
    )
    lost = f"; {again.lost:,} lost, as recorded" if again.lost else ""
    left = f"; {again.left_alone:,} left alone, which ended a worker" if again.left_alone else ""
    lines = fact("decoded", f"again: {text}{lost}{left}")
    rows = f"{plural(again.rows, 'row')} compared"
    if again.rounded:
        rows += f"; floats of {again.rounded:,} differ by no more than {again.tolerance:g}"
    elif again.apart:
        rows += (
            f"; the output was made by up to {again.codes} versions of the job's code, and what an "
            "earlier one has made may differ"
        )
    elif not again.findings:
        rows += ", equal to the last bit"
    return [*lines, *fact("", rows)]


def _word(report: VerificationReport, again: RecheckReport | None) -> str:
    findings = len(report.findings) + (len(again.findings) if again else 0) - report.to_look
    waiting = f"{plural(report.to_look, 'video')} not looked at yet" if report.to_look else ""
    if findings or waiting:
        found = plural(findings, "finding") if findings else ""
        return f"Not proven, {', '.join(filter(None, [found, waiting]))}"
    if again and again.unreached:
        return f"Not proven, {plural(len(again.unreached), 'video')} could not be looked at"
    if report.bytes_read:
        return "Proven: no gap, no overlap, every object as it was put"
    return f"No gap, no overlap, every {'part' if report.not_looked_at else 'object'} there"


def _kind(kind: str, findings: Sequence[Finding]) -> list[str]:
    lines = ["", f"{_KINDS[kind]} ({len(findings):,}):"]
    for finding in findings[:SHOWN]:
        lines.append(f"  {short(one_line(finding.where), 76)}")
        lines += hang("      ", one_line(finding.detail)) if finding.detail else []
    if len(findings) > SHOWN:
        lines.append(f"  and {len(findings) - SHOWN:,} more: --json lists them all")
    for way_out in list(dict.fromkeys(f.way_out for f in findings[:SHOWN])):
        lines += hang("  -> ", way_out)
    return lines
