"""An index that was made of a lying header: a worker finds it out, it is mended, and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from digests import Digests
from exact import index_of, sequential
from generate import Clip
from lies import Lie, Lying, written

import fleet
from fleet.core.run_events import LeaseFailed, RunEvent
from fleet.errors import IndexMistakenError
from fleet.index_cache.store import IndexStore
from fleet.storage import Folder, expand


class Failures:
    """Notes why leases fail."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_event(self, event: RunEvent) -> None:
        """See Observer."""
        if isinstance(event, LeaseFailed):
            self.names.append(event.fault.name)


CLIP = Clip(frames=60, gop=10, container="raw")
OTHER = Clip(frames=40, gop=10, container="raw", plain=True)


@pytest.mark.parametrize(("lie", "sample"), [("false keys", "all"), ("joined sets", "every=3")])
def test_a_wrong_index_is_mended_in_the_run_and_kept(tmp_path: Path, lie: Lie, sample: str) -> None:
    """The rows are those of a full decode, in leases as they were planned; nothing is lost."""
    folder = tmp_path / "in"
    folder.mkdir()
    path = written(Lying(lie, "mp4", CLIP, OTHER, (23, 34, 57)), folder)
    for raw in folder.glob("*.h264"):
        raw.unlink()
    job = fleet.Job(
        work=Digests(),
        inputs=[str(folder)],
        output=str(tmp_path / "out"),
        sample=sample,
        lease_s=0.1,
    )
    # As of a file that is too large to be read whole for its index.
    (source,) = expand([str(folder)]).sources
    store = IndexStore(Folder(f"{job.output}/_index"))
    header = index_of(path, whole_bytes=0)
    store.add(source, header)
    store.flush()

    watched = Failures()
    report = fleet.run(job, on="inline", observer=watched)
    assert not report.unreached
    assert set(watched.names) == {IndexMistakenError.name}
    rows = fleet.read(job.output).table("digests").to_table().to_pylist()
    seen = sorted((row["frame"], row["pixels"]) for row in rows)
    step = 3 if sample == "every=3" else 1
    assert seen == [(n, found) for n, (_, found) in enumerate(sequential(path))][::step]
    assert not fleet.read(job.output).errors.count_rows()
    kept = IndexStore(Folder(f"{job.output}/_index")).find(source)
    assert kept is not None
    assert kept.origin == "scan"  # type: ignore[union-attr]
    assert np.array_equal(kept.bounds, header.bounds)  # type: ignore[union-attr]
