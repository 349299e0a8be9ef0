"""Packs that take the place of others, put one after the other."""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Iterator

import numpy as np
from made_up import JOB, begun, claimed, commit_lease, table_of

from fleet.clock import SYSTEM_CLOCK
from fleet.storage import Folder
from fleet.table.maintenance.exchange import Exchange, exchange, rewrite_unit
from fleet.table.maintenance.rewriting import Rewriting
from fleet.table.maintenance.vacuum import next_manifest


def test_a_pack_is_gone_from_memory_before_the_next_is_made() -> None:
    """However many are rewritten, the rows of one are held."""
    folder = claimed(Folder(f"memory://{uuid.uuid4()}"))
    begun(folder)
    for uri in "abcd":
        commit_lease(folder, uri, range(4))
    rewriting = Rewriting(folder, JOB, lambda: None, SYSTEM_CLOCK, "a test", 0)
    state = rewriting.state()
    held: weakref.WeakSet[Exchange] = weakref.WeakSet()
    held_before: list[int] = []
    packs_before: list[int] = []

    def exchanges() -> Iterator[Exchange]:
        for lease in range(len(state)):
            held_before.append(len(held))
            packs_before.append(len(list(folder.list("frames/part-pack-"))))
            made = exchange(folder, state, rewrite_unit(state, lease), state.covered, {})
            held.add(made)
            yield made
            del made

    rewriting.publish(next_manifest(rewriting, state, np.arange(len(state))), exchanges())
    assert held_before == [0, 0, 0, 0]
    assert packs_before == [0, 1, 2, 3]
    after = table_of(folder).state()
    assert len(after.packs) == 4
    assert set(after.covered.intervals) == set(state.covered.intervals)
