"""How many processes begin before a job is loaded: never more than its run will have."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from fleet.driver.places import processes
from fleet.executors.choice import choose
from fleet.executors.early import MOST_EARLY, early_devices
from fleet.job.fields import Place
from fleet.job.job import Job
from fleet.job.job_file import load_job
from fleet.job.toml_text import packaged_job

COUNTS = st.integers(1, 5)
ENDLESS = st.sampled_from(["9" * 5000, 16**5000])
ANYTHING = st.none() | st.integers() | ENDLESS | st.floats() | st.text() | st.lists(st.integers())
FIELDS = ("on", "devices", "max_devices", "cores_per_device")
CORES = len(os.sched_getaffinity(0))


@cache
def usual() -> Job:
    """Return a job that names nothing of where it runs."""
    given_ = {"input": ["v"], "output": "out", "model": "m.om"}
    return load_job(packaged_job("detect.toml"), given_)


@st.composite
def said_of_devices(draw: st.DrawFn) -> dict[str, Any]:
    """Fields of a job that say where it runs."""
    every = {
        "on": st.sampled_from(get_args(Place)),
        "devices": st.just("auto") | COUNTS,
        "max_devices": COUNTS,
        "cores_per_device": st.integers(1, 2),
    }
    return {name: draw(every[name]) for name in FIELDS if draw(st.booleans())}


@given(said_of_devices(), st.booleans())
def test_as_many_begin_as_the_run_has_up_to_a_few(said: dict[str, Any], has_cluster: bool) -> None:
    """And none where devices live elsewhere."""
    job = replace(usual(), **said)
    found = early_devices(said, CORES, has_cluster=has_cluster)
    # A command line has numbers as text.
    typed = {name: str(value) for name, value in said.items()}
    assert early_devices(typed, CORES, has_cluster=has_cluster) == found
    if choose(job.on, has_cluster=has_cluster).mode == "processes":
        assert found == min(processes(job).devices, MOST_EARLY)
    else:
        assert found == 0


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING), st.integers(1, 9))
def test_what_will_be_refused_does_no_harm(said: dict[str, object], cores: int) -> None:
    """Whatever stands there."""
    assert 0 <= early_devices(said, cores, has_cluster=False) <= MOST_EARLY


def test_a_deadline_says_how_many_devices_there_are_once_the_work_is_known() -> None:
    """It may be a single one."""
    assert early_devices({"deadline": "2h"}, 8, has_cluster=False) == 0
