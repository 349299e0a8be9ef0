"""When a version counts as slower than another: by rounds in turn, beyond their spread."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from gate.checkouts import checked_out, said
from gate.decision import MOST_LOSS, Comparison, compared, slower_by, unmeasured
from hypothesis import given
from hypothesis import strategies as st
from measured.cases import Metric
from measured.goals import Key

COLD: Key = ("dense", "Fleet", "wall_s")
WARM: Key = ("dense", "Fleet", "frames_per_s")
rounds = st.lists(st.floats(0.01, 1000), min_size=1, max_size=9)
pairs = st.lists(st.tuples(st.floats(0.01, 1000), st.floats(0.01, 1000)), min_size=1, max_size=9)
metrics = st.sampled_from((COLD, WARM))


def only(key: Key, old: list[float], new: list[float]) -> Comparison:
    """Return the one comparison there is."""
    (found,) = compared({key: old}, {key: new})
    return found


@given(metrics, rounds)
def test_a_version_never_loses_against_itself(key: Key, values: list[float]) -> None:
    """However its rounds spread."""
    assert not only(key, values, values).lost


@given(metrics, rounds, st.floats(1.06, 10))
def test_a_loss_that_every_round_shows_is_found(
    key: Key, values: list[float], times: float
) -> None:
    """Whatever the machine did from round to round, as both ran in each."""
    slower = [value * times if key == COLD else value / times for value in values]
    assert only(key, values, slower).lost
    assert not only(key, slower, values).lost


@given(metrics, rounds, st.floats(0.97, 1.04))
def test_what_may_be_lost_is_not_held_against_it(
    key: Key, values: list[float], times: float
) -> None:
    """Up to five in a hundred."""
    assert times < 1 + MOST_LOSS
    assert not only(key, values, [value * times for value in values]).lost


@given(metrics, pairs, st.floats(1, 10))
def test_who_has_lost_has_lost_when_slower_still(
    key: Key, found: list[tuple[float, float]], times: float
) -> None:
    """A version that is slower in every round never passes where the faster one did not."""
    old, new = [list(side) for side in zip(*found, strict=True)]
    slower = [value * times if key == COLD else value / times for value in new]
    if only(key, old, new).slower.median - only(key, old, new).off > 1 + MOST_LOSS + 1e-9:
        assert only(key, old, slower).lost


@given(metrics, st.lists(st.floats(0.1, 10), min_size=1, max_size=9), st.randoms())
def test_the_order_of_rounds_says_nothing(key: Key, values: list[float], random: object) -> None:
    """Nor does the unit in which both are told."""
    turned = sorted(range(len(values)), key=lambda at: hash((at, str(random))))
    ones = [1.0] * len(values)
    first = only(key, ones, values)
    again = only(key, [8.0] * len(values), [8 * values[at] for at in turned])
    assert (first.slower, first.off) == (again.slower, again.off)


def test_a_loss_within_the_spread_is_not_one() -> None:
    """Where rounds differ by tens of percent, a median of ten says nothing; one of eighty does."""
    wild = [0.7, 0.9, 1.1, 1.3, 1.5]
    assert not only(COLD, [1.0] * 5, wild).lost
    assert only(COLD, [1.0] * 5, [value + 0.7 for value in wild]).lost


@pytest.mark.parametrize(
    ("metric", "slow"), [("wall_s", [2.0, None]), ("frames_per_s", [0.5, None])]
)
def test_a_round_counts_where_both_have_it(metric: Metric, slow: list[float | None]) -> None:
    """Seconds are more where it is slower, frames a second are less."""
    assert slower_by([1.0, 1.0], slow, metric) == [2.0]


def test_a_version_that_does_not_end_has_lost() -> None:
    """Its figure is not there, so that nothing could be compared."""
    assert unmeasured({COLD: [1.0, 1.0]}, {COLD: [1.0, None]}) == [COLD]
    assert unmeasured({COLD: [1.0]}, {}) == [COLD]
    assert not unmeasured({COLD: [1.0, None]}, {COLD: [1.0, 1.0]})
    assert not compared({COLD: [1.0]}, {})


def test_another_revision_is_there_while_it_is_measured(tmp_path: Path) -> None:
    """As it was committed, and no longer; one that was left half is taken away first."""
    root = tmp_path / "root"

    def git(*line: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *who, *line], cwd=root, check=True, capture_output=True)

    root.mkdir()
    git("init", "-q")
    for text in ("old", "new"):
        (root / "file").write_text(text)
        git("add", "file")
        git("commit", "-q", "-m", text)
    (tmp_path / f"old-{said(root, 'rev-parse', 'HEAD~1')[:10]}").mkdir()
    with checked_out(root, "HEAD~1", tmp_path) as folder:
        assert (folder / "file").read_text() == "old"
    assert not folder.exists()
    assert (root / "file").read_text() == "new"
    with (
        pytest.raises(SystemExit, match="no revision nothing"),
        checked_out(root, "nothing", tmp_path),
    ):
        pass
