"""Index leases: every video that is not known in one of them, in order, and never too far ahead."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from hypothesis import given
from hypothesis import strategies as st

from fleet.core.source import Source
from fleet.plan.index_leases import (
    AHEAD_FILES,
    BYTES_A_HEADER,
    FIRST_HEADERS,
    MOST_HEADERS,
    MOST_WORKERS,
    Candidates,
    IndexLease,
    IndexQueue,
    headers_in,
)


def listed(sizes: Sequence[int]) -> list[Source]:
    """List files of such sizes."""
    return [Source(f"{number}.mp4", size, "v1") for number, size in enumerate(sizes)]


def cut(
    queue: IndexQueue, asked: Candidates, known: AbstractSet[int] = frozenset()
) -> IndexLease | None:
    """Cut a lease of what is not known, by numbers."""
    chosen = asked.choose(lambda source: int(source.uri.removesuffix(".mp4")) in known)
    return queue.cut(*chosen)


SIZES = st.lists(st.integers(0, 3 * BYTES_A_HEADER), max_size=40)


@given(SIZES, st.sets(st.integers(0, 39)), st.integers(1, 40), st.data())
def test_each_video_is_in_one_lease_or_known_or_come_to_before(
    sizes: list[int], known: set[int], workers: int, data: st.DataObject
) -> None:
    """Whatever the order in which files are listed, leases cut and ended, and the plan goes on."""
    sources = listed(sizes)
    come = sources[: data.draw(st.integers(0, len(sources)))]
    queue = IndexQueue(come, lambda: len(come) == len(sources))
    reached = 0
    there: list[Source] = []
    here: list[Source] = []
    open_leases: list[IndexLease] = []
    asked: Candidates | None = None
    while not queue.finished:
        assert queue.grows == (len(come) < len(sources))
        step = data.draw(st.sampled_from(["ask", "cut", "end", "reach", "list"]))
        if step == "list":
            come += sources[len(come) : len(come) + 3]
        if step == "ask":
            asked = queue.candidates(workers)
        if step == "cut" and asked and (lease := cut(queue, asked, known)):
            there += lease.sources
            open_leases.append(lease)
            assert all(map(queue.covers, lease.sources))
            asked = None
        if step == "end" and open_leases:
            queue.end(open_leases.pop().sources)
        if step == "reach" and reached < len(come):
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
    queue = IndexQueue(sources)
    sizes, given_out, reached = [], 0, 0
    while not queue.finished:
        asked = queue.candidates(MOST_WORKERS)
        if asked and (lease := cut(queue, asked)):
            sizes.append(len(lease.sources))
            given_out += sizes[-1]
            assert given_out - reached <= AHEAD_FILES
            queue.end(lease.sources, good=True)
        elif reached < given_out:
            reached += 1
            queue.reach(reached)
    assert sizes[0] == FIRST_HEADERS
    assert max(sizes) == MOST_HEADERS
    assert sum(sizes) == len(sources)
    assert len(sizes) < 250


def test_of_files_that_are_listed_yet_no_lease_is_cut_too_small() -> None:
    """The driver is not waited for with what little has come; given up, nothing is cut any more."""
    come = listed([0] * (FIRST_HEADERS - 1))
    queue = IndexQueue(come, lambda: False)
    assert queue.candidates(1) is None
    come += listed([0] * FIRST_HEADERS)
    asked = queue.candidates(1)
    assert asked
    queue.abandon()
    assert cut(queue, asked) is None
    assert (queue.finished, queue.grows, queue.headers_left) == (True, False, 0)
    assert queue.candidates(1) is None


def test_a_long_scan_counts_as_many_headers() -> None:
    """So a lease of large files has few of them."""
    sources = listed([4 * BYTES_A_HEADER] * 100)
    queue = IndexQueue(sources)
    asked = queue.candidates(1)
    assert asked
    lease = cut(queue, asked)
    assert lease
    assert len(lease.sources) < FIRST_HEADERS / 4 + 1
    assert headers_in(lease.sources) >= FIRST_HEADERS
    assert headers_in(sources) == 500


def test_leases_do_not_grow_before_most_of_one_was_seen() -> None:
    """A machine that can read nothing answers at once, and would be given all there is."""
    queue = IndexQueue(listed([0] * 5000))
    sizes = []
    for good in [False] * 40 + [True] * 2:
        asked = queue.candidates(1)
        assert asked
        lease = cut(queue, asked)
        assert lease
        sizes.append(len(lease.sources))
        queue.end(lease.sources, good=good)
    assert set(sizes[:-1]) == {FIRST_HEADERS}
    assert sizes[-1] > FIRST_HEADERS


@given(st.integers(2, 12), st.data())
def test_two_waits_in_vain_end_all_and_one_ends_its_lease(leases: int, data: st.DataObject) -> None:
    """So what others never answer for is waited for twice, however many files it is."""
    queue = IndexQueue(listed([0] * 1000))
    cuts = []
    for _ in range(leases):
        asked = queue.candidates(1)
        assert asked
        lease = cut(queue, asked)
        assert lease
        cuts.append(lease)
    first, second = data.draw(st.permutations(cuts))[:2]
    assert not queue.run_out(data.draw(st.sampled_from(first.sources)))
    assert not any(map(queue.covers, first.sources))
    assert all(queue.covers(source) for lease in cuts if lease != first for source in lease.sources)
    assert queue.run_out(data.draw(st.sampled_from(second.sources)))
    assert queue.finished
    assert not any(queue.covers(source) for lease in cuts for source in lease.sources)
