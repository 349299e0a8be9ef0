"""Where the devices of a run live."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, get_args

import pytest

import fleet
from fleet.driver.places import planned_sizing, processes, sizing
from fleet.errors import UsageError
from fleet.executors.choice import Choice, Mode, choose
from fleet.job.fields import Place
from fleet.job.job_file import load_job
from fleet.job.toml_text import packaged_job


@pytest.mark.parametrize("mode", get_args(Mode))
@pytest.mark.parametrize("has_cluster", [True, False])
def test_what_is_asked_for_is_taken(mode: Mode, has_cluster: bool) -> None:
    """Whether a cluster is named or not."""
    choice = choose(mode, has_cluster=has_cluster)
    assert choice == Choice(mode, "as asked")
    assert str(choice).endswith(", as asked")


def test_a_cluster_that_is_named_is_used() -> None:
    """Nothing else could use more than this machine."""
    assert str(choose("auto", has_cluster=True)) == "on Ray, as a cluster is named"


def test_without_a_cluster_the_reason_is_told() -> None:
    """Ray has nothing to add on one machine."""
    choice = choose("auto", has_cluster=False)
    assert choice.mode == "processes"
    assert str(choice) == "processes of this machine, as no Ray cluster is named"


@pytest.mark.parametrize("on", [None, *get_args(Place)])
def test_run_takes_each_place_that_a_job_takes(on: Place | None) -> None:
    """What it misses is the job."""
    with pytest.raises(UsageError, match="There is no job"):
        fleet.run(on=on)


@pytest.mark.parametrize("on", ["cloud", "", ["ray"], {"ray": 1}, 7])
def test_run_refuses_what_is_no_place_in_words(on: Any) -> None:
    """And says which there are."""
    with pytest.raises(UsageError, match="does not run on") as raised:
        fleet.run(on=on)
    assert all(place in raised.value.way_out for place in get_args(Place))


@pytest.mark.parametrize(
    ("devices", "most", "each", "cores", "wanted", "told"),
    [
        ("auto", None, 1, 3, 3, "3 devices of 1 core each, as this machine has 3 cores"),
        ("auto", 2, 1, 3, 2, "2 devices of 1 core each, as max_devices says"),
        ("auto", 64, 1, 3, 3, "3 devices of 1 core each, as this machine has 3 cores"),
        ("auto", None, 2, 5, 2, "2 devices of 2 cores each, as this machine has 5 cores"),
        ("auto", None, 2, 1, 1, "1 device of 2 cores, as this machine has 1 core"),
        (5, None, 1, 3, 5, ""),
        (5, 64, 2, 3, 5, "5 devices of 2 cores each, more than the 3 cores of this machine"),
        (1, None, 2, 1, 1, "1 device of 2 cores, more than the 1 core of this machine"),
        (2, None, 2, 4, 2, ""),
    ],
)
def test_this_machine_has_as_many_devices_as_have_their_cores_to_themselves(
    devices: object,
    most: int | None,
    each: int,
    cores: int,
    wanted: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unless the user names a number; how far a cluster is to grow starts nothing here."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    fields: dict[str, Any] = {"input": ["in"], "model": "m.om", "output": "out", "devices": devices}
    fields |= {"max_devices": most, "cores_per_device": each}
    job = load_job(packaged_job("detect.toml"), fields)
    means = processes(job)
    assert (means.devices, means.limits.most) == (wanted, wanted)
    assert means.shares_cores == (devices == "auto" and each == 1)
    assert not processes(replace(job, deadline_s=60)).shares_cores
    assert sizing(job, "processes") == told
    assert sizing(job, "ray") == ""


@pytest.mark.parametrize(("leases", "ahead"), [(0, False), (1, True), (2, True), (3, False)])
def test_a_plan_tells_where_cores_will_be_to_spare(
    leases: int, monkeypatch: pytest.MonkeyPatch, *, ahead: bool
) -> None:
    """By how many leases there are; of what the user has chosen, nothing is told."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(3)))
    fields: dict[str, Any] = {"input": ["in"], "model": "m.om", "output": "out"}
    job = load_job(packaged_job("detect.toml"), fields)
    told = planned_sizing(job, "processes", leases)
    assert told.startswith("3 devices of 1 core each, as this machine has 3 cores")
    assert ("decode ahead" in told) == ahead
    assert planned_sizing(replace(job, devices=3), "processes", leases) == ""
    assert planned_sizing(replace(job, max_devices=3), "processes", leases) == ""
    assert planned_sizing(job, "ray", leases) == ""
    assert "ahead" not in planned_sizing(replace(job, deadline_s=9), "processes", leases)
