"""Where the rows of kept indexes lie, what stays in memory, and work that is kept in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from indexes import indexes

from fleet.core.interval import LeaseNames
from fleet.core.interval_set import DoneIntervals
from fleet.core.source import Source
from fleet.driver.outlook.work_file import WorkFile
from fleet.index_cache.places import Places
from fleet.index_cache.recent import Recent
from fleet.plan.cost import CostModel
from fleet.plan.plan import LeaseSizes, bundle, leases_of
from fleet.plan.shard import VideoWork, video_work
from fleet.video.index import VideoIndex


@given(st.lists(st.lists(st.integers(-5, 5), max_size=4), max_size=12))
def test_what_was_added_last_is_found_first(batches: Sequence[Sequence[int]]) -> None:
    """Every place of a hash is found, and no other one."""
    places = Places()
    added: list[tuple[int, tuple[int, int]]] = []
    for number, hashes in enumerate(batches):
        places.add(hashes, number)
        added += [(wanted, (number, row)) for row, wanted in enumerate(hashes)]
    for wanted in range(-6, 7):
        assert list(places.find(wanted)) == [at for of, at in reversed(added) if of == wanted]
    assert len(places) == len({of for of, _ in added})


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), max_size=30))
def test_no_more_is_held_than_there_is_room_for(used: Sequence[tuple[int, int]]) -> None:
    """What was used last is held, whatever it weighs."""
    recent, weights = Recent[int, int](6), dict[int, int]()
    for key, weight in used:
        recent.put(key, -key, weight)
        weights[key] = weight
        held = [other for other in weights if recent.get(other) == -other]
        assert recent.get(key) == -key
        assert held == [key] or sum(weights[other] for other in held) <= 6


def _work(index: VideoIndex, number: int) -> VideoWork:
    named = replace(index, source=Source(f"{number}.mp4", 9, "e"))
    return video_work(named, np.ones(len(index.order), np.bool_), DoneIntervals([]), CostModel())


@given(st.lists(indexes(), min_size=1, max_size=6), st.integers(1, 3), st.floats(1e-3, 1.0))
def test_work_from_a_file_gives_the_leases_of_the_work_itself(
    videos: Sequence[VideoIndex], devices: int, longest_s: float
) -> None:
    """To the last bit, however it was added, and as often as it is asked for."""
    works, names = [_work(index, n) for n, index in enumerate(videos)], LeaseNames("j", 1)
    file = WorkFile()
    file.add(works[:2])
    file.add([])
    file.add(works[2:])
    sizes = LeaseSizes(sum(work.todo_cost_s for work in works), devices, longest_s)
    for _ in range(2):
        assert list(leases_of(file, names, sizes)) == bundle(works, names, devices, longest_s)
