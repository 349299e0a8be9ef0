"""Reading an output while it is rewritten: each lease is seen once, whatever happens meanwhile."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread

import pytest
from made_up import begun, claimed, closed, commit_lease, table_of

from fleet.errors import FleetError, JobFailedError, OutputBusyError
from fleet.storage import Entry, Folder
from fleet.table.state.lock import REWRITE_LOCK
from fleet.table.state.read import read
from fleet.table.state.state import TableState
from fleet.table.state.video_manifest import Video, write_videos

PATIENCE_S = 60.0
CHANGES = range(18)
"""The changes of a compaction before which it is held up."""
MOST_READS = 60
SPACING = 3
"""Of the reads at which it goes on every third is tried, other ones for each change."""


class Halted(Folder):
    """A folder that lets so many changes through, and the others once it may go on."""

    def __init__(self, uri: str, changes: int) -> None:
        super().__init__(uri)
        self._left = changes
        self._turn = Lock()
        self.halted, self.goes_on = Event(), Event()

    def _change(self) -> None:
        with self._turn:
            self._left -= 1
            if self._left >= 0:
                return
        self.halted.set()
        assert self.goes_on.wait(PATIENCE_S)

    def put(self, name: str, data: bytes) -> None:
        """Put, in its turn."""
        self._change()
        super().put(name, data)

    def create(self, name: str, data: bytes) -> str | None:
        """Put, in its turn."""
        self._change()
        return super().create(name, data)

    def delete(self, name: str) -> None:
        """Delete, in its turn."""
        self._change()
        super().delete(name)


class Overtaken(Folder):
    """A folder in which something happens after so many reads."""

    def __init__(self, uri: str, reads: int, then: Callable[[], object]) -> None:
        super().__init__(uri)
        self.left = reads
        self._then = then
        self._turn = Lock()

    def _look(self) -> None:
        with self._turn:
            if self.left == 0:
                self._then()
            self.left -= 1

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """List, after what happens."""
        self._look()
        return super().list(prefix)

    def read(self, name: str) -> bytes:
        """Read, after what happens."""
        self._look()
        return super().read(name)

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Read, after what happens."""
        self._look()
        return super().read_range(name, offset, length)

    def stat(self, name: str) -> Entry | None:
        """Look, after what happens."""
        self._look()
        return super().stat(name)


@contextmanager
def compacting(folder: Folder, changes: int) -> Iterator[Callable[[], list[FleetError]]]:
    """Compact, held up before one of the changes; yields what lets it come to its end.

    That returns the error that it ended with, if any.
    """
    ended: list[FleetError] = []
    halted = Halted(folder.uri, changes)

    def run() -> None:
        try:
            table_of(halted).compact(10**9)
        except FleetError as error:
            ended.append(error)
        halted.halted.set()

    thread = Thread(target=run)

    def finish() -> list[FleetError]:
        halted.goes_on.set()
        thread.join()
        return ended

    thread.start()
    try:
        assert halted.halted.wait(PATIENCE_S)
        yield finish
    finally:
        finish()


def facts(state: TableState) -> tuple[object, ...]:
    """What is to be the same: leases, what they cover, their tallies; and nothing is lost."""
    return sorted(state.leases), set(state.covered.intervals), state.total, state.lost


def filled(manifests: bool = True) -> Folder:
    """Make an output of three leases, without a manifest or with one that lists some of them."""
    folder = claimed(Folder(f"memory://{uuid.uuid4()}"))
    commit_lease(folder, "b", range(4))
    if manifests:
        begun(folder)
    commit_lease(folder, "a", range(4))
    commit_lease(folder, "a", range(4, 8))
    return folder


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("manifests", [True, False], ids=["manifests", "none"])
def test_who_is_overtaken_by_a_compaction_sees_each_lease_once(
    changes: int, manifests: bool
) -> None:
    """Before it, or after it; at whichever read it goes on to its end."""
    for reads in range(changes % SPACING, MOST_READS, SPACING):
        folder = filled(manifests)
        before = facts(table_of(folder).state())
        with compacting(folder, changes) as finish:
            reader = Overtaken(folder.uri, reads, finish)
            assert facts(table_of(reader).state()) == before, f"overtaken at read {reads}"
        assert facts(table_of(folder).state()) == before
        if reader.left > 0:
            return
    pytest.fail(f"it reads more often than {MOST_READS} times")


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("other", ["compact", "run"])
@pytest.mark.parametrize("manifests", [True, False], ids=["manifests", "none"])
def test_a_rewrite_that_was_given_up_for_dead_undoes_nothing(
    changes: int, other: str, manifests: bool
) -> None:
    """It wakes up when another process has rewritten the same, and finds that out or changes none.

    Its next put may be on its way already: it is not asked whether it still has the lock.
    """
    folder = filled(manifests)
    before = facts(table_of(folder).state())
    rows = read(folder.uri).detections.count_rows()
    with compacting(folder, changes) as finish:
        folder.delete(REWRITE_LOCK)
        if other == "compact":
            table_of(folder).compact(10**9)
        else:
            begun(folder)
        after = facts(table_of(folder).state())
        ended = finish()
    assert after == before
    assert facts(table_of(folder).state()) == before
    assert read(folder.uri).detections.count_rows() == rows
    assert all(isinstance(error, JobFailedError | OutputBusyError) for error in ended), ended
    table_of(folder).compact(10**9)
    assert facts(table_of(folder).state()) == before
    wrong = {finding.kind for finding in table_of(folder).verify().findings}
    assert wrong == {"not proven", "not closed"}, "no list of videos, and not closed"


@pytest.mark.parametrize("changes", CHANGES)
def test_what_is_verified_while_parts_change_hands_is_proven_or_not_told(changes: int) -> None:
    """Parts would be missed here and found there: no fault is told where there is none."""
    for reads in range(changes % SPACING, MOST_READS, SPACING):
        folder = whole()
        with compacting(folder, changes) as finish:
            reader = Overtaken(folder.uri, reads, finish)
            with suppress(OutputBusyError):
                assert table_of(reader).verify().findings == (), f"overtaken at read {reads}"
        assert table_of(folder).verify().findings == ()
        if reader.left > 0:
            return
    pytest.fail(f"it reads more often than {MOST_READS} times")


def whole() -> Folder:
    """Make a closed output of two leases over one video."""
    folder = claimed(Folder(f"memory://{uuid.uuid4()}"))
    begun(folder)
    write_videos(folder, [Video("a", 1000, "v1", 0, 8 * 512, 0.32, 8)])
    closed(folder, [commit_lease(folder, "a", range(4)), commit_lease(folder, "a", range(4, 8))])
    return folder
