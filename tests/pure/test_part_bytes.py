"""The bytes of a part, and what is loaded to make them."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import batch_of, builder_of

from fleet.core.frames import Rows
from fleet.parquet.arrays import as_numpy, strings
from fleet.parquet.decoding import decode
from fleet.parquet.encoding import digest_before_footer, encode, footer_span, read_footer
from fleet.table.parts.builder import PartBuilder


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=300)))
def test_the_bytes_before_the_footer_depend_on_rows_alone(metadata: dict[str, str]) -> None:
    """So that a twin's record, with its own times, changes no digest."""
    table = builder_of("a", [0, 1]).tables()["frames"]
    data = encode(table, metadata)
    assert digest_before_footer(data) == digest_before_footer(encode(table, {}))
    kept = read_footer(data[-footer_span(data[-8:]) :]).metadata
    assert {key: kept[key.encode()].decode() for key in metadata} == metadata


@given(st.binary(max_size=64))
def test_what_is_no_parquet_file_is_said_to_be_none(data: bytes) -> None:
    """A ValueError, whatever the bytes."""
    with pytest.raises(ValueError, match=r"does not end|cannot be read"):
        read_footer(data[-footer_span(data) :])


def test_columns_keep_statistics_but_for_bulk() -> None:
    """Readers skip parts by them; the least JPEG would only take room."""
    schema = pa.schema([("score", pa.float32()), ("jpeg", pa.binary())])
    builder = PartBuilder("stills", schema)
    rows = Rows(np.zeros(1, np.int32), {"score": [0.5], "jpeg": [b"x" * 100]})
    builder.add_batch(batch_of("a", [0]), rows)
    footer = pq.read_metadata(pa.BufferReader(encode(builder.tables()["stills"], {})))
    columns = [footer.row_group(0).column(at) for at in range(footer.num_columns)]
    has = {column.path_in_schema: column.is_stats_set for column in columns}
    assert has == {
        "uri": True,
        "frame": True,
        "pts": True,
        "time_s": True,
        "time": True,
        "clock": True,
        "score": True,
        "jpeg": False,
    }


@pytest.mark.parametrize(("rows", "codec"), [(1, "SNAPPY"), (512, "SNAPPY"), (513, "ZSTD")])
def test_few_rows_are_compressed_by_what_a_reader_is_ready_for_at_once(
    rows: int, codec: str
) -> None:
    """Zstd takes longer to get ready than to read a few rows."""
    table = pa.table({"score": np.arange(rows, dtype=np.float32)})
    data = encode(table, {})
    column = pq.read_metadata(pa.BufferReader(data)).row_group(0).column(0)
    assert column.compression == codec
    assert decode(data)[0].equals(table)


def test_no_worker_loads_pandas() -> None:
    """Where it is installed it would cost each of them a second and 48 MB; a lease may be empty."""
    code = """
import sys
sys.path[:0] = ["tests/support"]
from made_up import ORIGIN, Loss, Folder, commit_lease, claimed
from fleet import DETECTIONS
from fleet.table.parts.builder import PartBuilder
assert not any(map(len, PartBuilder("detections", DETECTIONS).tables().values()))
loss = Loss("a", "vdec", "BrokenVideoError", "broken", frames=3)
commit_lease(Folder("memory://no-pandas"), "a", range(4), loss=loss)
assert "pandas" not in sys.modules, "pandas was loaded"
"""
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


def test_no_run_on_folders_loads_what_only_others_need(tmp_path: Path) -> None:
    """Neither what leads one nor what works for it, from nothing to the end, and once more."""
    code = """
import sys
import fleet
output, = sys.argv[1:]
fields = {"input": ["tests/golden/videos/west-2.mp4"], "output": output, "partitions": ""}
for _ in range(2):
    report = fleet.run(fleet.load_job("tests/golden/job.toml", fields), on="inline")
    assert not report.exit_code
print(*{"pandas", "fsspec", "obstore"} & set(sys.modules))
"""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", code, str(tmp_path / "out")]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    assert done.stdout == "\n"


def test_reading_an_output_loads_no_fsspec(tmp_path: Path) -> None:
    """Arrow asks for little of what it makes file systems of."""
    code = """
import sys
sys.path[:0] = ["tests/support"]
from made_up import Folder, claimed, commit_lease
import fleet
folder = Folder(sys.argv[1])
claimed(folder)
commit_lease(folder, "a", range(4))
assert fleet.read(sys.argv[1]).frames.count_rows() == 4
assert "fsspec" not in sys.modules, "fsspec was loaded"
"""
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "out")], cwd=root, check=True)


def test_a_process_may_do_without_pandas() -> None:
    """Arrow asks for it no more, datasets work; who imports it and asks for its tables has them."""
    code = """
import sys
from fleet.parquet.arrays import forgo_pandas
import pyarrow as pa
forgo_pandas()
import pyarrow.dataset as ds
table = ds.dataset(pa.table({"a": [1, 2]})).to_table(filter=ds.field("a").isin([2]))
assert table["a"].to_numpy() == 2
assert "pandas" not in sys.modules, "pandas was loaded"
import pandas
assert table.to_pandas().equals(pandas.DataFrame({"a": [2]}))
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@given(
    values=st.lists(st.none() | st.integers(-(2**31), 2**31 - 1), max_size=20),
    kind=st.sampled_from([pa.int64(), pa.int32(), pa.float64(), pa.float32()]),
    cuts=st.tuples(st.integers(0, 20), st.integers(0, 20)),
)
def test_arrow_gives_its_numbers_as_it_does_itself(
    values: list[int | None], kind: pa.DataType, cuts: tuple[int, int]
) -> None:
    """Whole or in part, in one piece or in several, with nulls or without."""
    array = pa.array(values, pa.float64()).cast(kind, safe=False)
    part = array.slice(min(cuts), max(cuts) - min(cuts))
    pieces = [pa.chunked_array(chunks, kind) for chunks in ([], [part], [part, array])]
    options: dict[str, Any] = {"zero_copy_only": False}
    for given_array, wanted in [
        (part, part.to_numpy(**options)),
        *((chunked, chunked.to_numpy()) for chunked in pieces),
    ]:
        found = as_numpy(given_array)
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == wanted.dtype


@given(st.lists(st.none() | st.sampled_from(["", "car", "路"]) | st.text(max_size=3), max_size=20))
def test_texts_come_back_as_they_were_given(values: list[str | None]) -> None:
    """Those that stand there many times, empty ones and missing ones as well."""
    assert strings(values).to_pylist() == values


@given(st.lists(st.booleans(), max_size=40), st.tuples(st.integers(0, 40), st.integers(0, 40)))
def test_arrow_gives_yes_and_no_as_it_does_itself(
    values: list[bool], cuts: tuple[int, int]
) -> None:
    """Eight lie in a byte, and a part of them may begin inside of one."""
    part = pa.array(values, pa.bool_()).slice(min(cuts), max(cuts) - min(cuts))
    wanted = part.to_numpy(zero_copy_only=False)
    found = as_numpy(part)
    np.testing.assert_array_equal(found, wanted)
    assert found.dtype == np.bool_


def test_of_a_part_of_yes_and_no_only_its_own_bytes_are_unpacked() -> None:
    """A column that is taken in many parts would be unpacked as many times."""
    part = pa.array(np.ones(1 << 20, np.bool_)).slice((1 << 20) - 9)
    tracemalloc.start()
    try:
        found = as_numpy(part)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.tolist() == [True] * 9
    assert most_bytes < 1 << 16
