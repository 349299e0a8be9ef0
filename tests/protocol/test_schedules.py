"""Schedules from seeds: a sample of what `make prove-protocol` plays."""

from __future__ import annotations

import pytest
import shrinking
from generator import play_seed, replay
from mutations import MUTATIONS
from shrinking import shrink
from simulation import simulated
from story import tell

SEEDS = range(60)
AT_A_TIME = 20


@pytest.mark.parametrize("first", SEEDS[::AT_A_TIME])
def test_no_schedule_breaks_a_promise(first: int) -> None:
    """Whatever befalls clocks, stores and processes; the seed and the story say what did."""
    with simulated():
        for seed in range(first, first + AT_A_TIME):
            found = play_seed(seed)
            told = tell(found.setting, found.played)
            assert found.played.violation is None, f"seed {seed}:\n{told}"


def test_a_seed_is_a_schedule() -> None:
    """Played again, and replayed from its decisions, it goes the same way step by step."""
    with simulated():
        for seed in (3, 18, 33):
            found = play_seed(seed)
            assert play_seed(seed).played.digest == found.played.digest
            assert replay(found.setting, found.decisions).digest == found.played.digest


def test_what_breaks_a_promise_is_made_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same promise, and no more trouble than before."""
    monkeypatch.setattr(shrinking, "MOST_TRIES", 40)
    with simulated(), MUTATIONS["siblings overwritten"].applied():
        found = next(found for found in map(play_seed, range(200)) if found.played.violation)
        shrunk = shrink(found.setting, found.decisions)
    assert found.played.violation is not None
    assert shrunk.played.violation is not None
    assert shrunk.played.violation.kind == found.played.violation.kind
    assert len(shrunk.decisions.troubles) <= len(found.decisions.troubles)
    assert len(shrunk.decisions.turns) < len(found.decisions.turns)
    assert "VIOLATION" in tell(shrunk.setting, shrunk.played)
