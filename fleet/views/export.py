"""What `fleet export` has written, as text for a terminal."""

from __future__ import annotations

from fleet.core.format import plural, size
from fleet.export.run import Exported
from fleet.views.layout import fact


def render(done: Exported) -> str:
    """Return the text, 80 columns wide."""
    videos, frames = plural(done.videos, "video"), plural(done.frames, "frame")
    lines = [f"Exported as {done.format}: {done.uri}", ""]
    lines += fact("boxes", f"{done.boxes:,} in {frames} of {videos}")
    if done.left_out:
        left = plural(done.left_out, "box", "boxes")
        lines += fact("left out", f"{left} without a place in the picture")
    if done.pictures or done.pictures_kept:
        kept = f", {done.pictures_kept:,} were there" if done.pictures_kept else ""
        lines += fact("pictures", f"{done.pictures:,} written{kept}")
    lines += fact("written", f"{plural(done.files, 'file')}, {size(done.bytes)}")
    if not done.finished:
        lines += ["", "The job is not finished: this is what is committed so far."]
    return "\n".join(lines)
