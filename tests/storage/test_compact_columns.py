"""Parts that have other columns than their table: `fleet compact` does not bring them together."""

from __future__ import annotations

import uuid
from pathlib import Path

import pyarrow as pa
import pytest
from made_up import JOB, ORIGIN, builder_of, claimed, commit_lease, table_of

from fleet.core.interval import Interval, LeaseNames
from fleet.errors import OutputCorruptError
from fleet.storage import Folder


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A folder of each kind, taken for the job."""
    uri = str(tmp_path / "out") if request.param == "disk" else f"memory://{uuid.uuid4()}"
    return claimed(Folder(uri))


@pytest.mark.parametrize("change", ["renamed", "of another type", "left out"])
def test_a_part_with_other_columns_is_refused_and_nothing_changes(
    folder: Folder, change: str
) -> None:
    """Brought together, its values would be dropped or converted, and a new digest vouch for it."""
    commit_lease(folder, "a", range(4), found=2)
    builder = builder_of("c", range(3), 2)
    tables = dict(builder.tables())
    found = tables[JOB.table]
    place = found.column_names.index("score")
    match change:
        case "renamed":
            found = found.rename_columns(
                [f"{n}_" if n == "score" else n for n in found.column_names]
            )
        case "of another type":
            found = found.set_column(place, "score", found["score"].cast(pa.float64()))
        case _:
            found = found.remove_column(place)
    interval = Interval("c", "v1", 0, 3 * 512)
    names = LeaseNames(JOB.digest, table_of(folder).state().manifest.epoch)
    writer = table_of(folder).writer(ORIGIN, "npu/0")
    writer.commit(names([interval]), [interval], {**tables, JOB.table: found}, builder.tally())
    before = {entry.name for entry in folder.list() if "part-" in entry.name}
    with pytest.raises(OutputCorruptError, match="other columns"):
        table_of(folder).compact()
    assert {entry.name for entry in folder.list() if "part-" in entry.name} == before
