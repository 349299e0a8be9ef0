"""The life of an output in a real object store: locks, snapshots, packs, requeue, proof."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hand_clock import HandClock
from indexes import index_of
from made_up import JOB, begun, claimed, closed, commit_lease, table_of

from fleet.core.loss import Loss
from fleet.core.source import Source
from fleet.errors import JobFailedError, OutputBusyError
from fleet.index_cache.store import IndexStore
from fleet.storage import Folder
from fleet.table.commits.checkpoint import WORTH_IT
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.state.holder import Holder
from fleet.table.state.lock import LEADER_LOCK, RENEW_S, Lock
from fleet.table.state.read import read
from fleet.table.state.state import read_state
from fleet.table.state.video_manifest import Video, write_videos
from fleet.table.status import read_status
from fleet.video.index import VideoIndex

TICKS = 512
LEASES = WORTH_IT
FRAMES = 4 * LEASES


@pytest.fixture
def folder(s3: str) -> Folder:
    """An empty folder in SeaweedFS, taken for the job."""
    return claimed(Folder(s3))


def far_away(what: str, now_s: float) -> Holder:
    """Describe a process of another machine."""
    me = Holder.me(what, "", now_s)
    return replace(me, machine="far", host="far-away", born="1")


def test_locks_hold_in_an_object_store(folder: Folder) -> None:
    """Refused, renewed, released, expired, lost: by the store's own conditional puts."""
    assert folder.check_writable().conditional
    clock = HandClock()
    now_s = clock.unix_s()

    def lock(holder: Holder) -> Lock:
        return Lock(folder, LEADER_LOCK, holder, clock, conditional=True)

    first, second = lock(far_away("fleet run", now_s)), lock(Holder.me("fleet run", "", now_s))
    first.take()
    end = clock.every(RENEW_S, first.renew, "renewing")
    with pytest.raises(OutputBusyError, match="far-away"):
        second.take()
    end()
    first.renew()
    first.release()
    second.take()
    second.release()
    silent = lock(far_away("old", now_s))
    silent.take()
    second.holder = Holder.me("fleet run", "", now_s)
    second.take()
    with pytest.raises(JobFailedError, match="taken over"):
        silent.renew()


def index(uri: str) -> VideoIndex:
    """Index a video of GOPs of four frames."""
    made = index_of([(0, 3)] * (FRAMES // 4), [TICKS * n for n in range(FRAMES)])
    return replace(made, source=Source(uri, 1000, "v1"))


def test_an_output_lives_as_it_does_on_a_disk(folder: Folder) -> None:
    """Committed, remembered, compacted, verified, taken up again, done again."""
    store = IndexStore(Folder(f"{folder.uri}/_index"))
    store.add(index("a").source, index("a"))
    store.flush()
    write_videos(folder, [Video("a", 1000, "v1", 0, FRAMES * TICKS, FRAMES / 25, FRAMES)])
    lost = Loss("a", "vdec", "BrokenVideo", "broken", 0, 6 * TICKS, 7 * TICKS, 0.24, 0.28, 0)
    begun(folder, {"a": "v1"})
    receipts = [
        commit_lease(folder, "a", range(4 * n, 4 * n + 4), loss=lost if n == 1 else None)
        for n in range(LEASES)
    ]
    closed(folder, receipts)
    stood = read_state(folder, JOB.tables)
    assert (len(stood), stood.checkpointed) == (LEASES, LEASES)
    assert table_of(folder).verify().proven
    before = read(folder.uri).detections.count_rows()
    done = table_of(folder).compact()
    assert (done.objects_before, done.objects_after) == (2 * LEASES + 1, 3)
    assert read(folder.uri).detections.count_rows() == before == FRAMES
    verdict = table_of(folder).verify()
    assert verdict.proven, verdict.findings
    known = IndexStore(Folder(f"{folder.uri}/_index"))
    assert table_of(folder).requeue(LossFilter(), known).losses == 1
    again = begun(folder, {"a": "v1"}).done.spans("a", "v1")
    assert [[int(t) // TICKS for t in span] for span in again] == [[0, 4], [8, FRAMES]]
    assert read_status(table_of(folder)).done_video_s == pytest.approx((FRAMES - 4) / 25)
    closed(folder, [commit_lease(folder, "a", range(4, 8))])
    assert table_of(folder).verify().proven
