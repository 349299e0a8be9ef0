"""What readers skip of a large part, written as `fleet compact` writes it, and in one piece.

Rows of detections are made up, sorted as in a part: by video and frame. For each question: how many
row groups may hold what it asks for, by what the part says of them, how many bytes these have, and
what DuckDB and Polars take to answer it, on one thread. Ends with 1 where their answers differ.

python tests/bench/pruning.py [--videos N]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from fleet.parquet.encoding import encode

ROWS_A_VIDEO = 2500
LABELS = ("bicycle", "bus", "car", "dog", "person", "truck", "cat")
QUESTIONS = ("uri = 's3://archive/camera-0123.mp4'", "label = 'cat'", "score > 0.97")
TRIES = 5


def rows_of(videos: int) -> pa.Table:
    """Make detections up: a label that few videos have, and few videos that are seen clearly."""
    random = np.random.default_rng(0)
    count = videos * ROWS_A_VIDEO
    video = np.repeat(np.arange(videos, dtype=np.int32), ROWS_A_VIDEO)
    label = random.integers(0, len(LABELS) - 1, count).astype(np.int32)
    label[(video % 50 == 7) & (random.random(count) < 0.01)] = len(LABELS) - 1
    score = np.where(video % 80 == 3, random.beta(5, 1, count), 0.96 * random.beta(2, 5, count))
    frame = np.tile(np.arange(ROWS_A_VIDEO) // 4, videos)
    uris = pa.array([f"s3://archive/camera-{number:04}.mp4" for number in range(videos)])
    return pa.table(
        {
            "uri": pa.DictionaryArray.from_arrays(pa.array(video), uris),
            "frame": frame,
            "pts": frame * 512,
            "label": pa.DictionaryArray.from_arrays(pa.array(label), pa.array(LABELS)),
            "score": score.astype(np.float32),
            "x1": random.random(count).astype(np.float32),
        }
    )


def needed(place: Path, question: str) -> Sequence[int]:
    """Return the bytes of each row group that may hold what a question asks for."""
    column, operator, wanted = question.split(" ")
    metadata = pq.read_metadata(place)
    at = metadata.schema.to_arrow_schema().get_field_index(column)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    if operator == "=":
        wanted = wanted.strip("'")
        left_out = duckdb.execute(
            "select row_group_id from parquet_bloom_probe(?, ?, ?) where bloom_filter_excludes",
            [str(place), column, wanted],
        ).fetchall()
        without = {number for (number,) in left_out}
    else:
        without = set()
    found = []
    for number, group in enumerate(groups):
        told = group.column(at).statistics
        inside = told.min <= wanted <= told.max if operator == "=" else told.max > float(wanted)
        if inside and number not in without:
            found.append(group.total_byte_size)
    return found


def least_ms(ask: Callable[[], Any]) -> tuple[float, Any]:
    """Return the least CPU that a question takes, and its answer."""
    taken, answer = [], None
    for _ in range(TRIES):
        began_s = time.process_time()
        answer = ask()
        taken.append(time.process_time() - began_s)
    return 1000 * min(taken), answer


def ask_duckdb(place: Path, question: str) -> tuple[Any, ...]:
    """Return how many rows answer a question, and the last frame among them."""
    query = f"select count(*), max(frame) from '{place}' where {question}"  # noqa: S608
    [answer] = duckdb.execute(query).fetchall()
    return tuple(answer)


def ask_polars(place: Path, question: str) -> tuple[Any, ...]:
    """Return the same."""
    scan = pl.scan_parquet(place).filter(pl.sql_expr(question))
    answer: tuple[Any, ...] = scan.select(pl.len(), pl.col("frame").max()).collect().row(0)
    return answer


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=400)
    rows, answers = rows_of(parser.parse_args().videos), dict[str, set[Any]]()
    duckdb.execute("set threads = 1")
    with tempfile.TemporaryDirectory() as folder:
        for name, in_groups in (("in one piece", False), ("in groups", True)):
            place = Path(folder) / f"{in_groups}.parquet"
            place.write_bytes(encode(rows, {}, in_groups=in_groups))
            print(f"{name}: {len(rows):,} rows, {place.stat().st_size:,} bytes")
            for question in QUESTIONS:
                groups = needed(place, question)
                duckdb_ms, one = least_ms(partial(ask_duckdb, place, question))
                polars_ms, other = least_ms(partial(ask_polars, place, question))
                answers.setdefault(question, set()).update((one, other))
                print(
                    f"  {question:<38} {len(groups):>3} row groups, {sum(groups):>10,} bytes; "
                    f"DuckDB {duckdb_ms:5.1f} ms, Polars {polars_ms:5.1f} ms of CPU; {one[0]:,} rows"
                )
    return 0 if all(len(several) == 1 for several in answers.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
