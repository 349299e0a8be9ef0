"""Training pictures from an archive of videos, through Fleet's own decode path."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleet.core.geometry import Size
from fleet.core.source import Source
from fleet.errors import UsageError
from fleet.evaluate.match import match_videos
from fleet.evaluate.truth import read_truth
from fleet.index_cache.cache import IndexCache
from fleet.storage import expand
from fleet.street.scene.clip import LABELS
from fleet.train.data.pictures import BAND_TOP, bands, canvas_placement
from fleet.train.data.samples import TRUTH_COLUMNS, save, truth_path
from fleet.video.sampling import Sampling

_COLUMNS = ("frame", "label", "x1", "y1", "x2", "y2", "ignore")


def archive_pieces(
    cache: Path, inputs: list[str], truth: str, sample: str
) -> dict[str, tuple[Path, str, Source, Sampling, pa.Table]]:
    """Return the arguments for `cut_samples`, by the name of the samples.

    The name is made of all that the samples are: the version of the video, which frames, and the
    rows of its truth. Samples of a truth that has changed since are therefore never used again.

    `inputs` are videos, folders and globs, `truth` is Parquet as `fleet street` writes it. Raises
    UsageError where videos have no truth, or truth with labels that the network does not have.
    """
    table = read_truth(truth)
    _check_labels(table, truth)
    sources = {source.uri: source for source in expand(inputs).sources}
    chosen = Sampling.parse(sample)
    pieces = {}
    for uri, video in match_videos(list(sources), pc.unique(table["uri"]).to_pylist()).items():
        rows = table.filter(pc.equal(table["uri"], uri)).select(list(_COLUMNS))
        name = f"archive-{_digest(sources[video], chosen, rows)}"
        pieces[name] = (cache, name, sources[video], chosen, rows)
    return pieces


def _digest(source: Source, sample: Sampling, truth: pa.Table) -> str:
    """Return 16 hex digits of a SHA-256 over what samples are cut from."""
    content = [source.uri, source.bytes, source.etag, str(sample), truth.to_pydict()]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def cut_samples(cache: Path, name: str, source: Source, sample: Sampling, truth: pa.Table) -> str:
    """Decode the sampled frames of a video into `cache`, unless they are there; return `name`.

    Raises UsageError where the sampling selects no frame, and what `bands` raises.
    """
    if truth_path(cache, name).exists():
        return name
    with closing(IndexCache()) as indexes:
        index = indexes.get(source)
    frames, pictures = [], []
    for frame, band in bands(index, sample.wanted(index)):
        frames.append(frame)
        pictures.append(band)
    if not frames:
        raise UsageError(f"{source.uri} gives no frame to train on.", "Sample more of it.")
    rows = list(_rows(truth, frames, index.stream.shown_size))
    save(cache, name, pictures, np.array(rows, np.float32).reshape(-1, TRUTH_COLUMNS))
    return name


def _rows(truth: pa.Table, frames: list[int], size: Size) -> Iterator[tuple[float, ...]]:
    """Yield rows as `Samples.truth`; a figure that is to be ignored counts as hidden completely."""
    paste = canvas_placement(size).paste
    across, down = paste.width / size.width, paste.height / size.height
    number = {frame: position for position, frame in enumerate(frames)}
    for row in truth.to_pylist():
        if row["frame"] in number:
            yield (
                number[row["frame"]],
                LABELS.index(row["label"]),
                row["x1"] * across,
                row["y1"] * down + paste.top - BAND_TOP,
                row["x2"] * across,
                row["y2"] * down + paste.top - BAND_TOP,
                float(row["ignore"]),
            )


def _check_labels(table: pa.Table, truth: str) -> None:
    unknown = sorted(set(pc.unique(table["label"]).to_pylist()) - set(LABELS))
    if unknown:
        raise UsageError(
            f"The truth in {truth} knows {', '.join(unknown)}; the network does not.",
            f"It learns {', '.join(LABELS)}.",
        )
