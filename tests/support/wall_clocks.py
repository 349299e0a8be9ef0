"""Videos whose containers say when they were recorded, and when each of their frames was."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from generate import Clip, Container, cached

import fleet

US = timedelta(microseconds=1)
PATTERN = r"cam(?P<camera>\d+)/(?P<start>[^/]+?)\.[a-z0-9]+$"
FORM = "%Y-%m-%dT%H%M%S"
CREATED = "2026-01-14T08:00:00.250000Z"
CONTAINERS: tuple[Container, ...] = ("mp4", "mp4-edit", "mp4-fragmented", "mov", "mkv", "ts", "avi")
SAYS = {"mp4", "mp4-edit", "mov", "mkv", "mp4-fragmented"}
"""Containers that a creation time is written to."""


def recorded(clip: Clip, path: Path, raw: Path, created: str = "", apple: str = "") -> Path:
    """Copy a clip into a file whose container says when it was created."""
    formats = {"mkv": "matroska", "ts": "mpegts", "mov": "mov", "avi": "avi"}
    flags = "+use_metadata_tags" if apple else ""
    flags += "+frag_keyframe+empty_moov" if clip.container == "mp4-fragmented" else ""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        av.open(str(cached(clip, raw))) as source,
        av.open(
            str(path),
            "w",
            format=formats.get(clip.container, "mp4"),
            options={"movflags": flags} if flags else {},
        ) as output,
    ):
        if created:
            output.metadata["creation_time"] = created
        if apple:
            output.metadata["com.apple.quicktime.creationdate"] = apple
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    return path


def truth(path: Path, start: datetime) -> list[datetime]:
    """When each frame was, by PyAV, fractions and datetime."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    base = frames[0].time_base
    assert base is not None
    pts = [frame.pts or 0 for frame in frames]
    return [start + _us((one - pts[0]) * base) * US for one in pts]


def _us(seconds: Fraction) -> int:
    return (seconds * 10**6 + Fraction(1, 2)).__floor__()


def moment(text: str) -> datetime:
    """A moment in ISO 8601."""
    return datetime.fromisoformat(text)


def rows_of(output: Path, table: str = "digests") -> dict[str, list[dict[str, Any]]]:
    """The rows of a table by the name of the video, in order."""
    rows = fleet.read(str(output)).table(table).to_table().to_pylist()
    rows.sort(key=lambda row: (row["uri"], row.get("frame", 0)))
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(Path(row["uri"]).name, []).append(row)
    return found
