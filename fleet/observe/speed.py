"""How fast something grows, over its last seconds; pure, the time is passed in."""

from __future__ import annotations

from collections import deque

STEP_S = 0.5
"""Samples are no closer than this, and nothing is told from a shorter stretch."""


class Speed:
    """How fast a growing total grew within the last `window_s`."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._samples: deque[tuple[float, float]] = deque()

    def is_due(self, now_s: float) -> bool:
        """Whether a total noted now would be kept."""
        return not self._samples or now_s - self._samples[-1][0] >= STEP_S

    def add(self, now_s: float, total: float) -> None:
        """Note what the total is now."""
        if self.is_due(now_s):
            self._samples.append((now_s, total))

    def per_s(self, now_s: float, total: float) -> float:
        """Tell the growth a second up to now, never negative; 0 while there is no telling."""
        samples = self._samples
        # One sample from before the window stays, so that the window is always spanned.
        while len(samples) > 1 and samples[1][0] <= now_s - self._window_s:
            samples.popleft()
        if not samples or now_s - samples[0][0] < STEP_S:
            return 0.0
        since_s, earlier = samples[0]
        return max(0.0, (total - earlier) / (now_s - since_s))
