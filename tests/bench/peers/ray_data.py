"""Ray Data as its pages have it: a flat map that decodes, an actor that detects, Parquet.

python ray_data.py OUT MODEL SAMPLE PROCESSES FOLDER
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import pyarrow.dataset as ds
import ray
import ray.data
from decoded import frames, rows, videos_in
from detector import Detector
from told import tell


class Detect:
    """The model, in an actor."""

    def __init__(self, model: str) -> None:
        self._detector = Detector(model)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Detect in a batch of pictures."""
        names = ("uri", "frame", "pts", "width", "height", "image")
        found = [
            rows(uri, number, pts, self._detector(image, wide, high))
            for uri, number, pts, wide, high, image in zip(*map(batch.get, names), strict=True)
        ]
        joined = {
            key: np.concatenate([np.asarray(each[key]) for each in found]) for key in found[0]
        }
        return {**joined, "uri": joined["uri"].astype(str)}


def main() -> None:
    """Do all videos of the folder."""
    out, model, sample, processes, folder = sys.argv[1:]
    here = str(Path(__file__).parent)
    ray.init(
        num_cpus=int(processes),
        logging_level=logging.ERROR,
        log_to_driver=False,
        include_dashboard=False,
        runtime_env={"env_vars": {"PYTHONPATH": here}},
    )
    ray.data.DataContext.get_current().enable_progress_bars = False

    def decode(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        detector = Detector(model)
        for number, pts, size, image in frames(row["item"], sample, detector, skip=True):
            facts = {"uri": row["item"], "frame": number, "pts": pts}
            yield {**facts, "width": size[0], "height": size[1], "image": image}

    videos = videos_in(folder)
    read = ray.data.from_items(videos, override_num_blocks=min(len(videos), 200))
    pictures = read.flat_map(decode, num_cpus=1)
    actors = ray.data.ActorPoolStrategy(size=max(1, int(processes) - 1))
    found = pictures.map_batches(
        Detect, fn_constructor_args=(model,), batch_size=16, compute=actors, num_cpus=1
    )
    found.write_parquet(out)
    written = ds.dataset(out).to_table(columns=["uri", "frame"])
    pairs = zip(written["uri"].to_pylist(), written["frame"].to_pylist(), strict=True)
    tell(0, frames_with_boxes=len(set(pairs)))


if __name__ == "__main__":
    main()
