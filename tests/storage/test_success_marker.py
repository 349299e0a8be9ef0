"""`_SUCCESS.json` held against what an output holds: any text that says the same is right."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import pytest
from made_up import begun, claimed, closed, commit_lease, table_of

from fleet.errors import OutputCorruptError
from fleet.storage import Folder
from fleet.table.state.success_marker import vouched_otherwise
from fleet.table.state.success_name import SUCCESS_FILE


@pytest.fixture
def folder() -> Folder:
    """A closed output of two leases."""
    folder = claimed(Folder(f"memory://{uuid.uuid4()}"))
    begun(folder, {"a": "v1"})
    commit_lease(folder, "a", range(4))
    commit_lease(folder, "a", range(4, 9), found=2)
    closed(folder)
    return folder


def rewrite(folder: Folder, change: Callable[[list[dict[str, object]]], object]) -> None:
    """Change the receipts, and put the marker as another tool may write it."""
    marker = json.loads(folder.read(SUCCESS_FILE))
    change(marker["receipts"])
    folder.put(SUCCESS_FILE, json.dumps(marker, indent=3).encode())


def test_a_marker_as_it_was_put_is_right(folder: Folder) -> None:
    """It ends with just the receipts that there are."""
    assert vouched_otherwise(folder, table_of(folder).state()) == []


def test_a_marker_in_another_order_and_layout_is_right(folder: Folder) -> None:
    """What it says counts, not its bytes."""
    rewrite(folder, lambda receipts: receipts.reverse())
    assert vouched_otherwise(folder, table_of(folder).state()) == []


def test_the_lease_that_a_marker_tells_otherwise_of_is_named(folder: Folder) -> None:
    """And no other one."""
    state = table_of(folder).state()
    rewrite(folder, lambda receipts: receipts[1].update(intervals=2))
    assert vouched_otherwise(folder, state) == sorted(state.leases)[1:]


def test_an_output_without_a_marker_has_none(folder: Folder) -> None:
    """Which is another finding than one that is wrong."""
    folder.delete(SUCCESS_FILE)
    assert vouched_otherwise(folder, table_of(folder).state()) is None


@pytest.mark.parametrize("head", ["{", '{"fleet": "1", ', '{"fleet": ', "["])
def test_right_receipts_behind_a_head_that_makes_no_sense_are_none(
    folder: Folder, head: str
) -> None:
    """The receipts alone are no marker."""
    marker = folder.read(SUCCESS_FILE)
    folder.put(SUCCESS_FILE, head.encode() + marker[marker.index(b'"receipts"') + 1 :])
    with pytest.raises(OutputCorruptError, match=SUCCESS_FILE):
        vouched_otherwise(folder, table_of(folder).state())
