"""Which devices give no sign of life while they should: a pure decision, the time is passed in."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.progress import Progress


@dataclass
class _Watch:
    """`alive_s`: when it last was proven to be alive. `asked_s`: the question last answered.

    `open_s`: when the question was asked that is not answered yet. `sign`: what it said last.
    """

    alive_s: float
    asked_s: float
    open_s: float | None = None
    sign: tuple[str, int] = ("", 0)


class Watchdog:
    """Watches devices by asking them where they stand; changed only through its methods.

    A device is alive as of a question if its answer tells of something new, that it is idle, or
    that it waits for the store, whose own time limits end that. What counts is when it was asked,
    so that a driver that was held up for long takes nobody for dead.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._watches: dict[str, _Watch] = {}

    def ask(self, device: str, now_s: float) -> None:
        """Note that a device is asked."""
        watch = self._watches.setdefault(device, _Watch(now_s, now_s))
        watch.open_s = now_s

    def hear(self, progress: Progress) -> None:
        """Note its answer."""
        watch = self._watches.get(progress.device)
        if watch is None or watch.open_s is None:
            return
        watch.asked_s, watch.open_s = watch.open_s, None
        sign = (progress.lease, progress.beats)
        if sign != watch.sign or not progress.lease or progress.waiting:
            watch.alive_s, watch.sign = watch.asked_s, sign

    def forget(self, device: str) -> None:
        """Note that it is gone."""
        self._watches.pop(device, None)

    def silent(self, now_s: float) -> dict[str, float]:
        """Tell which devices have been silent for too long, and for how many seconds."""
        return {
            device: silence_s
            for device, watch in self._watches.items()
            if (silence_s := _silence_s(watch, now_s)) > self._limit_s
        }


def _silence_s(watch: _Watch, now_s: float) -> float:
    return (watch.asked_s if watch.open_s is None else now_s) - watch.alive_s
