"""The watchdog: who gives no sign of life, whatever holds up those who ask."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet.core.progress import Progress
from fleet.scheduler.watchdog import Watchdog


def said(beats: int, *, lease: str = "a", waiting: bool = False, device: str = "x") -> Progress:
    """Make an answer."""
    return Progress(device, lease, "v.mp4", 0, 0.0, beats=beats, waiting=waiting)


def asked(watchdog: Watchdog, now_s: float, answer: Progress | None) -> dict[str, float]:
    """Ask, hear an answer half a second later, and see who is silent then."""
    watchdog.ask("x", now_s)
    if answer:
        watchdog.hear(answer)
    return watchdog.silent(now_s + 0.5)


def test_who_answers_with_something_new_is_alive() -> None:
    """However long it goes on."""
    watchdog = Watchdog(5)
    assert not any(asked(watchdog, float(n), said(n)) for n in range(100))


def test_who_answers_the_same_for_too_long_is_silent() -> None:
    """A decoder that spins without the GIL."""
    watchdog = Watchdog(5)
    silent = [bool(asked(watchdog, float(n), said(7))) for n in range(10)]
    assert silent == [False] * 6 + [True] * 4


def test_who_does_not_answer_is_silent() -> None:
    """A decoder that spins and holds the GIL, or a process that is stopped."""
    watchdog = Watchdog(5)
    asked(watchdog, 0, said(7))
    watchdog.ask("x", 1)
    assert watchdog.silent(4.9) == {}
    assert watchdog.silent(6.0) == {"x": 6.0}
    watchdog.forget("x")
    assert watchdog.silent(99) == {}


def test_the_idle_and_those_who_wait_for_the_store_are_alive() -> None:
    """The one has nothing to do, the other is held up by something with time limits of its own."""
    watchdog = Watchdog(5)
    assert not any(asked(watchdog, float(n), said(7, lease="")) for n in range(20))
    assert not any(asked(watchdog, float(n), said(7, waiting=True)) for n in range(20, 40))


def test_a_driver_that_was_held_up_takes_nobody_for_dead() -> None:
    """The answer to a question of long ago came at once; it only was not looked at."""
    watchdog = Watchdog(5)
    asked(watchdog, 0, said(1))
    watchdog.ask("x", 1)
    watchdog.hear(said(1))
    assert watchdog.silent(1000) == {}
    assert asked(watchdog, 1000, said(900)) == {}


def test_an_answer_to_no_question_counts_for_nothing() -> None:
    """It may be of a device that was given up, under a name that is forgotten."""
    watchdog = Watchdog(5)
    watchdog.hear(said(1))
    assert watchdog.silent(100) == {}


@given(st.lists(st.tuples(st.floats(0.1, 20), st.booleans()), min_size=1, max_size=30))
def test_nobody_is_silent_before_the_limit(steps: list[tuple[float, bool]]) -> None:
    """Whatever the rhythm of questions: it is longer than that since the last proof of life."""
    watchdog, now_s, proven_s, beats = Watchdog(10), 0.0, 0.0, 0
    for step_s, works in steps:
        now_s += step_s
        beats += works
        watchdog.ask("x", now_s)
        assert bool(watchdog.silent(now_s)) == (now_s - (proven_s or now_s) > 10)
        watchdog.hear(said(beats))
        if works or not proven_s:
            proven_s = now_s
