"""An output that has looked at one of two videos, beside a file that is nobody's business."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exact import index_of
from recorded import HOSTILE, detections_output, record, write_grays

from fleet.storage import Folder

HIDDEN = "nobody-is-to-read-this"
"""What no answer may hold."""
FOUND: dict[int, Sequence[tuple[str, float]]] = {
    5: [("person", 0.9), ("dog", 0.45)],
    10: [(HOSTILE, 0.6)],
    20: [],
    30: [("person", 0.7)],
}
"""What the output of `two_videos` has found, by frame."""


def two_videos(folder: Path) -> str:
    """Make the videos, the output and the file in a folder; return where the output is."""
    write_grays(folder / "gate.mp4")
    write_grays(folder / "other.mp4")
    (folder / "secret.txt").write_text(HIDDEN)
    output = detections_output(Folder(str(folder / "out")))
    record(output, index_of(folder / "gate.mp4"), FOUND)
    return output.uri
