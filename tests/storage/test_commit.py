"""Committing leases: what is there when, what counts as done, and what a broken record does."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_up import JOB, ORIGIN, builder_of, claimed, commit_lease

from fleet.core.interval import Interval, lease_id
from fleet.core.loss import Loss
from fleet.core.receipt import Receipt
from fleet.errors import OutputCorruptError, StorageError
from fleet.parquet.encoding import digest, digest_before_footer
from fleet.storage import Folder
from fleet.table.commits.commit import commit, done_intervals, read_commits
from fleet.table.commits.footer import TAIL_BYTES
from fleet.table.commits.record import part_name
from fleet.table.state.read import read


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A folder of each kind, taken for the job."""
    uri = str(tmp_path / "out") if request.param == "disk" else f"memory://{uuid.uuid4()}"
    return claimed(Folder(uri))


class Watched(Folder):
    """A folder that notes what is put, and can refuse to go on at a table."""

    def __init__(self, uri: str, refuse: str = "-") -> None:
        super().__init__(uri)
        self.puts: list[str] = []
        self._refuse = refuse

    def put(self, name: str, data: bytes) -> None:
        """Put, unless it is the table that is refused."""
        if name.startswith(self._refuse):
            raise StorageError(f"{name} is refused")
        self.puts.append(name.partition("/")[0])
        super().put(name, data)


def receipts_in(folder: Folder) -> list[Receipt]:
    """Read all receipts."""
    return [record.receipt for record in read_commits(folder)]


def test_a_receipt_reads_back_as_it_was_given(folder: Folder) -> None:
    """What the driver holds in memory and what stands in the footers is the same."""
    loss = Loss("b", "vdec", "BrokenVideo", "broken", frames=3)
    receipts = [commit_lease(folder, "a", range(4)), commit_lease(folder, "b", range(9), loss=loss)]
    assert sorted(receipts_in(folder), key=lambda r: r.intervals) == receipts
    assert [record.origin for record in read_commits(folder)] == [ORIGIN, ORIGIN]


def test_the_receipt_names_what_was_put(folder: Folder) -> None:
    """Sizes and digests are those of the objects."""
    receipt = commit_lease(folder, "a", range(4))
    detections, frames = receipt.parts
    data = folder.read(f"detections/{detections.name}")
    assert (detections.bytes, detections.sha256) == (len(data), digest(data))
    data = folder.read(f"frames/{frames.name}")
    assert (frames.bytes, frames.sha256) == (len(data), digest_before_footer(data))
    assert (detections.rows, frames.rows) == (4, 4)


def test_frames_are_put_last(tmp_path: Path) -> None:
    """They make the others real."""
    folder = Watched(str(tmp_path))
    commit_lease(folder, "a", range(4), loss=Loss("a", "vdec", "BrokenVideo", "broken"))
    assert folder.puts == ["detections", "errors", "frames"]


def test_tables_without_rows_get_no_part(tmp_path: Path) -> None:
    """A lease without losses leaves errors/ alone; one that found nothing, detections/ too."""
    folder = Watched(str(tmp_path))
    receipt = commit_lease(folder, "a", range(4), found=0)
    assert folder.puts == ["frames"]
    assert receipts_in(folder) == [receipt]


@pytest.mark.parametrize("table", ["detections", "errors", "frames"])
def test_a_lease_whose_puts_stop_is_not_done(tmp_path: Path, table: str) -> None:
    """Wherever they stop; doing it again makes it whole."""
    loss = Loss("a", "vdec", "BrokenVideo", "broken")
    with pytest.raises(StorageError):
        commit_lease(Watched(str(tmp_path), refuse=table), "a", range(4), loss=loss)
    folder = Folder(str(tmp_path))
    assert receipts_in(folder) == []
    receipt = commit_lease(folder, "a", range(4), loss=loss)
    assert receipts_in(folder) == [receipt]


def test_a_lease_committed_twice_is_there_once(folder: Folder) -> None:
    """A twin writes the same rows under the same names."""
    first, second = (commit_lease(folder, "a", range(4)) for _ in range(2))
    assert first == second
    assert receipts_in(folder) == [second]


