"""How fast a total grows; pure, the caller passes the time."""

from __future__ import annotations

from collections import deque

STEP_S = 0.5
"""The shortest time between two samples, and the shortest time that gives a speed."""


class Speed:
    """The growth of a total within the last `window_s` seconds."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._samples: deque[tuple[float, float]] = deque()

    def is_due(self, now_s: float) -> bool:
        """Return whether `add` would keep a sample now."""
        return not self._samples or now_s - self._samples[-1][0] >= STEP_S

    def add(self, now_s: float, total: float) -> None:
        """Add a sample: the total now."""
        if self.is_due(now_s):
            self._samples.append((now_s, total))

    def per_s(self, now_s: float, total: float) -> float:
        """Return the growth per second up to now, never negative; 0 while it is unknown."""
        samples = self._samples
        # One sample from before the window stays, so that the samples always span the window.
        while len(samples) > 1 and samples[1][0] <= now_s - self._window_s:
            samples.popleft()
        if not samples or now_s - samples[0][0] < STEP_S:
            return 0.0
        since_s, earlier = samples[0]
        return max(0.0, (total - earlier) / (now_s - since_s))
