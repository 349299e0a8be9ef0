"""Index leases: every video that is not known in one of them, in order, and never too far ahead."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from fleet.core.source import Source
from fleet.plan.index_leases import (
    AHEAD_FILES,
    BYTES_A_HEADER,
    FIRST_HEADERS,
    MOST_HEADERS,
    MOST_WORKERS,
    IndexLease,
    IndexQueue,
    headers_in,
)


def listed(sizes: Sequence[int]) -> list[Source]:
    """List files of such sizes."""
    return [Source(f"{number}.mp4", size, "v1") for number, size in enumerate(sizes)]


SIZES = st.lists(st.integers(0, 3 * BYTES_A_HEADER), max_size=40)


@given(SIZES, st.sets(st.integers(0, 39)), st.integers(1, 40), st.data())
def test_each_video_is_in_one_lease_or_known_or_come_to_before(
    sizes: list[int], known: set[int], workers: int, data: st.DataObject
) -> None:
    """Whatever the order in which leases are cut, ended, and the plan goes on."""
    sources = listed(sizes)
    queue = IndexQueue(sources, lambda source: int(source.uri.removesuffix(".mp4")) in known)
    reached = 0
    there: list[Source] = []
    here: list[Source] = []
    open_leases: list[IndexLease] = []
    while not queue.finished:
        step = data.draw(st.sampled_from(["cut", "end", "reach"]))
        if step == "cut" and (lease := queue.cut(workers)):
            there += lease.sources
            open_leases.append(lease)
            assert all(map(queue.covers, lease.sources))
        if step == "end" and open_leases:
            queue.end(open_leases.pop().sources)
        if step == "reach" and reached < len(sources):
            source, reached = sources[reached], reached + 1
            queue.reach(reached)
            here += [source] * (source not in there)
    assert there == [source for source in sources if source in set(there)], "in their order"
    assert len(there) == len(set(there))
    assert not set(there) & set(here)
    assert not [source for source in there if int(source.uri.removesuffix(".mp4")) in known]
    skipped = [source for source in sources if source not in {*there, *here}]
    assert all(int(source.uri.removesuffix(".mp4")) in known for source in skipped)


@given(SIZES.filter(bool), st.data())
def test_pieces_of_a_lease_cover_it_in_order(sizes: list[int], data: st.DataObject) -> None:
    """None is empty; their costs are those of the whole."""
    lease = IndexLease("index-1", tuple(listed(sizes)))
    pieces = lease.split(data.draw(st.integers(1, len(sizes))))
    assert tuple(source for piece in pieces for source in piece.sources) == lease.sources
    assert all(piece.sources for piece in pieces)
    assert sum(piece.summary.gops for piece in pieces) == lease.summary.gops
    assert len({piece.id for piece in pieces}) == len(pieces)


def test_leases_grow_so_that_there_are_few_and_none_is_far_ahead() -> None:
    """Also where the driver goes on file by file; the first one is small."""
    sources = [Source(f"{number}.mp4", 0, "v1") for number in range(100_000)]
    queue = IndexQueue(sources, lambda _: False)
    sizes, cut, reached = [], 0, 0
    while not queue.finished:
        if lease := queue.cut(MOST_WORKERS):
            sizes.append(len(lease.sources))
            cut += sizes[-1]
            assert cut - reached <= AHEAD_FILES
            queue.end(lease.sources)
        elif reached < cut:
            reached += 1
            queue.reach(reached)
    assert sizes[0] == FIRST_HEADERS
    assert max(sizes) == MOST_HEADERS
    assert sum(sizes) == len(sources)
    assert len(sizes) < 250


def test_a_long_scan_counts_as_many_headers() -> None:
    """So a lease of large files has few of them."""
    sources = listed([4 * BYTES_A_HEADER] * 100)
    queue = IndexQueue(sources, lambda _: False)
    lease = queue.cut(1)
    assert lease
    assert len(lease.sources) < FIRST_HEADERS / 4 + 1
    assert headers_in(lease.sources) >= FIRST_HEADERS
    assert headers_in(sources) == 500
