"""How jobs share the devices of a cluster: by weight, nobody left out, the same for whoever asks."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.scheduler.shares import (
    SETTLE_S,
    TURN_S,
    Allowance,
    Claim,
    Share,
    first_spent_s,
    share_of,
    shares,
)

WEIGHTS = st.one_of(st.integers(1, 9).map(float), st.floats(0.01, 100))


def claims(wants: st.SearchStrategy[int], least: int = 0) -> st.SearchStrategy[list[Claim]]:
    """Jobs of any weights."""
    one = st.builds(
        Claim, st.uuids().map(str), WEIGHTS, wants, st.integers(0, 40), st.floats(0, 1e6)
    )
    return st.lists(one, min_size=least, max_size=9, unique_by=lambda claim: claim.job)


SOME = claims(st.integers(0, 40))
HUNGRY = claims(st.just(1000), 1)
DEVICES = st.integers(0, 120)


@given(jobs=SOME, devices=DEVICES)
def test_all_that_is_wanted_is_shared_and_no_more_than_there_is(
    jobs: list[Claim], devices: int
) -> None:
    """Nobody gets more than it wants; nothing is left over while somebody wants it."""
    found = shares(jobs, devices)
    assert set(found) == {job.job for job in jobs}
    assert all(0 <= found[job.job] <= job.wants for job in jobs)
    assert sum(found.values()) == min(devices, sum(job.wants for job in jobs))


@given(jobs=SOME, devices=DEVICES)
def test_nobody_is_left_without_a_device_while_there_are_enough(
    jobs: list[Claim], devices: int
) -> None:
    """However small a weight is."""
    found = shares(jobs, devices)
    asking = [job for job in jobs if job.wants]
    if len(asking) <= devices:
        assert all(found[job.job] for job in asking)


@given(jobs=HUNGRY, devices=DEVICES)
def test_hungry_jobs_are_within_one_device_of_their_weight(jobs: list[Claim], devices: int) -> None:
    """Where no weight is so small that it comes to less than a device."""
    weights = sum(Fraction(job.weight) for job in jobs)
    exact = {job.job: devices * Fraction(job.weight) / weights for job in jobs}
    if min(exact.values()) >= 1:
        found = shares(jobs, devices)
        assert all(abs(found[job] - share) < 1 for job, share in exact.items())


@given(jobs=claims(st.integers(0, 40), 1), devices=DEVICES, more=WEIGHTS, wants=st.integers(0, 9))
def test_more_weight_or_work_never_means_fewer_devices(
    jobs: list[Claim], devices: int, more: float, wants: int
) -> None:
    """For the one that has it; none of the others gains by it."""
    before = shares(jobs, devices)
    first, *others = jobs
    if len([job for job in jobs if job.wants]) <= devices:
        heavier = shares([replace(first, weight=first.weight + more), *others], devices)
        assert heavier[first.job] >= before[first.job]
    busier = shares([replace(first, wants=first.wants + wants), *others], devices)
    assert busier[first.job] >= before[first.job]


@given(jobs=SOME, devices=DEVICES, seed=st.randoms())
def test_everybody_finds_the_same_shares(jobs: list[Claim], devices: int, seed: object) -> None:
    """In whatever order the notes are read, and whatever each of them holds just now."""
    shuffled = [replace(job, holds=0) for job in jobs]
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    assert shares(shuffled, devices) == shares(jobs, devices)


@pytest.mark.parametrize(
    ("jobs", "devices", "expected"),
    [
        ([("a", 3, 99), ("b", 1, 99)], 8, [6, 2]),
        ([("a", 1, 99), ("b", 1, 99)], 5, [3, 2]),
        ([("a", 3, 99), ("b", 1, 1)], 8, [7, 1]),
        ([("a", 3, 2), ("b", 1, 99), ("c", 1, 99)], 8, [2, 3, 3]),
        ([("a", 100, 99), ("b", 0.01, 99)], 8, [7, 1]),
        ([("a", 1, 99), ("b", 2, 99), ("c", 3, 99)], 2, [0, 1, 1]),
        ([("a", 1, 0)], 8, [0]),
        ([("a", 1, 99)], 0, [0]),
    ],
)
def test_shares_that_are_known(
    jobs: list[tuple[str, float, int]], devices: int, expected: list[int]
) -> None:
    """By weight; at least one; what one does not want is for the others."""
    given_jobs = [Claim(*job) for job in jobs]
    assert list(shares(given_jobs, devices).values()) == expected


@given(weights=st.lists(st.integers(1, 3), min_size=2, max_size=6), devices=st.integers(1, 3))
def test_more_jobs_than_devices_take_turns(weights: list[int], devices: int) -> None:
    """Each has its device for a while, by weight, and a job that comes late is not left out."""
    jobs = {str(n): Claim(str(n), weight, 5) for n, weight in enumerate(weights)}
    had = dict.fromkeys(jobs, 0.0)
    for minute in range(600):
        if minute == 300:
            late = Claim("late", 1, 5, spent_s=first_spent_s(jobs.values()))
            jobs["late"], had["late"] = late, 0.0
        found = shares(list(jobs.values()), devices)
        for name, count in found.items():
            had[name] += count
            more_s = count * TURN_S / jobs[name].weight
            jobs[name] = replace(jobs[name], spent_s=jobs[name].spent_s + more_s)
    fair = 300 * min(devices, len(jobs)) / (sum(weights) + 1)
    assert had["late"] >= 0.5 * min(fair, 300) - 2


def share(devices: int, *, others_wait: bool = False) -> Share:
    """Return a share of eight devices."""
    return Share(devices, 8, 1, 2, 2, others_wait=others_wait)


def test_a_share_that_falls_counts_once_it_has_lasted() -> None:
    """One that falls for a moment costs nobody a device; one that rises counts at once."""
    allowance = Allowance(grows=False)
    assert allowance.look(share(8), 8, 0) == 8
    assert allowance.look(share(4), 8, 1) == 8
    assert allowance.look(share(8), 8, 2) == 8
    assert allowance.look(share(4), 8, 3) == 8
    assert allowance.look(share(4), 8, 2 + SETTLE_S) == 4
    assert allowance.look(share(6), 8, 3 + SETTLE_S) == 6


def test_machines_are_asked_for_only_while_nobody_waits_for_a_device() -> None:
    """Or what others give back would go to the one that asks for more than its share."""
    grows, stays = Allowance(grows=True), Allowance(grows=False)
    assert grows.look(share(4), 20, 0) == 20
    assert stays.look(share(4), 20, 0) == 4
    waiting = share(4, others_wait=True)
    assert grows.look(waiting, 20, 1) == 20
    assert grows.look(waiting, 20, 1 + SETTLE_S) == 4


def test_a_job_knows_who_waits_and_what_it_has_of_the_whole() -> None:
    """One that has fewer devices than its share waits for them."""
    own = Claim("a", 3, 99, holds=8)
    found = share_of(own, [Claim("b", 1, 99, holds=1)], 8)
    assert found == Share(6, 8, 3, 4, 2, others_wait=True)
    assert not share_of(own, [Claim("b", 1, 99, holds=2)], 8).others_wait


@pytest.mark.parametrize("wrong", [{"weight": 0}, {"weight": float("nan")}, {"wants": -1}])
def test_a_claim_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    """Notes come from other processes."""
    with pytest.raises(ValueError, match=r"above 0|below 0"):
        Claim(**{"job": "a", "weight": 1, "wants": 1, **wrong})  # type: ignore[arg-type]