def test_what_a_dead_attempt_left_is_not_taken_for_its_own(folder: Folder) -> None:
    """The second attempt lost nothing, so the first one's losses go."""
    lease = lease_id(JOB.digest, [Interval("a", "v1", 0, 4 * 512)])
    folder.put(f"errors/{part_name(lease)}", b"of an attempt that died")
    receipt = commit_lease(folder, "a", range(4))
    assert receipt.lease == lease
    assert not folder.exists(f"errors/{part_name(lease)}")


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


def test_known_leases_are_not_read_again(folder: Folder) -> None:
    """Not even opened."""
    known, other = commit_lease(folder, "a", range(4)), commit_lease(folder, "b", range(4))
    folder.put(f"frames/{known.parts[-1].name}", b"unreadable")
    assert [r.receipt for r in read_commits(folder, known={known.lease})] == [other]


def _foreign_part() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": [1]}), sink)
    return bytes(sink.getvalue())


@pytest.mark.parametrize(
    "data",
    [b"", b"PAR1", b"not parquet at all", b"PAR1" + b"\xff" * 8 + b"PAR1", _foreign_part()],
    ids=["empty", "short", "text", "bad footer", "no record"],
)
def test_a_record_that_cannot_be_read_is_named(folder: Folder, data: bytes) -> None:
    """With the way out."""
    name = f"frames/{part_name('0' * 32)}"
    folder.put(name, data)
    with pytest.raises(
        OutputCorruptError, match=f"{name} holds no commit record.*Delete this object"
    ):
        list(read_commits(folder))


def test_a_record_under_another_name_is_refused(folder: Folder) -> None:
    """A copied part would count twice."""
    receipt = commit_lease(folder, "a", range(4))
    folder.put(f"frames/{part_name('0' * 32)}", folder.read(f"frames/{receipt.parts[-1].name}"))
    with pytest.raises(OutputCorruptError, match=f"record of lease {receipt.lease}"):
        list(read_commits(folder))


def test_only_the_footers_are_read(tmp_path: Path) -> None:
    """Bytes read do not grow with rows; a footer longer than the first guess is read whole."""
    folder = Folder(str(tmp_path))
    commit_lease(folder, "a", range(4000), found=0)
    many = [Interval(f"s3://bucket/some/folder/{n:06}.mp4", "etag", 0, 512) for n in range(600)]
    lease = lease_id(JOB.digest, many)
    builder = builder_of("a", range(8000, 8004))
    receipt = commit(folder, ORIGIN, lease, many, builder.tables(), builder.tally(), "npu-0")
    assert receipt.parts[-1].bytes > 2 * TAIL_BYTES
    read: list[int] = []
    lock = threading.Lock()

    class Counting(Folder):
        def read_range(self, name: str, offset: int, length: int) -> bytes:
            with lock:
                read.append(length)
            return super().read_range(name, offset, length)

    found = {r.receipt.lease: r.receipt for r in read_commits(Counting(str(tmp_path)))}
    assert found[lease] == receipt
    assert sorted(read)[:2] == [TAIL_BYTES, TAIL_BYTES]
    assert len(read) == 3
    assert len(list(done_intervals(found.values()))) == 601


def test_many_commits_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    """However their reads overtake each other."""
    folder = Folder(str(tmp_path))
    receipts = [commit_lease(folder, "a", range(n, n + 1)) for n in range(300)]
    assert [r.lease for r in receipts_in(folder)] == sorted(r.lease for r in receipts)
    assert {i.start_pts for i in done_intervals(receipts_in(folder))} == {
        n * 512 for n in range(300)
    }


def test_a_file_name_that_is_no_text_comes_through(folder: Folder) -> None:
    """Linux allows any bytes; what is done is found again under the very same name."""
    uri = b"caf\xe9.mp4".decode(errors="surrogateescape")
    receipt = commit_lease(folder, uri, range(4))
    assert receipts_in(folder) == [receipt]
    assert [i.uri for i in done_intervals(receipts_in(folder))] == [uri]
    assert set(read(folder.uri).frames.to_table()["uri"].to_pylist()) == {"caf\\udce9.mp4"}
