"""A run on paper that plans while it runs: every video once, and it begins soon, however many."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.plan.index_leases import MOST_WORKERS
from fleet.scheduler.lease_state import SchedulingPolicy
from fleet.simulate.conditions import Conditions
from fleet.simulate.planning import GOPS_A_VIDEO, Fleets, PlanningPace, made_up_archive
from fleet.simulate.streamed import StreamedSimulation, stream
from fleet.views.simulation import render

STORM = Conditions(slow_share=0.01, slow_factor=5.0, failures_a_minute=0.001)


def simulated(
    videos: int, devices: int, nodes: int, weather: Conditions = STORM, seed: int = 0
) -> StreamedSimulation:
    """Make up videos of 5 s of a device, and run to the end."""
    archive = made_up_archive(videos, 5.0, seed)
    pace, policy = PlanningPace(nodes), SchedulingPolicy()
    simulation = StreamedSimulation(archive, Fleets(devices, [], pace, weather, seed, policy))
    simulation.run()
    return simulation


@settings(max_examples=25, deadline=None)
@given(
    videos=st.integers(1, 4000),
    devices=st.integers(1, 12),
    nodes=st.integers(0, MOST_WORKERS),
    failures=st.floats(0, 0.6),
    seed=st.integers(0, 1000),
)
def test_every_video_is_done_once_or_given_up(
    videos: int, devices: int, nodes: int, failures: float, seed: int
) -> None:
    """Whatever devices and nodes fail, and whoever looks at headers."""
    weather = Conditions(0.1, 7.0, failures, replace_s=5.0)
    simulation = simulated(videos, devices, nodes, weather, seed)
    assert simulation.gops_done + simulation.gops_given_up == videos * GOPS_A_VIDEO
    assert simulation.planned.here <= videos
    assert nodes or simulation.planned.here == videos


@pytest.mark.parametrize("videos", [20, 1000, 20_000])
def test_the_first_lease_is_handed_out_as_soon_however_many_videos_there_are(videos: int) -> None:
    """After a few headers, which the driver looks at: nodes are no quicker there."""
    planned = simulated(videos, 100, 8).planned
    assert planned.first_s == simulated(20, 100, 0).planned.first_s < 5
    assert planned.first_s <= planned.whole_s


def test_nodes_look_at_most_of_a_large_archive() -> None:
    """In few index leases; a plan that they help with is whole before that of the driver alone."""
    helped, alone = simulated(8000, 400, 8).planned, simulated(8000, 400, 0).planned
    assert helped.here < 2000
    assert helped.index_leases < 150
    assert helped.whole_s < alone.whole_s
    assert alone.index_leases == 0


@pytest.mark.parametrize(
    ("videos", "nodes", "said"),
    [
        (20_000, 20, "by 8 of 20 nodes, more are not asked"),
        (2000, 8, "by 7 of 8 nodes, more are not asked"),
        (20_000, 5, "by 5 nodes"),
        (20_000, 0, "none by nodes"),
        (200, 20, "none by nodes"),
    ],
)
def test_only_nodes_that_did_something_are_said_to_have_done_it(
    videos: int, nodes: int, said: str
) -> None:
    """No more are asked than a real run asks, however many there are."""
    fleets = Fleets(400, [], PlanningPace(nodes), Conditions(), 0, SchedulingPolicy())
    table, planned = stream(made_up_archive(videos, 5.0, 0), fleets)
    text = " ".join(render(table, Conditions(), "what", "basis", 0, None, planned).split())
    (headers,) = [part for part in text.split("headers ") if "looked at by the driver" in part]
    headers = headers.split(" modelled ")[0]
    assert headers.endswith(said)
    assert ("index lease" in headers) == ("by nodes" not in headers)
    assert planned.workers <= min(nodes, MOST_WORKERS)


def test_what_is_printed_says_how_the_plan_was_made() -> None:
    """And fits a terminal."""
    fleets = Fleets(20, [10], PlanningPace(8), STORM, 0, SchedulingPolicy())
    table, planned = stream(made_up_archive(3000, 5.0, 0), fleets)
    assert [run.devices for run in table.others] == [10]
    text = render(table, STORM, "20 devices, 3,000 videos", "made up", 0, None, planned)
    assert max(map(len, text.splitlines())) <= 80
    assert "index leases" in text
    assert "after the videos are listed" in text
    said = "8 headers at a time on each node, 7.5 ms each; 1.2 ms a video to plan"
    assert f"modelled {said}" in " ".join(text.split())
