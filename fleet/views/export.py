"""What `fleet export` and `fleet clips` have written, as text for a terminal."""

from __future__ import annotations

from fleet.core.format import duration, plural, size
from fleet.export.clips.crops import Cropped
from fleet.export.clips.run import LIST, Cut
from fleet.export.run import Exported
from fleet.views.layout import fact


def render(done: Exported) -> str:
    """Return the text, 80 columns wide."""
    videos, frames = plural(done.videos, "video"), plural(done.frames, "frame")
    lines = [f"Exported as {done.format}: {done.uri}", ""]
    lines += fact("boxes", f"{done.boxes:,} in {frames} of {videos}")
    if done.left_out:
        left = plural(done.left_out, "box", "boxes")
        lines += fact("left out", f"{left} without a place in the picture, or a score")
    if done.pictures or done.pictures_kept:
        kept = f", {done.pictures_kept:,} were there" if done.pictures_kept else ""
        lines += fact("pictures", f"{done.pictures:,} written{kept}")
    lines += fact("written", f"{plural(done.files, 'file')}, {size(done.bytes)}")
    return "\n".join([*lines, *_unfinished(done)])


def render_cut(done: Cut | Cropped) -> str:
    """Return the text, 80 columns wide."""
    lines = _clips(done) if isinstance(done, Cut) else _crops(done)
    return "\n".join([f"Cut out: {done.uri}", "", *lines, *_unfinished(done)])


def _clips(done: Cut) -> list[str]:
    clips, videos = plural(done.clips, "clip"), plural(done.videos, "video")
    length = f"{duration(done.duration_s)}, {plural(done.frames, 'frame')}"
    lines = fact("clips", f"{clips} of {videos}: {length}")
    if done.encoded:
        lines += fact("encoded", f"{done.encoded:,} of them anew; {LIST} says which")
    kept = f", {done.kept:,} were there" if done.kept else ""
    lines += fact("written", f"{done.clips - done.kept:,}, {size(done.bytes)}{kept}")
    return lines


def _crops(done: Cropped) -> list[str]:
    crops, videos = plural(done.crops, "box", "boxes"), plural(done.videos, "video")
    lines = fact("crops", f"{crops} in {plural(done.frames, 'frame')} of {videos}")
    if done.left_out:
        left = plural(done.left_out, "box", "boxes")
        lines += fact("left out", f"{left} without an area in the picture, or a score")
    kept = f", {done.kept:,} were there" if done.kept else ""
    lines += fact("written", f"{done.crops - done.kept:,}, {size(done.bytes)}{kept}")
    return lines


def _unfinished(done: Exported | Cut | Cropped) -> list[str]:
    if done.finished:
        return []
    return ["", "The job is not finished: this is what is committed so far."]
