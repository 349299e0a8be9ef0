"""Committing leases: what is there when, and which of several attempts counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from made_up import (
    JOB,
    ORIGIN,
    begun,
    builder_of,
    claimed,
    commit_lease,
    receipts_in,
    records_in,
    table_of,
)

from fleet.core.interval import Interval, LeaseNames, epoch_of
from fleet.core.loss import Loss
from fleet.core.receipt import Receipt
from fleet.errors import OutputCorruptError, StorageError
from fleet.parquet.encoding import digest, digest_before_footer
from fleet.storage import Folder
from fleet.table.commits.commit import Writer
from fleet.table.commits.record import lease_of, other_part_name, part_name
from fleet.table.state.read import read


@pytest.fixture(params=["disk", "memory", "google", "azurite"])
def folder(request: pytest.FixtureRequest, place: Callable[[str], str]) -> Folder:
    """A folder in stores of several kinds, taken for the job."""
    return claimed(Folder(place(request.param)))


class Watched(Folder):
    """A folder that notes what is created, and can refuse to go on at a table."""

    def __init__(self, uri: str, refuse: str = "-") -> None:
        super().__init__(uri)
        self.puts: list[str] = []
        self._refuse = refuse

    def create(self, name: str, data: bytes) -> str | None:
        """Put, unless it is the table that is refused."""
        if name.startswith(self._refuse):
            raise StorageError(f"{name} is refused")
        self.puts.append(name.partition("/")[0])
        return super().create(name, data)


def objects_in(folder: Folder) -> dict[str, bytes]:
    """Read all parts that hold rows of leases."""
    return {e.name: folder.read(e.name) for e in folder.list() if lease_of(e.name)}


def test_a_receipt_reads_back_as_it_was_given(folder: Folder) -> None:
    """What the driver holds in memory and what stands in the footers is the same."""
    loss = Loss("b", "vdec", "BrokenVideo", "broken", frames=3)
    receipts = [commit_lease(folder, "a", range(4)), commit_lease(folder, "b", range(9), loss=loss)]
    assert sorted(receipts_in(folder), key=lambda r: r.intervals) == receipts
    assert [record.origin for record in records_in(folder)] == [ORIGIN, ORIGIN]


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
    """A backup writes the same rows under the same names, and finds itself second."""
    first = commit_lease(folder, "a", range(4), device="npu/0")
    there = objects_in(folder)
    assert commit_lease(folder, "a", range(4), device="npu/1") == first
    assert receipts_in(folder) == [first]
    assert objects_in(folder) == there


def test_what_a_dead_attempt_left_is_not_taken_for_its_own(folder: Folder) -> None:
    """The second attempt lost nothing, so the first one's losses do not count, and go."""
    lease = lease_of_frames(4)
    folder.put(f"errors/{part_name(lease)}", b"of an attempt that died")
    receipt = commit_lease(folder, "a", range(4))
    assert (receipt.lease, [part.table for part in receipt.parts]) == (
        lease,
        ["detections", "frames"],
    )
    assert read(folder.uri).errors.count_rows() == 0
    assert begun(folder).leases == [lease]
    assert not folder.exists(f"errors/{part_name(lease)}")


def lease_of_frames(frames: int, epoch: int = 0) -> str:
    """Name the lease over the first frames of a video."""
    return LeaseNames(JOB.digest, epoch)([Interval("a", "v1", 0, frames * 512)])


LOSS = Loss("a", "vdec", "BrokenVideo", "broken")


@pytest.fixture(params=[True, False], ids=["conditional", "unconditional"])
def conditional(request: pytest.FixtureRequest) -> bool:
    """Whether the store keeps the conditions of puts."""
    return bool(request.param)


def attempt(
    folder: Folder, lease: str, frames: int, found: int, *, conditional: bool, split_into: int = 0
) -> Receipt:
    """Commit some frames of a video, with so many boxes each and a loss, under a lease's name."""
    builder = builder_of("a", range(frames), found)
    intervals = [Interval("a", "v1", 0, frames * 512)] if frames else []
    if frames:
        builder.add_error(LOSS)
    writer = Writer(folder, ORIGIN, f"npu/{found}", conditional=conditional)
    return writer.commit(lease, intervals, builder.tables(), builder.tally(), split_into=split_into)


