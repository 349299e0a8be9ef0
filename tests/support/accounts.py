"""Holding a job's output against the archive it was run on: nothing lost unsaid, nothing twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from damage import Damaged
from generate import Clip
from hostile import GOOD, Archive, Library
from numpy.typing import NDArray
from truth import probed

import fleet
from fleet.ascend.soc import soc
from fleet.ascend.stream_rules import check_stream
from fleet.errors import VideoError
from fleet.video.index import VideoIndex

JOBS = Path(__file__).parents[2] / "jobs"
Pictures = Mapping[int, bytes]


@dataclass(frozen=True)
class Books:
    """What an output holds: by URI, the JPEG of each frame, and the rows of errors/."""

    pictures: dict[str, dict[int, bytes]]
    errors: dict[str, list[dict[str, Any]]]


def thumbnails(inputs: Path, output: Path, **settings: Any) -> fleet.Job:
    """A small picture of every frame."""
    named = {"input": [str(inputs)], "output": str(output), "sample": "all", "width": 64}
    return fleet.load_job(JOBS / "thumbnails.toml", {**named, **settings})


def read_books(output: Path) -> Books:
    """Read an output of thumbnails; no frame may be there twice, or be seen and not written."""
    tables = fleet.read(str(output))
    pictures: dict[str, dict[int, bytes]] = {}
    for row in tables.table("thumbnails").to_table(columns=["uri", "frame", "jpeg"]).to_pylist():
        of_video = pictures.setdefault(row["uri"], {})
        assert row["frame"] not in of_video, (
            f"frame {row['frame']} of {row['uri']!r} is there twice"
        )
        of_video[row["frame"]] = row["jpeg"]
    seen = tables.frames.to_table(columns=["uri", "frame"]).to_pylist()
    assert sorted((row["uri"], row["frame"]) for row in seen) == sorted(
        (uri, frame) for uri, frames in pictures.items() for frame in frames
    )
    errors: dict[str, list[dict[str, Any]]] = {}
    for row in tables.errors.to_table().to_pylist():
        assert row["stage"], row
        assert row["name"], row
        assert row["message"], row
        errors.setdefault(row["uri"], []).append(row)
    return Books(pictures, errors)


def references(library: Library, folder: Path) -> dict[Clip, Pictures]:
    """What each good clip gives, undisturbed."""
    paths = {}
    for number, clip in enumerate(GOOD):
        path = folder / "clips" / f"{number}{clip.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(library(clip))
        paths[str(path)] = clip
    report = fleet.run(thumbnails(folder / "clips", folder / "out", devices=1), on="inline")
    assert report.exit_code == 0
    books = read_books(folder / "out")
    return {paths[uri]: pictures for uri, pictures in books.pictures.items()}


def check_books(archive: Archive, books: Books, expected: Mapping[Clip, Pictures]) -> None:
    """Raise AssertionError where anything of the archive is not accounted for."""
    assert set(books.pictures) | set(books.errors) <= set(archive.good) | set(archive.bad)
    for uri, clip in archive.good.items():
        assert books.pictures.get(uri) == expected[clip], f"{uri!r} is not as it was undisturbed"
        assert uri not in books.errors, f"{uri!r}: {books.errors[uri]}"
    for uri, item in archive.bad.items():
        pictures, errors = books.pictures.get(uri, {}), books.errors.get(uri, [])
        try:
            _check_bad(uri, item, pictures, errors)
            if item.clip is not None and item.touched is not None:
                _check_grain(item, pictures, expected[item.clip])
        except AssertionError as error:
            raise AssertionError(f"{uri!r} ({item.about}): {error}") from error


def _check_bad(uri: str, item: Damaged, pictures: Pictures, errors: list[dict[str, Any]]) -> None:
    """Either the whole video is refused, or each of its frames is there or lost, with a reason."""
    index = _indexed(uri, item)
    if index is None:
        (row,) = errors
        assert (row["start_pts"], row["frames"]) == (None, None)
        assert not pictures
        return
    frames = set(range(len(index.order)))
    missing = frames - set(pictures)
    assert set(pictures) <= frames
    assert sum(row["frames"] for row in errors) == len(missing), (len(missing), errors)
    pts = index.packets.pts[index.order]
    spans = [(row["start_pts"], row["end_pts"]) for row in errors]
    told = {n for n in missing if any(start <= pts[n] < end for start, end in spans)}
    assert told == missing, f"nothing is said of {sorted(missing - told)}"


def _indexed(uri: str, item: Damaged) -> VideoIndex | None:
    try:
        index = probed(item.data, uri)
        check_stream(soc("Ascend310"), index.stream)
    except VideoError:
        return None
    return index


def _check_grain(item: Damaged, pictures: Pictures, expected: Pictures) -> None:
    """GOPs that no damaged byte is read for come out as they were."""
    assert item.clip is not None
    index = probed(item.data)
    assert len(index.order) == len(expected), "frames were lost unsaid"
    for frame in np.flatnonzero(_untouched(index, item)).tolist():
        assert pictures.get(frame) == expected[frame], f"frame {frame} was not hit and is not there"


def _untouched(index: VideoIndex, item: Damaged) -> NDArray[np.bool_]:
    """Frames of GOPs whose packets, the next key and its leading pictures are whole: by number."""
    table = index.packets
    hit = np.zeros(len(table), np.bool_)
    for start, stop in item.touched or ():
        hit |= (table.position < stop) & (table.position + table.span > start)
    lies_in = np.searchsorted(index.cuts, np.arange(len(table)), side="right") - 1
    hit_gops = set(lies_in[hit].tolist()) | set(index.gop_of_row[hit].tolist())
    # A GOP's last pictures may refer to the next key, and are lost with it.
    keys = index.cuts[hit[index.cuts]]
    hit_gops |= {int(lies_in[key]) - 1 for key in keys}
    owner = index.gop_of_row[index.order]
    return ~np.isin(owner, sorted(hit_gops))
