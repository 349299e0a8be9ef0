"""Export an output: its rows, and its pictures where they are asked for, into another folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

from fleet.backend.kinds import Opening, open_device
from fleet.export.chosen.choice import EVERYTHING, Choice, check_tables
from fleet.export.chosen.rows import read_videos, survey, track_column
from fleet.export.chosen.video import Dataset, VideoRows
from fleet.export.chosen.videos import VideoFinder
from fleet.export.formats import format_of
from fleet.export.pictures import JPG, PictureFolder
from fleet.export.place import check_place, put_mark
from fleet.export.sink import Sink
from fleet.storage import Folder
from fleet.table.parts.schema import partition_names
from fleet.table.state.read import read


@dataclass(frozen=True)
class Exporting:
    """What is exported, and how."""

    format: str
    """The name of the format, one of FORMATS."""
    choice: Choice = EVERYTHING
    pictures: bool = False
    """Whether the pictures of the frames are written, too."""
    suffix: str = JPG
    """How their names end: JPG or PNG."""
    val_share: float = 0.0
    """For yolo: the share of videos that is set apart to validate with."""


@dataclass
class Exported:
    """What an export has come to; counted while it goes on."""

    uri: str
    """The folder of the export."""
    format: str
    finished: bool
    """Whether the output was finished, so that all of it is here."""
    videos: int = 0
    frames: int = 0
    boxes: int = 0
    left_out: int = 0
    """Boxes that lack a number, or whose edges change places."""
    pictures: int = 0
    """Pictures that were written now."""
    pictures_kept: int = 0
    """Pictures that were there before."""
    files: int = 0
    """Other files."""
    bytes: int = 0
    """Of these other files."""


def export_output(
    output: str,
    out: str,
    asked: Exporting,
    on_progress: Callable[[int, int], None] = lambda _, __: None,
) -> Exported:
    """Write an output, which is only read, into the folder `out`.

    `on_progress` is told how many of how many videos are done. Raises UsageError where it cannot be
    chosen so, or `out` holds something else; VideoError, StorageError and OutputCorruptError.
    """
    form = format_of(asked.format, asked.val_share)
    tables = read(output)
    check_tables(tables, asked.choice)
    folder = Folder(out)
    check_place(folder, tables, _mark(asked))
    seen = survey(tables, asked.choice)
    put_mark(folder, tables, _mark(asked))
    done = Exported(folder.uri, asked.format, tables.finished)
    found = seen.files[tables.job.table]
    kept = [uri for uri in seen.rows if uri in found or not asked.choice.found_only]
    dataset = Dataset(
        output=tables.uri,
        job=tables.job.digest,
        labels=seen.labels,
        videos=tuple(sorted(kept)),
        suffix=asked.suffix,
        has_pictures=asked.pictures,
        columns=partition_names(tables.job.partitions),
        has_tracks=track_column(tables) is not None,
        place=folder.uri,
    )
    pictures = PictureFolder(folder, form, asked.suffix, tables.uri)
    with closing(VideoFinder(tables)) as finder, Sink(folder) as sink:
        videos = read_videos(tables, asked.choice, seen, finder.video)
        with_pictures = _with_pictures(videos, pictures, finder, done, wanted=asked.pictures)
        counted = _counted(with_pictures, done, lambda n: on_progress(n, len(seen.rows)))
        for piece in form.pieces(dataset, counted):
            sink.add(piece)
        sink.close()
        done.files, done.bytes = sink.files, sink.bytes
    return done


def _counted(
    videos: Iterator[VideoRows], done: Exported, on_video: Callable[[int], None]
) -> Iterator[VideoRows]:
    for rows in videos:
        yield rows
        done.videos += 1
        done.frames += len(rows)
        done.boxes += len(rows.boxes)
        done.left_out += rows.left_out
        on_video(done.videos)


def _with_pictures(
    videos: Iterator[VideoRows],
    pictures: PictureFolder,
    finder: VideoFinder,
    done: Exported,
    *,
    wanted: bool,
) -> Iterator[VideoRows]:
    """Yield each video once its pictures are there, where these are wanted."""
    with ExitStack() as opened:
        device = None
        for rows in videos:
            pictures.number(rows)
            missing = pictures.missing(rows) if wanted else {}
            if missing:
                if device is None:
                    device = opened.enter_context(closing(open_device(Opening(finder.chip))))
                pictures.write(rows, missing, finder.index(rows.video.uri), device)
            done.pictures += len(missing)
            done.pictures_kept += len(rows) - len(missing) if wanted else 0
            yield rows


def _mark(asked: Exporting) -> dict[str, Any]:
    return {
        "format": asked.format,
        "suffix": asked.suffix,
        "val_share": asked.val_share,
        "choice": asked.choice.described(),
    }
