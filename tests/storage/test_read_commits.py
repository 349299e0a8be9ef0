"""Reading what is committed: what counts as done, and what a broken record does."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_up import (
    JOB,
    ORIGIN,
    builder_of,
    claimed,
    commit_lease,
    receipts_in,
    records_in,
    table_of,
)

from fleet.core.interval import Interval, LeaseNames
from fleet.errors import OutputCorruptError, TornPartError
from fleet.storage import Folder
from fleet.table.commits.commit import read_commit
from fleet.table.commits.footer import TAIL_BYTES
from fleet.table.commits.record import part_name
from fleet.table.commits.record_rows import records_of
from fleet.table.state.read import read


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A folder of each kind, taken for the job."""
    uri = str(tmp_path / "out") if request.param == "disk" else f"memory://{uuid.uuid4()}"
    return claimed(Folder(uri))


@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_a_lease_that_lacks_a_part_is_not_done(folder: Folder, harm: str) -> None:
    """It is done again; the others stand."""
    torn, whole = commit_lease(folder, "a", range(4)), commit_lease(folder, "b", range(4))
    name = f"detections/{torn.parts[0].name}"
    if harm == "gone":
        folder.delete(name)
    else:
        folder.put(name, folder.read(name)[:-1])
    assert receipts_in(folder) == [whole]


def test_leases_in_a_checkpoint_are_not_read_again(folder: Folder) -> None:
    """Not even opened: their parts could be unreadable, as long as they have their size."""
    known, other = commit_lease(folder, "a", range(4)), commit_lease(folder, "b", range(4))
    table_of(folder).checkpoint(r for r in records_in(folder) if r.receipt == known)
    folder.put(f"frames/{known.parts[-1].name}", b"x" * known.parts[-1].bytes)
    assert receipts_in(folder) == [known, other]
    folder.put(f"frames/{known.parts[-1].name}", b"x" * (known.parts[-1].bytes - 1))
    assert receipts_in(folder) == [other]


def _foreign_part() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": [1]}), sink)
    return bytes(sink.getvalue())


TORN = [b"", b"PAR1", b"not parquet at all", b"PAR1" + b"\xff" * 8 + b"PAR1"]


@pytest.mark.parametrize(
    "data", [*TORN, _foreign_part()], ids=["empty", "short", "text", "bad footer", "no record"]
)
def test_a_record_that_cannot_be_read_is_named(folder: Folder, data: bytes) -> None:
    """With the way out; also where its lease is to be committed."""
    lease = LeaseNames(JOB.digest)([Interval("a", "v1", 0, 4 * 512)])
    name = f"frames/{part_name(lease)}"
    folder.put(name, data)
    entry = folder.stat(name)
    assert entry is not None
    said = f"{name} holds no commit record.*Delete this object"
    with pytest.raises(OutputCorruptError, match=said) as read_alone:
        read_commit(folder, entry)
    assert isinstance(read_alone.value, TornPartError) == (data in TORN)
    with pytest.raises(OutputCorruptError, match=said):
        commit_lease(folder, "a", range(4))


@pytest.mark.parametrize("data", TORN, ids=["empty", "short", "text", "bad footer"])
def test_a_torn_part_was_never_committed(folder: Folder, data: bytes) -> None:
    """The others stand; a whole Parquet file without a record is no part of Fleet's, and named."""
    whole = commit_lease(folder, "b", range(4))
    name = f"frames/{part_name('0' * 32)}"
    folder.put(name, data)
    assert receipts_in(folder) == [whole]
    folder.put(name, _foreign_part())
    with pytest.raises(OutputCorruptError, match=f"{name} holds no commit record"):
        receipts_in(folder)


def test_a_record_under_another_name_is_refused(folder: Folder) -> None:
    """A copied part would count twice."""
    receipt = commit_lease(folder, "a", range(4))
    folder.put(f"frames/{part_name('0' * 32)}", folder.read(f"frames/{receipt.parts[-1].name}"))
    with pytest.raises(OutputCorruptError, match=f"record of lease {receipt.lease}"):
        receipts_in(folder)


def test_only_the_footers_are_read(tmp_path: Path) -> None:
    """Bytes read do not grow with rows; a footer longer than the first guess is read whole."""
    folder = Folder(str(tmp_path))
    commit_lease(folder, "a", range(4000), found=0)
    many = [Interval(f"s3://bucket/some/folder/{n:06}.mp4", "etag", 0, 512) for n in range(600)]
    lease = LeaseNames(JOB.digest)(many)
    builder = builder_of("a", range(8000, 8004))
    writer = table_of(folder).writer(ORIGIN, "npu/0")
    receipt = writer.commit(lease, many, builder.tables(), builder.tally())
    assert receipt.parts[-1].bytes > 2 * TAIL_BYTES
    read: list[int] = []
    lock = threading.Lock()

    class Counting(Folder):
        def read_range(self, name: str, offset: int, length: int) -> bytes:
            with lock:
                read.append(length)
            return super().read_range(name, offset, length)

    state = table_of(Counting(str(tmp_path))).state()
    assert receipt in [record.receipt for record in records_of(state.records)]
    assert sorted(read)[:2] == [TAIL_BYTES, TAIL_BYTES]
    assert len(read) == 3
    assert len(state.covered.intervals) == 601


def test_many_commits_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    """However their reads overtake each other."""
    folder = Folder(str(tmp_path))
    receipts = [commit_lease(folder, "a", range(n, n + 1)) for n in range(300)]
    state = table_of(folder).state()
    assert state.leases == sorted(receipt.lease for receipt in receipts)
    assert sorted(state.covered.intervals.starts.tolist()) == [n * 512 for n in range(300)]


def test_a_file_name_that_is_no_text_comes_through(folder: Folder) -> None:
    """Linux allows any bytes; what is done is found again under the very same name."""
    uri = b"caf\xe9.mp4".decode(errors="surrogateescape")
    receipt = commit_lease(folder, uri, range(4))
    assert receipts_in(folder) == [receipt]
    assert [i.uri for i in table_of(folder).state().covered.intervals] == [uri]
    assert set(read(folder.uri).frames.to_table()["uri"].to_pylist()) == {"caf\\udce9.mp4"}
