"""A plan is made ahead of who takes it, and ends with who wanted it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from kept_indexes import keep, made
from window_runs import interrupt

from fleet.ascend.soc import soc
from fleet.core.source import Source
from fleet.driver.preparing import background, prepare
from fleet.driver.preparing.background import TaskCancelled, in_background
from fleet.driver.preparing.prepared import Known
from fleet.errors import BrokenVideoError, StorageError
from fleet.index_cache.batch import CachedResult
from fleet.index_cache.store import IndexStore
from fleet.storage import Folder
from fleet.video.sampling import EVERY_FRAME


def test_what_is_made_ahead_ends_with_who_takes_it() -> None:
    """Its errors come to whoever takes it; it is closed, though nobody asks for the rest."""
    ended: list[str] = []

    def make(on_progress: Callable[[int], None]) -> Generator[int, None, None]:
        try:
            yield 1
            on_progress(1)
            yield 2
        except TaskCancelled:
            ended.append("cancelled")
            raise
        finally:
            ended.append("closed")

    with in_background(make) as ahead:
        assert ahead.wait() == 1
        assert ahead.take() is None
    assert ended == ["closed"]

    def fail(_: Callable[[int], None]) -> Generator[int, None, None]:
        yield 1
        raise StorageError("the store is away")

    with in_background(fail) as ahead:
        assert ahead.wait() == 1
        with pytest.raises(StorageError, match="away"):
            ahead.wait()


def test_who_interrupts_twice_does_not_wait_for_what_is_in_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second interrupt comes out as one, though a thread is in the middle of an item."""
    begun, goes_on = threading.Event(), threading.Event()

    class Impatient(ThreadPoolExecutor):
        def shutdown(self, *_: object, **__: object) -> None:
            super().shutdown(wait=False)
            interrupt()

    def make(_: Callable[[int], None]) -> Generator[int, None, None]:
        begun.set()
        goes_on.wait()
        yield 1

    monkeypatch.setattr(background, "ThreadPoolExecutor", Impatient)
    try:
        with pytest.raises(KeyboardInterrupt), in_background(make):  # noqa: PT012
            begun.wait()
            interrupt()
    finally:
        goes_on.set()


def test_a_file_that_takes_long_is_not_waited_for_where_nobody_wants_the_others() -> None:
    """Those behind it are not begun any more once that is told."""
    begun: list[str] = []
    goes_on = threading.Event()

    def look(source: Source) -> str:
        begun.append(source.uri)
        assert goes_on.wait(60), "it is waited for"
        return source.uri

    def cancel(_: int) -> None:
        raise TaskCancelled

    with ThreadPoolExecutor(1) as threads:

        def begin(source: Source) -> Future[str]:
            return threads.submit(look, source)

        found = prepare._in_order(begin, [Source(str(n), 1, "1") for n in range(3)], cancel)
        try:
            with pytest.raises(TaskCancelled):
                next(found)
        finally:
            goes_on.set()
    assert begun == ["0"]


class Noting(IndexStore):
    """Kept indexes that note in which thread each video was asked for last."""

    def __init__(self, folder: Folder) -> None:
        super().__init__(folder)
        self.asked: dict[str, int] = {}

    def find(self, source: Source) -> CachedResult | None:
        """See IndexStore."""
        self.asked[source.uri] = threading.get_ident()
        return super().find(source)


def test_files_of_which_all_is_known_are_looked_at_where_they_are_taken() -> None:
    """Threads that only compute would keep each other waiting; what comes of it is the same."""
    folder = Folder(f"memory://{uuid.uuid4()}")
    several = [made(f"{number}.mp4") for number in range(40)]
    keep(folder, *several)
    broken = Source("broken.mp4", 9, "v1")
    kept = IndexStore(folder)
    kept.add(broken, BrokenVideoError(broken.uri, "it ends early."))
    kept.flush()
    store = Noting(folder)
    sources = [*(index.source for index in several), broken]
    found = prepare.prepare(sources, EVERY_FRAME, soc("Ascend310"), Known(store=store))
    assert [work.source for work in found.works] == sources[:-1]
    assert [refusal.source for refusal in found.refused] == [broken]
    assert {store.asked[source.uri] for source in sources[:-1]} == {threading.get_ident()}
