"""Which jobs of a cluster live, by the notes that they put."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.executors.ray.sharing import BEAT_S, GONE_S, Note, Notes
from fleet.scheduler.shares import Claim


def note(job: str, beat: int) -> Note:
    """Return what a job has put down."""
    return Note(Claim(job, 1.0, 4, 2, 9.5), 1, beat)


def test_a_job_that_is_killed_is_gone_once_its_note_stays_as_it_is() -> None:
    """By the clock of the one who reads it; one that was just read for the first time lives."""
    notes = Notes()
    for beat in range(int(GONE_S) + 1):
        assert notes.read({"a": note("a", beat), "b": note("b", 7)}, 1000 + beat) == set()
        assert {n.claim.job for n in notes.living()} == {"a", "b"}
    now_s = 1001 + GONE_S
    assert notes.read({"a": note("a", 99), "b": note("b", 7)}, now_s) == {"b"}
    assert [n.claim.job for n in notes.living()] == ["a"]
    assert notes.read({"a": note("a", 100)}, now_s + 1) == set()
    # One that only stood still is there again once it goes on.
    assert notes.read({"b": note("b", 8)}, now_s + 2) == set()
    assert [n.claim.job for n in notes.living()] == ["b"]


def test_only_a_job_that_is_new_or_stands_still_may_have_ended() -> None:
    """One that puts its note anew is not asked about."""
    notes = Notes()
    found = {"a": note("a", 1), "b": note("b", 1)}
    assert notes.doubtful(found, 1000) == {"a", "b"}
    notes.read(found, 1000)
    assert notes.doubtful(found, 1000 + BEAT_S) == set()
    later_s = 1000 + 3 * BEAT_S
    notes.read({**found, "a": note("a", 3)}, later_s)
    assert notes.doubtful({**found, "c": note("c", 1)}, later_s + BEAT_S) == {"b", "c"}


@given(gaps_s=st.lists(st.integers(1, 600), max_size=60))
def test_a_job_is_not_gone_because_notes_could_not_be_read(gaps_s: list[int]) -> None:
    """However long the head is away: what was read last holds, and a killed one is found later."""
    notes = Notes()
    now_s, quiet_s = 1000.0, 0.0
    notes.read({"alive": note("alive", 0), "killed": note("killed", 0)}, now_s)
    for number, gap_s in enumerate(gaps_s):
        now_s += gap_s
        quiet_s += min(gap_s, 2 * BEAT_S)
        # Its note is put anew after a while only: at the first read it is as it was before.
        found = {"alive": note("alive", number // 2), "killed": note("killed", 0)}
        assert notes.read(found, now_s) == ({"killed"} if quiet_s > GONE_S else set())
        assert "alive" in {n.claim.job for n in notes.living()}


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", note("a", 1).to_bytes().replace(b"4", b"-4")])
def test_a_note_that_cannot_be_read_is_none(data: bytes) -> None:
    """Another version may have put it; one that can be is what was put."""
    assert Note.of(note("a", 1).to_bytes()) == note("a", 1)
    with pytest.raises(ValueError, match=r"."):
        Note.of(data)
