"""Bring the detections of an output and the truth to one list of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from fleet.errors import UsageError
from fleet.evaluate.match import match_videos
from fleet.evaluate.scene import Boxes, LeftOut, Scene, Texts
from fleet.evaluate.truth import BOX
from fleet.table.parts.schema import DETECTIONS, IDENTITY
from fleet.table.state.read import Tables, read_rows

MOST_FRAMES = 2**40
"""More frames than any video has, so video * MOST_FRAMES + frame numbers an image."""


def gather(tables: Tables, truth: pa.Table) -> Scene:
    """Line up the detections with `truth`, a table from `read_truth`, on the frames of frames/.

    Raises UsageError where they share no video or no frame, and where the output is not of
    detections.
    """
    uris = _uris(tables.frames)
    pairs = match_videos(uris, set(truth["uri"].to_pylist()))
    videos = {uri: number for number, uri in enumerate(sorted(pairs.values()))}
    frames = _of_videos(tables.frames, ["uri", "frame", *_camera_column(tables)], videos)
    images = np.unique(_keys(frames, videos))
    codes = {uri: videos[partner] for uri, partner in pairs.items()}
    place = _places(_keys(truth, codes), images)
    if not (place >= 0).any():
        message = "No frame of the truth is among the frames that the output looked at."
        raise UsageError(message, "Sample the frames that the truth is about, or all.")
    kept = truth.filter(pa.array(place >= 0))
    place = place[place >= 0]
    labels = tuple(sorted(set(kept["label"].to_pylist())))
    detections, unknown = _detections(tables, videos, images, labels)
    return Scene(
        labels=labels,
        camera=_cameras(frames, kept, videos, images, place),
        light=_lights(kept, place, images),
        truth=_boxes(kept, place, labels, np.ones(len(kept)), _column(kept, "ignore", bool)),
        detections=detections,
        videos=len(videos),
        left_out=LeftOut(len(uris) - len(videos), len(truth) - len(kept), unknown),
    )


def _uris(dataset: ds.Dataset) -> set[str]:
    column = read_rows(dataset, {"uri": ds.field("uri").cast(pa.string())})["uri"]
    return set(column.unique().to_pylist())


def _camera_column(tables: Tables) -> list[str]:
    return ["camera"] if "camera" in tables.frames.schema.names else []


def _of_videos(dataset: ds.Dataset, names: Sequence[str], videos: dict[str, int]) -> pa.Table:
    """Read columns of the rows of some videos, dictionaries as plain text."""
    columns = {}
    for name in names:
        field = ds.field(name)
        is_text = pa.types.is_dictionary(dataset.schema.field(name).type)
        columns[name] = field.cast(pa.string()) if is_text else field
    wanted = ds.field("uri").cast(pa.string()).isin(list(videos))
    return read_rows(dataset, columns, wanted, nullable={"camera"})


def _keys(table: pa.Table, codes: dict[str, int]) -> NDArray[np.int64]:
    """Return the number of each row's image: int64 [rows], -1 where its video has no code."""
    uri = table["uri"].combine_chunks().dictionary_encode()
    by_uri = np.array([codes.get(u, -1) for u in uri.dictionary.to_pylist()] or [-1], np.int64)
    video = by_uri[uri.indices.to_numpy(zero_copy_only=False)]
    frame = table["frame"].to_numpy()
    return np.where(video >= 0, video * MOST_FRAMES + frame, -1)


def _places(keys: NDArray[np.int64], images: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of each key in the sorted `images`: int64 [n], -1 where it has none."""
    at = np.minimum(np.searchsorted(images, keys), len(images) - 1)
    return np.where(images[at] == keys, at, -1)


def _detections(
    tables: Tables, videos: dict[str, int], images: NDArray[np.int64], labels: tuple[str, ...]
) -> tuple[Boxes, dict[str, int]]:
    """Read the detections whose labels the truth has; count the others by label."""
    needed = [*IDENTITY.names[:2], *DETECTIONS.names]
    missing = set(needed) - set(tables.detections.schema.names)
    if missing:
        message = f"{tables.uri}/detections has no column {', '.join(sorted(missing))}."
        raise UsageError(message, "Evaluate the output of a job that finds objects.")
    names = ["uri", "frame", "label", "score", *BOX]
    rows = _of_videos(tables.detections, names, videos)
    counts = {row["values"]: row["counts"] for row in rows["label"].value_counts().to_pylist()}
    unknown = {label: count for label, count in counts.items() if label not in labels}
    known = rows.filter(pa.compute.is_in(rows["label"], pa.array(labels, pa.string())))
    place = _places(_keys(known, videos), images)
    nothing = np.zeros(len(known), np.bool_)
    return _boxes(known, place, labels, _column(known, "score", float), nothing), unknown


def _boxes(
    table: pa.Table,
    image: NDArray[np.int64],
    labels: tuple[str, ...],
    score: NDArray[Any],
    ignore: NDArray[Any],
) -> Boxes:
    number = {label: code for code, label in enumerate(labels)}
    label = np.array([number[text] for text in table["label"].to_pylist()], np.int64)
    xyxy = np.column_stack([_column(table, name, float) for name in BOX])
    return Boxes(image, label, xyxy, score, ignore)


def _column(table: pa.Table, name: str, kind: type) -> NDArray[Any]:
    return np.asarray(table[name].to_numpy(), kind)


def _cameras(
    frames: pa.Table,
    truth: pa.Table,
    videos: dict[str, int],
    images: NDArray[np.int64],
    place: NDArray[np.int64],
) -> Texts:
    """Return each image's camera: the truth's, else the output's column, else the file's stem."""
    stems = [PurePosixPath(uri.replace("\\", "/")).stem for uri in sorted(videos)]
    by_video: dict[int, str] = dict(enumerate(stems))
    for table, keys in ((frames, _keys(frames, videos)), (truth, images[place])):
        if "camera" in table.column_names:
            rows = zip((keys // MOST_FRAMES).tolist(), table["camera"].to_pylist(), strict=True)
            by_video |= {video: camera for video, camera in rows if camera}
    return np.array([by_video[video] for video in (images // MOST_FRAMES).tolist()], object)


def _lights(truth: pa.Table, place: NDArray[np.int64], images: NDArray[np.int64]) -> Texts | None:
    """Return each image's light; None where the truth has none at all.

    An image without rows takes the light of the image before it in its video, else of the next.
    """
    if "light" not in truth.column_names or not truth["light"].drop_null():
        return None
    light = np.full(len(images), "", object)
    light[place] = [text or "" for text in truth["light"].to_pylist()]
    video = images // MOST_FRAMES
    for order in (range(1, len(images)), range(len(images) - 2, -1, -1)):
        step = -1 if order.step > 0 else 1
        for image in order:
            if not light[image] and video[image] == video[image + step]:
                light[image] = light[image + step]
    return light
