"""The videos of a run's inputs, listed by a thread of its own some way ahead of who takes them.

So work begins on the first names while a store still tells the others. What is listed and not taken
yet is bounded, however large the archive is: the thread waits for the plan, as the plan waits for
the devices.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from threading import Condition, Thread

from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.core.source import Source
from fleet.errors import (
    BrokenOffError,
    FleetError,
    JobFailedError,
    StorageRefusedError,
)
from fleet.storage import Listing, Search

ENOUGH_FILES = 512
"""Files that are listed before anything else begins: of inputs with fewer, all is known then, as
it is of files that are named outright. Not more than a page of a store has, of which the next one
may be long in coming."""
ENOUGH_S = 5.0
"""For how long they are waited for where there is one at least."""
AHEAD_FILES = 32 << 10
"""Files that may be listed and not taken yet; more than index leases go ahead of the plan."""
POLL_S = 0.25
CLOSE_S = 10.0
"""How long the thread is waited for in the end: it may hang in a store that does not answer."""


_LOG = logging.getLogger(__name__)


class Listed:
    """Files in the order in which they are listed, each taken once; safe to use from any thread.

    Its length is how many are listed by now. Slices can be had of what comes behind the files that
    are done with; the one that was taken last is none of these.
    """

    def __init__(
        self,
        search: Search | None = None,
        known: Sequence[Source] = (),
        note: Callable[[str], None] = lambda _: None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Take what lists the inputs; None: `known` is all there is. `note`: told each URI."""
        self._search = search
        self._note = note
        self._clock = clock
        self._changed = Condition()
        self._waiting = deque(known)
        self._unnamed: list[Source] = []
        self._taken = 0
        self._bytes = sum(source.bytes for source in known)
        self._error: Exception | None = None
        self._is_ended = self._is_listed = search is None
        self._closed = False
        self._most: int | None = AHEAD_FILES
        self._thread = Thread(target=self._list, name="listing", daemon=True)

    def __len__(self) -> int:
        with self._changed:
            return self._taken + len(self._waiting)

    def __getitem__(self, places: slice) -> Sequence[Source]:
        with self._changed:
            first, last, _ = places.indices(self._taken + len(self._waiting))
            before = self._taken
            return list(islice(self._waiting, max(0, first - before), max(0, last - before)))

    @property
    def is_whole(self) -> bool:
        """Whether all is listed; where listing has failed or was ended, it never is."""
        with self._changed:
            return self._is_ended and self._is_listed

    @property
    def bytes(self) -> int:
        """How large all files are that are listed by now."""
        with self._changed:
            return self._bytes

    @property
    def open_inputs(self) -> tuple[str, ...]:
        """The inputs that are not listed to their end; none where all is."""
        if self._search is None or self.is_whole:
            return ()
        return self._search.open_inputs

    @property
    def left_aside(self) -> dict[str, int]:
        """See `Listing.left`; nothing until all is listed."""
        return self._search.left_aside if self._search and self.is_whole else {}

    def begin(self, is_enough: Callable[[], bool] = lambda: True) -> None:
        """Begin to list, and wait for the first files, or all; raises what listing them raises.

        `is_enough`: whether what has come is enough to begin with; until then it is listed on.
        Where nothing is left to be listed but files that are named outright, all are waited for.
        """
        assert self._search is not None, "it is known already"
        self._thread.start()
        late_s = self._clock.steady_s() + ENOUGH_S
        with self._changed:
            while not self._is_ended:
                some, is_late = len(self._waiting), self._clock.steady_s() >= late_s
                has_some = some and (is_late or some >= ENOUGH_FILES)
                if has_some and self._search.open_inputs and is_enough():
                    break
                if some >= AHEAD_FILES:
                    self._most = None
                    self._changed.notify_all()
                self._changed.wait(POLL_S)
            self._most = AHEAD_FILES
            if self._error:
                raise self._error

    def rest(self) -> Listing:
        """Wait until all is listed, and return it; nothing is to be taken before or behind that."""
        assert self._search is not None, "it is known already"
        with self._changed:
            self._most = None
            while not self._is_ended:
                self._changed.notify_all()
                self._changed.wait(POLL_S)
            if self._error:
                raise self._error
            listing = self._search.listing(self._waiting)
            # Who has begun the listing holds it as long as the run lasts.
            self._waiting.clear()
            self._unnamed.clear()
            return listing

    def names(self) -> Iterator[Source | None]:
        """Take the files one by one; None is yielded where nothing comes for a moment.

        Where not all can be listed, those that are come, and `check` says so behind them.
        """
        source: Source | None = None
        while True:
            with self._changed:
                if source is not None:
                    # Only now, as slices are asked for until who has it says how far it is.
                    self._waiting.popleft()
                    self._taken += 1
                    self._changed.notify_all()
                if not self._waiting and not self._is_ended:
                    self._changed.wait(POLL_S)
                source = self._waiting[0] if self._waiting else None
                if source is None and self._is_ended:
                    break
            yield source

    def check(self) -> None:
        """Raise JobFailedError where not all could be listed, BrokenOffError if that may pass."""
        if self._error:
            raise _broken_off(self._error)

    def unnamed(self) -> list[Source]:
        """Return the files that were listed since this was last asked, taken or not."""
        with self._changed:
            some, self._unnamed = self._unnamed, []
            return some

    def close(self) -> None:
        """End the listing, wherever it is."""
        with self._changed:
            self._closed = True
            if self._search is not None:
                self._search.stop()
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_S)
            if self._thread.is_alive():
                _LOG.warning(
                    "What lists the inputs has not ended after %.0f s: it waits for their store.",
                    CLOSE_S,
                )

    def _list(self) -> None:
        assert self._search is not None
        try:
            for source in self._search:
                self._note(source.uri)
                if not self._put(source):
                    break
            self._is_listed = not self._closed
        # The edge of a thread: who takes the files raises it.
        except Exception as error:  # noqa: BLE001
            self._error = error
        finally:
            self._search.close()
            with self._changed:
                self._is_ended = True
                self._changed.notify_all()

    def _put(self, source: Source) -> bool:
        """Add a file once there is room; return whether anybody wants more."""
        with self._changed:
            while not (self._closed or self._most is None or len(self._waiting) < self._most):
                self._changed.wait(POLL_S)
            self._waiting.append(source)
            self._unnamed.append(source)
            self._bytes += source.bytes
            self._changed.notify_all()
            return not self._closed


def _may_pass(error: Exception) -> bool:
    is_refusal = isinstance(error, StorageRefusedError)
    return isinstance(error, FleetError) and error.retryable and not is_refusal


def _broken_off(error: Exception) -> Exception:
    """Return what ends a run whose inputs cannot be listed to their end."""
    if not isinstance(error, FleetError):
        return error
    message = f"The inputs could not be listed to their end: {error.message}"
    kept = "What is committed is kept: the same command goes on from there."
    kind = BrokenOffError if _may_pass(error) else JobFailedError
    return kind(message, f"{error.way_out} {kept}".strip()).about(error.topic)
