"""Outputs to be published, and what is read of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pytest
from made_up import begun, claimed, closed, commit_lease, table_of

from fleet.core.loss import Loss
from fleet.storage import Folder
from fleet.table.state.lock import REWRITE_LOCK


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


@contextmanager
def compacted_behind_its_back(module: ModuleType, folder: Folder) -> Iterator[list[int]]:
    """Have another process rewrite and publish an output, once a module has read its state.

    As where a lock was lost unseen: what the module knows is of parts that are gone. Yields how
    many leases were moved, once that has happened.
    """
    read = module.read_state
    moved: list[int] = []

    def overtaken(*arguments: Any) -> Any:
        state = read(*arguments)
        if not moved:
            moved.append(0)
            with patch.object(module, "read_state", read):
                moved[0] = table_of(folder).compact().leases
        return state

    with patch.object(module, "read_state", overtaken):
        yield moved


def begun_output(tmp_path: Path) -> Folder:
    """An output of one lease on the disk."""
    folder = claimed(Folder(str(tmp_path / "out")))
    begun(folder)
    commit_lease(folder, "/videos/a.mp4", range(20), found=2)
    return folder


def rewritten_after_a_kill(
    folder: Folder,
    again: str,
    publish: Callable[[Folder], object],
    killed: AbstractContextManager[object],
) -> None:
    """Publish an output, have a rewrite be killed before it publishes, and do the next one.

    `killed`: in it, publishing ends the process. `again`: compact or close, which is the next.
    """
    claimed(folder)
    begun(folder)
    commit_lease(folder, "/videos/a.mp4", range(20), found=2)
    commit_lease(folder, "/videos/b.mp4", range(15))
    if again == "close":
        closed(folder)
    publish(folder)
    with killed, pytest.raises(KilledError):
        table_of(folder).compact()
    folder.delete(REWRITE_LOCK)
    if again == "compact":
        table_of(folder).compact()
    else:
        closed(folder)
