"""The names of metrics: listed, told apart, and as Prometheus has them."""

from __future__ import annotations

import pytest

from fleet.observe import metric as known
from fleet.observe.metric import METRICS, Metric


def test_all_metrics_are_listed_and_named_apart() -> None:
    """What stands in the module is exported, with a sentence that says what it is."""
    there = [value for value in vars(known).values() if isinstance(value, Metric)]
    assert list(METRICS) == [*there, *known.FORMER.values()]
    exported = [name for metric in METRICS for name in metric.exported]
    assert len(set(exported)) == len(exported)
    assert all(metric.text.endswith(".") for metric in METRICS)


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        (known.FRAMES, ("ray_fleet_frames_total",)),
        (known.LEASES, ("ray_fleet_leases",)),
        (
            known.LEASE_TIME,
            (
                "ray_fleet_lease_seconds_bucket",
                "ray_fleet_lease_seconds_count",
                "ray_fleet_lease_seconds_sum",
            ),
        ),
    ],
)
def test_prometheus_names_follow_from_the_kind(metric: Metric, names: tuple[str, ...]) -> None:
    """As Ray's exporter makes them."""
    assert metric.exported == names
