"""Cut the stretches of an output's videos in which something was found, with a list of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from fractions import Fraction
from tempfile import TemporaryFile

import numpy as np

from fleet.core.frames import Picture
from fleet.errors import UsageError
from fleet.export.chosen.choice import Choice, check_tables
from fleet.export.chosen.rows import read_videos, survey
from fleet.export.chosen.video import VideoRows
from fleet.export.chosen.videos import VideoFinder
from fleet.export.clips.copying import container_of, write_copy
from fleet.export.clips.stretches import Copy, Stretch, copies, stretches
from fleet.export.place import check_place, put_file, put_mark
from fleet.show.decode import decode_frames
from fleet.show.detections import check_frames
from fleet.show.movie import mp4
from fleet.storage import Folder
from fleet.table.state.read import read
from fleet.video.index import VideoIndex

LIST = "clips.csv"
COPIED, ENCODED = "copied", "encoded"
_HEAD = (
    *("clip", "uri", "how", "first_frame", "last_frame", "frames", "start_s", "end_s"),
    *("duration_s", "frames_with_hits", "boxes", "labels", "first_hit_s", "last_hit_s", "time"),
)


@dataclass(frozen=True)
class Cutting:
    """How stretches are cut."""

    choice: Choice
    """In which frames something was found, and what."""
    pad_s: Fraction = Fraction(2)
    """Seconds before the first and after the last frame of a stretch."""
    merge_s: Fraction = Fraction(2)
    """Stretches with no longer a pause between them are one."""
    exact: bool = False
    """Whether clips begin and end at the very frames, and are encoded again for it."""

    def __post_init__(self) -> None:
        for option, seconds in (("--pad", self.pad_s), ("--merge", self.merge_s)):
            if seconds < 0:
                raise UsageError(f"{option} {float(seconds):g} is negative.", "It is 0 or more.")


@dataclass
class Cut:
    """What cutting has come to; counted while it goes on."""

    uri: str
    """The folder of the clips."""
    finished: bool
    """Whether the output was finished, so that all of it is here."""
    videos: int = 0
    """Videos of which there is a clip."""
    clips: int = 0
    encoded: int = 0
    """Clips of them that were encoded again."""
    kept: int = 0
    """Clips that were there before."""
    frames: int = 0
    duration_s: float = 0.0
    bytes: int = 0
    """Of the clips that were written now."""


@dataclass(frozen=True, eq=False)
class _Clip:
    """One clip, before it is written."""

    stretch: Stretch
    copy: Copy | None
    """The packets that it is copied from; None where it is encoded."""


def cut_clips(
    output: str,
    out: str,
    asked: Cutting,
    on_progress: Callable[[int, int], None] = lambda _, __: None,
) -> Cut:
    """Cut clips out of the videos of an output, which is only read, into the folder `out`.

    `on_progress` is told how many of how many videos are done. Raises UsageError where it cannot be
    chosen so, `out` holds something else, or a video was replaced; VideoError and StorageError.
    """
    tables = read(output)
    check_tables(tables, asked.choice)
    folder = Folder(out)
    mark = {
        "format": "clips",
        "choice": asked.choice.described(),
        "pad_s": str(asked.pad_s),
        "merge_s": str(asked.merge_s),
        "exact": asked.exact,
    }
    check_place(folder, tables, mark)
    seen = survey(tables, asked.choice)
    put_mark(folder, tables, mark)
    done = Cut(folder.uri, tables.finished)
    lines: list[tuple[object, ...]] = [_HEAD]
    with closing(VideoFinder(tables)) as finder:
        for number, rows in enumerate(read_videos(tables, asked.choice, seen, finder.video), 1):
            with_boxes = np.diff(rows.bounds) > 0
            if with_boxes.any():
                index = finder.index(rows.video.uri)
                check_frames(index, rows.numbers, rows.pts, tables.uri)
                for clip in _clips(index, rows.numbers[with_boxes], asked):
                    # Where more was found since, a clip that begins alike ends elsewhere.
                    bounds = f"{clip.stretch.first:07}-{clip.stretch.last:07}"
                    stem = f"{rows.video.name}_{bounds}"
                    name, how = _write(folder, stem, index, clip, finder.chip, done)
                    lines.append(_line(name, how, index, clip.stretch, rows))
                    _count(done, index, clip.stretch, how)
                done.videos += 1
            on_progress(number, len(seen.rows))
    folder.put(LIST, _csv(lines))
    return done


def _clips(index: VideoIndex, hits: np.ndarray, asked: Cutting) -> Iterator[_Clip]:
    """Yield the clips of a video; those that packets alone cannot give are to be encoded."""
    wanted = stretches(index, hits, asked.pad_s, asked.merge_s)
    if not asked.exact:
        with suppress(ValueError):
            yield from [_Clip(copy.stretch, copy) for copy in copies(index, wanted)]
            return
    yield from (_Clip(stretch, None) for stretch in wanted)


def _write(
    folder: Folder, stem: str, index: VideoIndex, clip: _Clip, chip: str, done: Cut
) -> tuple[str, str]:
    """Put a clip unless it is there; return its name, and whether it was copied or encoded."""
    if clip.copy is not None:
        name = f"{stem}{container_of(index)}"
        if folder.exists(name):
            done.kept += 1
            return name, COPIED
        # Where no container takes the packets, it is encoded as well.
        with suppress(ValueError), TemporaryFile() as file:
            write_copy(index, clip.copy, file)
            done.bytes += put_file(folder, name, file)
            return name, COPIED
    name = f"{stem}-encoded.mp4"
    if folder.exists(name):
        done.kept += 1
        return name, ENCODED
    with TemporaryFile() as file:
        file.write(_encoded(index, clip.stretch, chip))
        done.bytes += put_file(folder, name, file)
    return name, ENCODED


def _encoded(index: VideoIndex, stretch: Stretch, chip: str) -> bytes:
    wanted = np.zeros(len(index.order), np.bool_)
    wanted[stretch.first : stretch.last + 1] = True
    with closing(decode_frames(index, wanted, chip, Picture.rgb)) as decoded:
        frames = ((frame.pts, frame.made) for frame in decoded)
        return mp4(frames, index.stream.time_base, index.stream.frame_rate or Fraction(25))


def _count(done: Cut, index: VideoIndex, stretch: Stretch, how: str) -> None:
    done.clips += 1
    done.encoded += how == ENCODED
    done.frames += len(stretch)
    start_s, end_s = _span_s(index, stretch)
    done.duration_s += end_s - start_s


def _span_s(index: VideoIndex, stretch: Stretch) -> tuple[float, float]:
    """Return when a stretch begins, and when its last frame ends, in seconds of the video."""
    shown = index.packets.pts[index.order] - index.start_pts
    steps = np.diff(shown[stretch.first : stretch.last + 1])
    last = int(np.median(steps)) if len(steps) else 0
    if stretch.last + 1 < len(shown):
        last = int(shown[stretch.last + 1] - shown[stretch.last])
    start, end = int(shown[stretch.first]), int(shown[stretch.last]) + last
    return float(start * index.stream.time_base), float(end * index.stream.time_base)


def _line(
    name: str, how: str, index: VideoIndex, stretch: Stretch, rows: VideoRows
) -> tuple[object, ...]:
    start_s, end_s = _span_s(index, stretch)
    first, last = np.searchsorted(rows.numbers, [stretch.first, stretch.last + 1]).tolist()
    found = np.flatnonzero(np.diff(rows.bounds[first : last + 1])) + first
    boxes = rows.boxes.slice(int(rows.bounds[first]), int(rows.bounds[last] - rows.bounds[first]))
    labels = sorted(set(boxes["label"].to_pylist()))
    time = rows.times[int(found[0])]
    return (
        *(name, rows.video.uri, how),
        *(stretch.first, stretch.last, len(stretch)),
        *(round(seconds, 6) for seconds in (start_s, end_s, end_s - start_s)),
        *(len(found), len(boxes), "; ".join(labels)),
        *(round(float(rows.time_s[int(place)]), 6) for place in (found[0], found[-1])),
        None if time is None else time.isoformat(),
    )


def _csv(lines: list[tuple[object, ...]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(lines)
    return out.getvalue().encode()
