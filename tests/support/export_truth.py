"""What the tables of an output say, for exports of it to be held against."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fleet
from fleet.export.chosen.choice import Choice
from fleet.export.run import Exported, Exporting, export_output

Found = dict[tuple[str, int], list[tuple[str, tuple[float, ...]]]]
"""Video and frame -> labels and edges of the boxes that an export has there."""


PX = 0.01
"""How far an edge may lie from where the table has it."""


@dataclass(frozen=True)
class Truth:
    """What the tables say."""

    output: str
    frames: dict[tuple[str, int], dict[str, Any]]
    """Video and frame -> its row in frames/."""
    boxes: dict[tuple[str, int], list[dict[str, Any]]]
    """Video and frame -> its rows in detections/ that have a place."""
    sizes: dict[str, tuple[int, int]]
    """Video -> width and height."""

    def edges(self, uri: str, frame: int) -> list[tuple[str, tuple[float, ...]]]:
        """Label and edges of the boxes of a frame, sorted."""
        return sorted((b["label"], edges_of(b)) for b in self.boxes[uri, frame])


def edges_of(row: dict[str, Any]) -> tuple[float, ...]:
    """The four edges of a row."""
    return tuple(row[name] for name in ("x1", "y1", "x2", "y2"))


def truth_of(output: str) -> Truth:
    """Read the tables of an output whole."""
    tables = fleet.read(output)
    frames = {(row["uri"], row["frame"]): row for row in tables.frames.to_table().to_pylist()}
    boxes: dict[tuple[str, int], list[dict[str, Any]]] = {key: [] for key in frames}
    for row in tables.detections.to_table().to_pylist():
        if all(map(math.isfinite, edges_of(row))):
            boxes[row["uri"], row["frame"]].append(row)
    videos = tables.videos.to_table().to_pylist()
    return Truth(
        tables.uri, frames, boxes, {row["uri"]: (row["width"], row["height"]) for row in videos}
    )


def in_picture(truth: Truth, uri: str, frame: int) -> list[tuple[str, tuple[float, ...]]]:
    """The boxes of a frame as far as they lie in the picture, sorted: all that some tools can say."""
    width, height = truth.sizes[uri]
    found = []
    for row in truth.boxes[uri, frame]:
        edges = tuple(
            min(max(edge, 0.0), float(side))
            for edge, side in zip(edges_of(row), (width, height) * 2, strict=True)
        )
        if edges[0] < edges[2] and edges[1] < edges[3]:
            found.append((row["label"], edges))
    return sorted(found)


def exported(truth: Truth, out: Path, form: str, **choice: Any) -> Exported:
    """Export without pictures."""
    return export_output(truth.output, str(out), Exporting(form, Choice(**choice)))


def close(
    found: list[tuple[str, tuple[float, ...]]], wanted: list[tuple[str, tuple[float, ...]]]
) -> bool:
    """Whether labels and edges are equal, these to PX; both sorted."""
    return [label for label, _ in found] == [label for label, _ in wanted] and all(
        math.isclose(a, b, abs_tol=PX)
        for (_, one), (_, other) in zip(found, wanted, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def check(truth: Truth, found: Found) -> None:
    """Every frame is there, each once, with the table's boxes."""
    assert set(found) == set(truth.frames)
    for key, boxes in found.items():
        assert close(sorted(boxes), truth.edges(*key)), key
