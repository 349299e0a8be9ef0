"""What is answered, as values of JSON: names are cut and cleaned, and numbers finite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from fleet.browse.asked import MOST_FOUND, ROWS_A_PAGE, key_of
from fleet.browse.clips import MOST_FRAMES, MOST_S
from fleet.browse.found import Found, Hit
from fleet.browse.opened import Opened
from fleet.browse.snapshot import Known, Snapshot
from fleet.core.format import duration, short
from fleet.report.boxes import Box
from fleet.report.page import hue
from fleet.text import clean

NAME_CHARACTERS = 300
"""Longer names are cut in the middle."""
_FILE_CHARACTERS = 80


def name(text: str) -> str:
    """Return a name as it is shown: cut, and with escapes for what hides in it."""
    return short(clean(text), NAME_CHARACTERS)


def finite(value: float | None) -> float | None:
    """Return a number; None for one that JSON has no word for."""
    return value if value is not None and isfinite(value) else None


def of_output(now: Snapshot, found: Found) -> dict[str, Any]:
    """Return what an output is and how it stands."""
    status = now.status
    return {
        "uri": name(now.tables.uri),
        "table": now.tables.job.table,
        "state": status.state,
        "finished": status.finished,
        "tiles": _tiles(now),
        "labels": [
            {"key": label.key, "name": name(label.name), "rows": label.rows}
            | {"hue": hue(label.number)}
            for label in now.labels.values()
        ],
        "columns": [
            {"name": column, "values": list(now.choices[column])} for column in found.columns
        ],
        "has": {
            "scores": found.has_scores,
            "clock": found.has_clock,
            "boxes": found.has_boxes,
            "detections": found.is_detections,
        },
        "most": {"clip_s": MOST_S, "clip_frames": MOST_FRAMES, "page": ROWS_A_PAGE}
        | {"found": MOST_FOUND},
    }


def _tiles(now: Snapshot) -> list[tuple[str, str, bool]]:
    """Return what stands in the tiles: a number, what it counts, whether it is bad."""
    status = now.status
    wanted = status.videos - status.refused - status.unread
    known = " looked at" if status.to_look or status.open_inputs else ""
    tiles = [
        (f"{status.videos_done:,}", f"of {wanted:,} videos done", False),
        (duration(status.done_video_s), f"of {duration(status.video_s)} of video{known}", False),
        (f"{sum(v.frames for v in now.videos.values()):,}", "frames looked at", False),
        (f"{sum(v.rows for v in now.videos.values()):,}", "rows", False),
    ]
    lost = status.total.lost_frames
    tiles += [(f"{lost:,}", "frames lost", True)] * bool(lost)
    tiles += [(f"{status.refused:,}", "videos refused", True)] * bool(status.refused)
    tiles += [(f"{status.unread:,}", "videos not readable", True)] * bool(status.unread)
    tiles += [(f"{status.to_look:,}", "videos not looked at yet", True)] * bool(status.to_look)
    not_listed = "inputs not listed to the end"
    tiles += [(f"{status.open_inputs:,}", not_listed, True)] * bool(status.open_inputs)
    return tiles


def of_video(video: Known) -> dict[str, Any]:
    """Return what a list of videos says of one."""
    return {
        "key": video.key,
        "uri": name(video.name),
        "file": _file(video.name),
        "length": duration(video.video_s) if video.video_s else "",
        "done": round(video.done_share, 4),
        "state": video.state,
        "why": name(video.why),
        "rows": video.rows,
        "frames": video.frames,
    }


def of_opened(opened: Opened, chip: str) -> dict[str, Any]:
    """Return what a video is that is looked into."""
    stream, count = opened.index.stream, len(opened.index.order)
    return {
        **of_video(opened.known),
        "frames_in_all": count,
        "length_s": opened.length_s,
        "width": stream.shown_size.width,
        "height": stream.shown_size.height,
        "facts": [
            ["codec", f"{stream.codec} {stream.profile}".strip()],
            ["picture", str(stream.shown_size)],
            ["frames", f"{count:,}"],
            ["length", duration(opened.length_s)],
            ["looked at", f"{len(opened.frames):,} frames"],
            ["rows", f"{opened.known.rows:,}"],
            ["chip", chip],
        ],
    }


def of_hits(hits: Sequence[Hit], count: int) -> dict[str, Any]:
    """Return a page of a search, and how many rows it has found."""
    return {"count": count, "hits": [_hit(hit) for hit in hits]}


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "key": key_of(hit.uri),
        "video": _file(hit.uri),
        "frame": hit.frame,
        "time_s": finite(hit.time_s),
        "label": None if hit.label is None else name(hit.label),
        "label_key": None if hit.label is None else key_of(hit.label),
        "score": finite(hit.score),
        "clock": hit.clock,
    }


def of_timeline(drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Return a timeline, its labels with their keys."""

    def named(item: Mapping[str, Any]) -> dict[str, Any]:
        return {**item, "key": key_of(item["label"]), "label": name(item["label"])}

    return {
        **drawn,
        "lanes": [named(item) for item in drawn["lanes"]],
        "rows": [named(item) for item in drawn["rows"]],
    }


def of_frame(
    opened: Opened,
    frame: int,
    boxes: Sequence[Box],
    facts: Sequence[tuple[str, str]],
    clock: str | None,
) -> dict[str, Any]:
    """Return what is known of a frame; the boxes are of `processed`, the last one looked at."""
    return {
        "frame": frame,
        "time_s": opened.time_s(frame),
        "processed": opened.latest(frame),
        "clock": clock,
        "facts": [[name(column), clean(value)] for column, value in facts],
        "boxes": [
            {"label": name(box.label), "key": key_of(box.label), "score": box.score}
            | {"xyxy": box.xyxy}
            for box in boxes
        ],
    }


def _file(uri: str) -> str:
    return short(clean(uri.rpartition("/")[2] or uri), _FILE_CHARACTERS)
