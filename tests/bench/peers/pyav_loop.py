"""Two processes of PyAV, libswscale, ONNX Runtime: without writing (bare), or into Parquet (plain).

python pyav_loop.py {bare|plain} OUT MODEL SAMPLE PROCESSES FOLDER
"""

from __future__ import annotations

import sys
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from decoded import frames, rows, videos_in
from detector import Detector
from told import now_s, tell

_detectors: list[Detector] = []
"""A process's one: its model stays loaded from video to video."""
_ready_s: list[float] = []


def start(model: str) -> None:
    """Load the model, once a process."""
    _detectors.append(Detector(model))
    _ready_s.append(now_s())


def one(work: tuple[str, str, str]) -> tuple[int, float, float]:
    """Do a video; return its frames, when the process was ready, and when the video was done."""
    path, sample, out = work
    count, tables = 0, []
    for number, pts, size, picture in frames(path, sample, _detectors[0], skip=bool(out)):
        boxes = _detectors[0](picture, *size)
        count += 1
        if out:
            tables.append(pa.table(rows(path, number, pts, boxes)))
    if tables:
        name = "-".join(Path(path).parts[-2:])
        pq.write_table(pa.concat_tables(tables), f"{out}/{name}.parquet")
    return count, _ready_s[0], now_s()


def main() -> None:
    """Do all videos of the folder, and tell how it went."""
    which, out, model, sample, processes, folder = sys.argv[1:]
    kept = out if which == "plain" else ""
    if kept:
        Path(kept).mkdir(parents=True)
    work = [(path, sample, kept) for path in videos_in(folder)]
    with get_context("spawn").Pool(int(processes), start, (model,)) as pool:
        done = list(pool.imap_unordered(one, work, chunksize=1))
    ready_s, end_s = min(each[1] for each in done), max(each[2] for each in done)
    tell(sum(each[0] for each in done), warm_s=end_s - ready_s)


if __name__ == "__main__":
    main()
