"""When a version counts as slower than another: by rounds in turn, beyond their spread."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from math import exp
from pathlib import Path
from random import Random

import pytest
from gate.checkouts import checked_out, said
from gate.decision import MOST_LOSS, Comparison, compared, slower_by, unmeasured
from hypothesis import given
from hypothesis import strategies as st
from measured.cases import CASES, Metric
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


@given(metrics, st.lists(st.floats(0.01, 1000), min_size=5, max_size=9), st.floats(1.06, 10))
def test_a_loss_that_every_round_shows_is_found(
    key: Key, values: list[float], times: float
) -> None:
    """Whatever the machine did from round to round, as both ran in each."""
    slower = [value * times if key == COLD else value / times for value in values]
    assert only(key, values, slower).lost
    assert not only(key, slower, values).lost


@given(metrics, st.lists(st.floats(0.01, 1000), min_size=1, max_size=4), st.floats(1.06, 10))
def test_few_rounds_show_gross_losses_alone(key: Key, values: list[float], times: float) -> None:
    """Their spread says too little: it is taken as that of a busy machine."""
    slower = [value * times if key == COLD else value / times for value in values]
    found = only(key, values, slower)
    assert found.chance > 1.2
    assert found.lost == (times > found.chance) or times == pytest.approx(found.chance)


@given(rounds)
def test_first_rows_are_told_and_never_lost(values: list[float]) -> None:
    """A second or two after a start differ by half."""
    found = only(("dense", "Fleet", "first_rows_s"), values, [9 * value for value in values])
    assert not found.lost
    assert str(found).startswith("told")


COLD_AND_WARM: tuple[Metric, ...] = ("wall_s", "frames_per_s")
KEYS: tuple[Key, ...] = (
    *(
        (case.name, who, metric)
        for case in CASES[:6]
        for who in case.who
        if who.startswith("Fleet")
        for metric in COLD_AND_WARM
    ),
    ("decode", "Fleet", "decode_cpu_s"),
)
"""What a gate decides by, unless told otherwise."""


def gate(random: Random, noise: float, rounds: int, loss: float, keys: Sequence[Key]) -> set[Key]:
    """Return what a gate says is lost, where the first of these figures is and the others are not."""

    def run() -> dict[Key, list[float]]:
        return {key: [exp(random.gauss(0, noise)) for _ in range(rounds)] for key in keys}

    old, new = run(), run()
    worse = 1 / (1 + loss) if keys[0][2] == "frames_per_s" else 1 + loss
    new[keys[0]] = [value * worse for value in new[keys[0]]]
    return {each.key for each in compared(old, new) if each.lost}


@pytest.mark.parametrize("noise", [0.02, 0.04, 0.08, 0.15])
@pytest.mark.parametrize(("rounds", "keys"), [(3, KEYS), (5, KEYS[:1]), (5, KEYS), (9, KEYS)])
def test_identical_code_passes(noise: float, rounds: int, keys: Sequence[Key]) -> None:
    """Of gates that compare independent runs of the same code, at most two in a hundred fail."""
    random = Random(f"{noise} {rounds} {len(keys)}")  # noqa: S311 - no secret
    failed = sum(bool(gate(random, noise, rounds, 0.0, keys)) for _ in range(200))
    assert failed <= 4


@pytest.mark.parametrize(("noise", "found_of_50"), [(0.02, 48), (0.04, 40)])
@pytest.mark.parametrize("keys", [KEYS[:1], KEYS, KEYS[::-1]])
def test_a_loss_of_fifteen_percent_is_found(
    noise: float, found_of_50: int, keys: Sequence[Key]
) -> None:
    """In one of all figures, by five independent rounds of a quiet machine."""
    random = Random(f"{noise} {keys[0]} {len(keys)}")  # noqa: S311 - no secret
    found = [gate(random, noise, 5, 0.15, keys) for _ in range(50)]
    assert sum(keys[0] in lost for lost in found) >= found_of_50


@given(metrics, rounds, st.floats(0.97, 1.04))
def test_what_may_be_lost_is_not_held_against_it(
    key: Key, values: list[float], times: float
) -> None:
    """Up to five in a hundred."""
    assert times < 1 + MOST_LOSS
    assert not only(key, values, [value * times for value in values]).lost


@given(metrics, pairs, st.just(1.0) | st.floats(1.001, 10))
def test_who_has_lost_has_lost_when_slower_still(
    key: Key, found: list[tuple[float, float]], times: float
) -> None:
    """A version that is slower in every round never passes where the faster one did not."""
    old, new = [list(side) for side in zip(*found, strict=True)]
    slower = [value * times if key == COLD else value / times for value in new]
    if only(key, old, new).lost:
        assert only(key, old, slower).lost


@given(metrics, st.lists(st.floats(0.1, 10), min_size=1, max_size=9), st.randoms())
def test_the_order_of_rounds_says_nothing(key: Key, values: list[float], random: object) -> None:
    """Nor does the unit in which both are told."""
    turned = sorted(range(len(values)), key=lambda at: hash((at, str(random))))
    ones = [1.0] * len(values)
    first = only(key, ones, values)
    again = only(key, [8.0] * len(values), [8 * values[at] for at in turned])
    assert first.slower == again.slower
    assert first.noise == pytest.approx(again.noise)


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
