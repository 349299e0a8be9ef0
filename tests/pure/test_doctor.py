"""What `fleet doctor` makes of what it has measured: well, a note or bad, with a way out."""

from __future__ import annotations

import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.doctor import machine as machine_module
from fleet.doctor.cluster import judge_devices
from fleet.doctor.finding import Finding, State, examined, is_fit, render, well
from fleet.doctor.machine import Machine, examine_scratch, judge, judge_decoders, judge_ray
from fleet.doctor.stores import OFFSET_S, REFUSED_S, judge_clock, judge_conditions, judge_speed
from fleet.errors import StorageError, UsageError

GOOD = Machine((3, 11), 8, 32 << 30, 65536, "/tmp", 50 << 30, 8 << 30)  # noqa: S108 - a name alone


def states(machine: Machine, *, for_cluster: bool = False) -> dict[str, State]:
    """Return what is not well of a machine."""
    found = judge(machine, for_cluster=for_cluster)
    return {f.what: f.state for f in found if f.state is not State.WELL}


def test_a_good_machine_is_well() -> None:
    """In all that is asked."""
    assert states(GOOD) == {}


@pytest.mark.parametrize(
    ("change", "what", "state"),
    [
        ({"python": (3, 10)}, "Python", State.BAD),
        ({"memory_bytes": 4 << 30}, "cores, memory", State.WARNING),
        ({"open_files": 1024}, "open files", State.WARNING),
        ({"free_bytes": 1 << 20}, "scratch", State.WARNING),
        ({"shared_bytes": 64 << 20}, "shared memory", State.WARNING),
    ],
)
def test_each_thing_that_is_not_well_is_named(
    change: dict[str, Any], what: str, state: State
) -> None:
    """And nothing else."""
    assert states(replace(GOOD, **change)) == {what: state}


def test_the_way_out_of_little_memory_is_a_number_of_devices() -> None:
    """As many as fit, one at least."""
    for memory, devices in ((4_500_000_000, 4), (100_000_000, 1)):
        (found,) = [f for f in judge(replace(GOOD, memory_bytes=memory)) if f.way_out]
        assert f"--devices {devices} at most" in found.way_out


@given(st.floats(-1e6, 1e6))
def test_clocks_differ_to_both_sides_alike(offset_s: float) -> None:
    """A note from some seconds on; from a quarter of an hour on stores refuse requests."""
    found, other = judge_clock("c", "x", offset_s), judge_clock("c", "x", -offset_s)
    assert found.state == other.state
    wanted = State.WELL if abs(offset_s) <= OFFSET_S else State.WARNING
    assert found.state is (State.BAD if abs(offset_s) > REFUSED_S else wanted)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (judge_speed("x", "it", 0.1), State.WELL),
        (judge_speed("x", "it", 2.0), State.WARNING),
        (judge_conditions(conditional=True), State.WELL),
        (judge_conditions(conditional=False), State.WARNING),
        (judge_devices(3, 2), State.WELL),
        (judge_devices(1, 0), State.WARNING),
        (judge_decoders("libavcodec 62", []), State.WELL),
        (judge_decoders("libavcodec 62", ["hevc"]), State.BAD),
        (next(judge_ray("2.60.1")), State.WELL),
        (next(judge_ray("2.60.1", for_cluster=True)), State.WELL),
        (next(judge_ray("2.9.0")), State.WARNING),
        (next(judge_ray("2.9.0", for_cluster=True)), State.BAD),
        (next(judge_ray("")), State.WARNING),
        (next(judge_ray("", for_cluster=True)), State.BAD),
    ],
)
def test_what_is_found_is_judged(found: Finding, state: State) -> None:
    """What is not well says what to do."""
    assert found.state is state
    assert bool(found.way_out) == (state is not State.WELL)


@pytest.mark.parametrize("for_cluster", [False, True])
def test_what_ray_alone_lacks_is_bad_for_a_cluster_alone(
    for_cluster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs on this machine go without it, which is said."""
    wanted = State.BAD if for_cluster else State.WARNING
    little = replace(GOOD, free_bytes=1 << 20)
    assert states(little, for_cluster=for_cluster) == {"scratch": wanted}

    def refuse(_: object) -> None:
        raise UsageError("The folder has too long a name.", "Set RAY_TMPDIR.")

    monkeypatch.setattr(machine_module, "short_folder", refuse)
    (folder,) = examine_scratch(for_cluster=for_cluster)
    (ray,) = judge_ray("", for_cluster=for_cluster)
    for found in (folder, ray):
        assert found.state is wanted
        assert "go without Ray" in found.said
    assert is_fit([folder, ray]) is not for_cluster


def test_an_error_of_fleet_is_a_finding_and_others_are_not_hidden() -> None:
    """With its own way out."""

    def refused() -> list[Finding]:
        raise StorageError("s3://b does not answer.", "Check the endpoint.")

    def broken() -> list[Finding]:
        raise KeyError("x")

    (found,) = examined("output", refused)
    assert found == Finding("output", State.BAD, "s3://b does not answer.", "Check the endpoint.")
    assert not is_fit([well("a", "b"), found])
    with pytest.raises(KeyError):
        list(examined("output", broken))


@given(
    st.lists(st.sampled_from(State), min_size=1, max_size=9),
    st.text(string.printable, max_size=300),
)
def test_every_finding_is_printed_within_80_columns(states: list[State], said: str) -> None:
    """Whatever was said, of a line each at least."""
    findings = [
        Finding(f"thing {n}", state, said, "" if state is State.WELL else "Mend it.")
        for n, state in enumerate(states)
    ]
    text = render(findings)
    assert all(f"thing {n}" in text for n, _ in enumerate(states) if said.strip())
    words = [word for word in said.split() if len(word) > 60]
    assert words or max(map(len, text.splitlines())) <= 80