def test_the_first_commit_of_a_lease_counts(folder: Folder, conditional: bool) -> None:
    """The second returns its receipt, leaves its objects alone, and its own rows are not seen."""
    lease = lease_of_frames(4)
    first = attempt(folder, lease, 4, found=1, conditional=conditional)
    there = objects_in(folder)
    second = attempt(folder, lease, 4, found=3, conditional=conditional)
    assert second == first
    assert second.device == "npu/1"
    after = objects_in(folder)
    assert {name: after[name] for name in there} == there
    ((other, data),) = after.items() - there.items()
    assert other == f"detections/{other_part_name(lease, digest(data))}"
    tables = read(folder.uri)
    assert (tables.detections.count_rows(), tables.frames.count_rows()) == (4, 4)
    assert (tables.errors.count_rows(), tables.leases) == (1, 1)
    assert receipts_in(folder) == [first]
    assert begun(folder).leases == [lease]
    assert objects_in(folder) == there


@pytest.mark.parametrize(
    ("frames", "split_into"), [(2, 0), (0, 3)], ids=["a prefix", "that it was split"]
)
def test_the_first_commit_may_be_of_less(
    folder: Folder, conditional: bool, frames: int, split_into: int
) -> None:
    """A prefix of the lease, or that it was split: whoever comes later is told so."""
    lease = lease_of_frames(4)
    first = attempt(folder, lease, frames, 1, conditional=conditional, split_into=split_into)
    second = attempt(folder, lease, 4, 1, conditional=conditional)
    assert second == first
    assert second.split_into == split_into
    assert read(folder.uri).frames.count_rows() == frames
    assert read(folder.uri).detections.count_rows() == frames
    done = table_of(folder).state().done.spans("a", "v1")
    assert done.tolist() == ([[0, frames * 512]] if frames else [])


def test_a_torn_attempt_with_other_rows_does_not_get_in_the_way(
    folder: Folder, conditional: bool
) -> None:
    """Its part keeps the usual name, and the part of the attempt that lives has another."""
    lease = lease_of_frames(4)
    usual = f"detections/{part_name(lease)}"
    folder.put(usual, b"rows of an attempt that died before it put its frames")
    receipt = attempt(folder, lease, 4, found=2, conditional=conditional)
    sibling = receipt.parts[0]
    assert sibling.name == other_part_name(lease, sibling.sha256)
    assert lease_of(sibling.name) == lease
    assert receipts_in(folder) == [receipt]
    assert read(folder.uri).detections.count_rows() == 8
    begun(folder)
    assert not folder.exists(usual)
    assert read(folder.uri).detections.count_rows() == 8


def test_a_second_attempt_with_the_same_rows_takes_the_part_that_is_there(
    folder: Folder, conditional: bool
) -> None:
    """Nothing is there twice, so the output stays as small as if nobody had died."""
    lease = lease_of_frames(4)
    first = attempt(folder, lease, 4, found=2, conditional=conditional)
    folder.delete(f"frames/{part_name(lease)}")
    left = objects_in(folder)
    second = attempt(folder, lease, 4, found=2, conditional=conditional)
    assert second.parts[-1].name == part_name(lease)
    if conditional:
        assert {part.name for part in second.parts} == {part_name(lease)}
    assert second.parts[:-1] == first.parts[:-1]
    assert objects_in(folder).keys() == left.keys() | {f"frames/{part_name(lease)}"}
    assert receipts_in(folder) == [second]


def test_names_that_others_have_taken_are_told(folder: Folder, conditional: bool) -> None:
    """Neither name of the part is free: somebody else has put objects there."""
    lease = lease_of_frames(4)
    part = attempt(folder, lease, 4, found=2, conditional=conditional).parts[0]
    folder.delete(f"frames/{part_name(lease)}")
    for name in (part_name(lease), other_part_name(lease, part.sha256)):
        folder.put(f"detections/{name}", b"of somebody else")
    with pytest.raises(OutputCorruptError, match=r"is not what its name says.*Delete this object"):
        attempt(folder, lease, 4, found=2, conditional=conditional)
    assert receipts_in(folder) == []


def test_what_is_committed_in_an_old_epoch_does_not_count(folder: Folder) -> None:
    """It was planned for a run that has been taken over; the same work has another name by now."""
    old = begun(folder).manifest.epoch
    early = commit_lease(folder, "a", range(4))
    now = begun(folder).manifest.epoch
    late = commit_lease(folder, "a", range(4, 8), epoch=old, found=3)
    again = commit_lease(folder, "a", range(4, 8))
    assert (epoch_of(early.lease), epoch_of(late.lease), epoch_of(again.lease)) == (old, old, now)
    assert sorted(r.lease for r in receipts_in(folder)) == sorted([early.lease, again.lease])
    tables = read(folder.uri)
    assert (tables.frames.count_rows(), tables.detections.count_rows()) == (8, 8)
    begun(folder)
    assert not any(lease_of(name) == late.lease for name in objects_in(folder))
