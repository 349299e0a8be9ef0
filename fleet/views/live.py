"""Show a run while it goes on: a live display on a terminal, plain lines elsewhere.

Neither has a thread: the display changes when the loop reports an event.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fleet.core.run_events import OutputRefused, RunEnded, RunEvent, RunStarted
from fleet.observe.observer import Observer
from fleet.observe.progress import ProgressState
from fleet.observe.snapshot import Snapshot
from fleet.views.progress_line import (
    counts_line,
    describe,
    devices_lines,
    opening,
    remark,
    troubles_line,
)

REMARKS_OF_A_KIND = 20
"""So many remarks of one kind are shown, so that a bad archive does not flood the screen."""
Clock = Callable[[], float]


class _Remarks:
    """Decides which events are worth a line."""

    def __init__(self) -> None:
        self._seen: Counter[type[RunEvent]] = Counter()

    def line(self, event: RunEvent) -> str:
        """Return the line of an event; empty for none."""
        text = remark(event)
        if not text:
            return ""
        self._seen[type(event)] += 1
        number = self._seen[type(event)]
        if number == REMARKS_OF_A_KIND:
            return f"{text} (more of this kind are only counted)"
        return text if number < REMARKS_OF_A_KIND else ""


class LineProgress:
    """Writes a line now and then: often at first, then at every 5 % or once a minute.

    `write` takes a line without its end. `clock`: steady seconds.
    """

    SHORTEST_S = 2.0
    """Seconds between two lines, at least."""
    LONGEST_S = 60.0
    """Seconds without a line, at most, where events come."""
    STEP = 0.05
    """A line is due when this share of the run, or of the time so far, has passed."""

    def __init__(self, write: Callable[[str], None], clock: Clock = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._state = ProgressState()
        self._remarks = _Remarks()
        self._last_s = 0.0
        self._last_share = 0.0
        self._waits = False

    def on_event(self, event: RunEvent) -> None:
        """Add an event, and write a line where one is due."""
        now_s = self._clock()
        self._state.fold(event, now_s)
        if text := self._remarks.line(event):
            self._write(text)
        if isinstance(event, OutputRefused):
            self._waits = event.waits
        if isinstance(event, RunStarted):
            self._last_s = now_s
            self._write(opening(event))
        elif isinstance(event, RunEnded):
            self._write(describe(self._state.snapshot(now_s)))
        elif self._waits:
            pass  # how far it is does not change, and was said
        elif self._state.started and now_s - self._last_s >= self.SHORTEST_S:
            self._write_if_due(now_s)

    def _write_if_due(self, now_s: float) -> None:
        now = self._state.snapshot(now_s)
        # The lines come further and further apart, so that a long run does not fill its log.
        wait_s = min(self.LONGEST_S, max(self.SHORTEST_S, now.elapsed_s * self.STEP))
        if now_s - self._last_s >= wait_s or now.share - self._last_share >= self.STEP:
            self._last_s, self._last_share = now_s, now.share
            self._write(describe(now))


class RichProgress:
    """Shows a bar, the counts and a line for each device, live on a terminal.

    Use it as a context manager, which restores the terminal however the run ends.
    """

    REFRESH_S = 0.2
    """Seconds between two drawings, at least."""

    def __init__(self, console: Console, clock: Clock = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._state = ProgressState()
        self._remarks = _Remarks()
        self._last_s = float("-inf")
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def on_event(self, event: RunEvent) -> None:
        """Add an event, and draw again where that is due."""
        now_s = self._clock()
        self._state.fold(event, now_s)
        if text := self._remarks.line(event):
            self._print(text)
        if isinstance(event, RunStarted):
            self._print(opening(event))
        due = now_s - self._last_s >= self.REFRESH_S or isinstance(event, RunEnded)
        if self._state.started and due:
            self._last_s = now_s
            self._live.update(draw(self._state.snapshot(now_s)), refresh=True)

    def _print(self, text: str) -> None:
        self._live.console.print(Text(text), soft_wrap=True)


def draw(now: Snapshot) -> RenderableType:
    """Return a drawing of a snapshot."""
    bar = Table.grid(expand=True)
    bar.add_row(ProgressBar(total=1.0, completed=now.share))
    texts = (describe(now), counts_line(now), troubles_line(now))
    lines = [Text(text, no_wrap=True, overflow="ellipsis") for text in texts if text]
    devices = Table.grid(padding=(0, 2))
    devices.add_column(no_wrap=True)
    devices.add_column(justify="right", no_wrap=True)
    devices.add_column(justify="right", no_wrap=True)
    devices.add_column(no_wrap=True, overflow="ellipsis")
    for cells in devices_lines(now):
        devices.add_row(*(Text(cell) for cell in cells))
    return Group(bar, *lines, devices)


@contextmanager
def show_progress(console: Console) -> Iterator[Observer]:
    """Yield the observer that suits `console`: live on a terminal, else plain lines."""
    if console.is_terminal:
        with RichProgress(console) as live:
            yield live
    else:
        yield LineProgress(lambda line: console.print(Text(line), soft_wrap=True))
