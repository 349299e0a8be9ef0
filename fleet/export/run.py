"""Export an output: its rows, and its pictures where they are asked for, into another folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

from fleet.backend.kinds import Opening, open_device
from fleet.driver.places import has_cluster
from fleet.errors import FleetError, JobFailedError
from fleet.export.chosen.choice import EVERYTHING, Choice, check_tables
from fleet.export.chosen.rows import Survey, read_videos, survey, track_column
from fleet.export.chosen.video import Dataset, VideoRows
from fleet.export.chosen.videos import VideoFinder
from fleet.export.devices import make_pictures
from fleet.export.formats import format_of
from fleet.export.frame_set import FrameSet
from fleet.export.missing import Missing, Where, cost_s, decide, find_missing
from fleet.export.picture_job import JPG
from fleet.export.pictures import PictureFolder
from fleet.export.place import check_place, left_over, put_mark
from fleet.export.sink import Sink
from fleet.guide import DEVICES_OF_RAY
from fleet.storage import Folder
from fleet.table.parts.schema import partition_names
from fleet.table.state.read import Tables, read


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

    def leave_out(self, boxes: int) -> None:
        """Count boxes that lack a number, also of videos that have no others."""
        self.left_out += boxes


@dataclass(frozen=True)
class Watching:
    """Who is told how far an export is."""

    on_progress: Callable[[str, int, int], None] = lambda _, __, ___: None
    """Is told of what, how many, and of how many."""
    say: Callable[[str], None] = lambda _: None
    """Takes a line for people."""


ANYWHERE, NOBODY = Where(), Watching()
_WHY = "They are made here: devices could not, or their nodes see another folder by that name."


def export_output(
    output: str,
    out: str,
    asked: Exporting,
    where: Where = ANYWHERE,
    watching: Watching = NOBODY,
) -> Exported:
    """Write an output, which is only read, into the folder `out`.

    `where`: where the pictures are made. Raises UsageError where it cannot be chosen so, or `out`
    holds something else; VideoError, StorageError and OutputCorruptError.
    """
    form = format_of(asked.format, asked.val_share)
    tables = read(output)
    check_tables(tables, asked.choice)
    folder = Folder(out)
    goes_on = check_place(folder, tables, _mark(asked))
    seen = survey(tables, asked.choice)
    put_mark(folder, tables, _mark(asked))
    # Whoever has not put them within the time of an export is no more.
    old = left_over(folder) if goes_on else []
    done = Exported(folder.uri, asked.format, tables.finished)
    pictures = PictureFolder(folder, form, asked.suffix, tables.uri)

    with closing(VideoFinder(tables)) as finder, Sink(folder) as sink:

        def videos(on_left_out: Callable[[int], None] = lambda _: None) -> Iterator[VideoRows]:
            return read_videos(tables, asked.choice, seen, finder.video, on_left_out)

        def on(what: str) -> Callable[[int], None]:
            return lambda count: watching.on_progress(what, count, len(seen.rows))

        if asked.pictures:
            found = find_missing(pictures, videos(), finder, on("videos looked at"))
            left = _made(found.missing, pictures, finder, where, watching, done)
            rows = videos(done.leave_out)
            unmakeable = found.unmakeable
            whole = _with_pictures(rows, pictures, finder, left, unmakeable, done, watching.say)
        else:
            whole = _numbered(videos(done.leave_out), pictures)
        counted = _counted(whole, done, on("videos"))
        for piece in form.pieces(_dataset(tables, asked, seen, folder), counted):
            sink.add(piece)
        sink.close()
        done.files, done.bytes = sink.files, sink.bytes
    for name in old:
        folder.delete(name)
    return done


def _dataset(tables: Tables, asked: Exporting, seen: Survey, folder: Folder) -> Dataset:
    found = seen.files[tables.job.table]
    kept = [uri for uri in seen.rows if uri in found or not asked.choice.found_only]
    return Dataset(
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


def _made(
    missing: Sequence[Missing],
    pictures: PictureFolder,
    finder: VideoFinder,
    where: Where,
    watching: Watching,
    done: Exported,
) -> Mapping[str, FrameSet | None]:
    """Have pictures made by devices, where that is decided; return what the export makes itself.

    That is, by video, the frames, or None where it is to be looked which they are.
    """
    done.pictures = sum(one.frames.count for one in missing)
    if not missing:
        return {}
    decision = decide(where, cost_s(missing), has_cluster=has_cluster())
    watching.say(decision.said)
    if decision.mode is None:
        return {one.video.uri: one.frames for one in missing}
    mode = decision.mode

    def on_count(count: int) -> None:
        watching.on_progress("pictures", count, done.pictures)

    def make() -> bool:
        return make_pictures(missing, pictures, finder, mode, where.devices, on_count, watching.say)

    try:
        are_there = make()
    except JobFailedError as error:
        if where.on != "auto" or error.topic != DEVICES_OF_RAY:
            raise
        mode = "processes"
        watching.say(f"{error.message} They are made in processes of this machine.")
        are_there = make()
    # Of a cluster's nodes, some may have put them where nobody else sees them.
    if are_there and mode != "ray":
        return {}
    return dict.fromkeys(one.video.uri for one in missing)


def _numbered(videos: Iterator[VideoRows], pictures: PictureFolder) -> Iterator[VideoRows]:
    """Yield each video once the file is there by which names of its pictures mean frames."""
    for rows in videos:
        pictures.number(rows)
        yield rows


def _counted(
    videos: Iterator[VideoRows], done: Exported, on_video: Callable[[int], None]
) -> Iterator[VideoRows]:
    for rows in videos:
        yield rows
        done.videos += 1
        done.frames += len(rows)
        done.boxes += len(rows.boxes)
        on_video(done.videos)


def _with_pictures(
    videos: Iterator[VideoRows],
    pictures: PictureFolder,
    finder: VideoFinder,
    left: Mapping[str, FrameSet | None],
    unmakeable: Mapping[str, FleetError],
    done: Exported,
    say: Callable[[str], None],
) -> Iterator[VideoRows]:
    """Yield each video once its pictures are there; see `_made` for what is left.

    Raises the first of `unmakeable` once all others are there.
    """
    with ExitStack() as opened:
        device = None
        for rows in videos:
            uri = rows.video.uri
            frames = left.get(uri)
            if uri in left and frames is None:
                frames = pictures.missing(rows)
                if frames.count:
                    place = pictures.folder.uri
                    say(f"{frames.count:,} pictures of {uri} are not in {place}. {_WHY}")
            if frames is not None and frames.count:
                if device is None:
                    device = opened.enter_context(closing(open_device(Opening(finder.chip))))
                pictures.write(rows, frames, finder.index(uri), device)
            yield rows
    if unmakeable:
        raise next(iter(unmakeable.values()))
    done.pictures_kept = done.frames - done.pictures


def _mark(asked: Exporting) -> dict[str, Any]:
    return {
        "format": asked.format,
        "suffix": asked.suffix,
        "val_share": asked.val_share,
        "choice": asked.choice.described(),
    }
