"""Packs of an output without a manifest, as version 0.1 left it: of the same leases, one counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up import claimed, closed, commit_lease, table_of

from fleet.errors import StorageError
from fleet.storage import Folder
from fleet.table.maintenance import rewriting
from fleet.table.state.read import read


def rows(folder: Folder) -> dict[str, list[str]]:
    """Read all rows of all tables, sorted."""
    tables = read(folder.uri)
    return {n: sorted(map(str, tables.table(n).to_table().to_pylist())) for n in tables.names}


def killed_before_its_manifest(folder: Folder, patch: pytest.MonkeyPatch) -> None:
    """Compact, and end when all but the manifest is there."""

    def killed(*_: Any) -> bool:
        raise StorageError("the power is gone")

    with patch.context() as context:
        context.setattr(rewriting, "put_manifest", killed)
        with pytest.raises(StorageError, match="the power is gone"):
            table_of(folder).compact(10**9)


def packs(folder: Folder) -> list[str]:
    """Name the packs that have their last part."""
    return [entry.name for entry in folder.list("frames") if "part-pack" in entry.name]


def test_two_packs_of_the_same_leases_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed compaction's pack, and that of the next, which did not see it when it began."""
    folder = claimed(Folder(str(tmp_path / "out")))
    for uri, frames in (("a", range(4)), ("a", range(4, 8)), ("b", range(6))):
        commit_lease(folder, uri, frames)
    before = rows(folder)
    killed_before_its_manifest(folder, monkeypatch)
    (first,) = packs(folder)
    hidden = {name: folder.read(name) for name in objects_of(folder, first)}
    for name in hidden:
        folder.delete(name)
    commit_lease(folder, "b", range(6, 10))
    both = rows(folder)
    assert len(both["frames"]) == len(before["frames"]) + 4
    killed_before_its_manifest(folder, monkeypatch)
    for name, data in hidden.items():
        folder.put(name, data)
    assert len(packs(folder)) == 2
    assert rows(folder) == both
    closed(folder)
    table_of(folder).compact(10**9)
    assert rows(folder) == both
    assert len(packs(folder)) == 1
    # The made-up output does not say which videos are wanted; nothing else is wrong.
    assert {found.where for found in table_of(folder).verify().findings} == {"_VIDEOS.parquet"}


def objects_of(folder: Folder, part: str) -> list[str]:
    """Name all objects of a pack, by its frames part."""
    pack = part.partition("part-pack-")[2].removesuffix(".parquet")
    return [entry.name for entry in folder.list() if pack in entry.name]
