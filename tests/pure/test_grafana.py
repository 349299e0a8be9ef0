"""The Grafana dashboard: its form, and that it asks for nothing that is not exported."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import ray.dashboard.modules.reporter.reporter_agent as ray_reporter
import yaml

from fleet.observe.metric import FORMER, METRICS, RUN_LABELS, Kind

CLUSTER = Path(__file__).parents[2] / "cluster"
DASHBOARD = json.loads((CLUSTER / "grafana" / "fleet.json").read_text("utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
QUERIES = [v["definition"] for v in DASHBOARD["templating"]["list"] if v["type"] == "query"]
METRIC = re.compile(r"\bray_\w+")


@pytest.mark.parametrize("expression", EXPRESSIONS + QUERIES)
def test_every_expression_asks_for_what_is_exported(expression: str) -> None:
    """By Fleet, or by Ray's own agent on every node."""
    by_fleet = {name for metric in METRICS for name in metric.exported}
    by_ray = {f"ray_{name}" for name in ray_reporter.METRICS_GAUGES}
    asked = set(METRIC.findall(expression))
    assert asked
    assert asked <= by_fleet | by_ray


def test_every_metric_is_shown() -> None:
    """Nothing is counted that nobody looks at."""
    asked = {name for expression in EXPRESSIONS for name in METRIC.findall(expression)}
    hidden = {metric for metric in METRICS if not asked.intersection(metric.exported)}
    assert hidden == set(FORMER.values())


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_counters_are_added_up_only_as_rates_or_at_their_highest(expression: str) -> None:
    """Each run counts from nothing, and its series ends with its node."""
    gauges = {name for metric in METRICS if metric.kind == Kind.GAUGE for name in metric.exported}
    summed = set(re.findall(r"sum(?: by \(\w+\) )?\((ray_fleet_\w+)", expression))
    assert summed <= gauges


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_name_only_labels_that_are_there(expression: str) -> None:
    """Those of every value, and the metric's own."""
    asked = set(METRIC.findall(expression))
    for metric in METRICS:
        if asked.intersection(metric.exported):
            own = {"le"} if metric.kind == Kind.HISTOGRAM else set()
            assert set(re.findall(r"by \((\w+)\)", expression)) <= {*metric.labels, *own}
    if "ray_fleet" in expression:
        assert all(f'{label}=~"$' in expression for label in RUN_LABELS)


def test_panels_have_what_grafana_needs() -> None:
    """Numbers and titles of their own, a place in the grid of 24 that no other has, a source."""
    assert DASHBOARD["schemaVersion"] >= 39
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert all(0 <= x < 24 for x, _ in cells)
        taken |= cells
        assert panel["type"] in {"timeseries", "stat", "gauge", "heatmap"}
        assert panel["datasource"]["uid"] == "${datasource}"
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
        assert all(target["legendFormat"] for target in panel["targets"])


def test_what_is_modelled_says_so() -> None:
    """In its title, where people look."""
    for panel in PANELS:
        modelled = any("modelled" in target["expr"] for target in panel["targets"])
        assert modelled == ("MODELLED" in panel["title"])


def test_provisioning_names_the_source_and_the_folder() -> None:
    """As Grafana's own documentation has them."""
    folder = CLUSTER / "grafana" / "provisioning"
    source = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text("utf-8"))
    assert source["datasources"][0]["type"] == "prometheus"
    provider = yaml.safe_load((folder / "dashboards" / "fleet.yml").read_text("utf-8"))
    assert provider["providers"][0]["options"]["path"] == "/etc/grafana/fleet"
    assert (source["apiVersion"], provider["apiVersion"]) == (1, 1)
