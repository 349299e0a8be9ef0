"""Outputs to be published, and what is read of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from made_up import begun, claimed, commit_lease

from fleet.core.loss import Loss
from fleet.storage import Folder


class KilledError(BaseException):
    """Stands for the end of a process: nothing that catches errors catches it."""


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """Rows in an order that depends on them alone."""
    return sorted(table.to_pylist(), key=repr)


def leases_of_two_videos(folder: Folder) -> Folder:
    """An output with some leases of two videos, of which one has lost a stretch."""
    made = claimed(folder)
    begun(made)
    loss = Loss(
        uri="/videos/a.mp4",
        stage="vdec",
        name="BrokenVideo",
        message="torn",
        start_pts=20 * 512,
        end_pts=30 * 512,
        start_s=0.8,
        end_s=1.2,
        frames=10,
    )
    commit_lease(made, "/videos/a.mp4", range(20), found=2)
    commit_lease(made, "/videos/a.mp4", range(20, 30), found=0, loss=loss)
    commit_lease(made, "/videos/b.mp4", range(15))
    return made


def begun_output(tmp_path: Path) -> Folder:
    """An output of one lease on the disk."""
    folder = claimed(Folder(str(tmp_path / "out")))
    begun(folder)
    commit_lease(folder, "/videos/a.mp4", range(20), found=2)
    return folder
