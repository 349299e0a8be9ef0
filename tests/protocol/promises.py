"""What was promised about an output, and what somebody who reads it therefore has to see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Covered = dict[tuple[str, str], int]
"""The frames of each version of a video, as bits."""


@dataclass(eq=False)
class Reading:
    """What somebody who reads has to see: what was promised when it began, less what was taken."""

    promised: Covered
    began_s: float
    closed: bool
    """Whether the output was closed then."""
    taken: Covered = field(default_factory=dict)


class Promises:
    """What was committed, as somebody was told: it has to stay, and to be seen."""

    def __init__(self) -> None:
        self.kept: Covered = {}
        """What is promised now."""
        self._readings: list[Reading] = []
        self._history: list[tuple[float, Covered]] = []

    def promise(self, more: Mapping[tuple[str, str], int], now_s: float) -> None:
        """Promise frames from now on."""
        for key, span in more.items():
            self.kept[key] = self.kept.get(key, 0) | span
        self._history.append((now_s, dict(self.kept)))

    def forget(self, less: Mapping[tuple[str, str], int]) -> None:
        """Promise frames no longer."""
        for key, span in less.items():
            self.kept[key] = self.kept.get(key, 0) & ~span
            for reading in self._readings:
                reading.taken[key] = reading.taken.get(key, 0) | span

    def begin_reading(self, now_s: float, *, closed: bool) -> Reading:
        """Take note of what is promised to somebody who begins to read."""
        reading = Reading(dict(self.kept), now_s, closed)
        self._readings.append(reading)
        return reading

    def drop_reading(self, reading: Reading) -> None:
        """Expect nothing of a reading that did not come to its end."""
        self._readings.remove(reading)

    def unseen(
        self, reading: Reading, seen: Mapping[str, int], lag_s: float
    ) -> tuple[str, int] | None:
        """Return a video, and frames of it that were read by nobody and should have been.

        `seen`: the frames with rows or in errors/, by video. `lag_s`: by how much listings were
        late for the reader: of an open output, nothing but listings tells what is newest.
        """
        shown = reading.promised
        if lag_s and not reading.closed:
            until_s = reading.began_s - lag_s
            shown = next((p for at_s, p in reversed(self._history) if at_s <= until_s), {})
        for key, span in reading.promised.items():
            missing = span & shown.get(key, 0) & ~(seen.get(key[0], 0) | reading.taken.get(key, 0))
            if missing:
                return key[0], missing
        return None
