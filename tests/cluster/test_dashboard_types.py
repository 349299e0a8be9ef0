"""The Grafana dashboard, read by Grafana's own types."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from grafana_types import misfits
from ray_env import CLUSTER

Tree = dict[str, Any]
DASHBOARD: Tree = json.loads((CLUSTER / "grafana" / "fleet.json").read_text("utf-8"))
# Grafana's editor keeps it beside a variable's query; its types leave it out.
BESIDE = "definition"


def known(dashboard: Tree) -> Tree:
    """Return a copy of a dashboard without what Grafana's types leave out."""
    copied = deepcopy(dashboard)
    for variable in copied["templating"]["list"]:
        variable.pop(BESIDE, None)
    return copied


def test_grafana_knows_every_field_and_takes_every_value() -> None:
    """Of the dashboard, its variables, panels, their options and queries."""
    assert misfits(known(DASHBOARD)) == []


def panel(kind: str, *path: str, **fields: object) -> Tree:
    """Return the dashboard with fields changed in a panel of a kind."""
    changed = known(DASHBOARD)
    owner = next(each for each in changed["panels"] if each["type"] == kind)
    for step in path:
        owner = owner[step]
    owner |= fields
    return changed


WRONG = [
    (panel("stat", description=["a", "b"]), "$.panels"),
    (panel("stat", options={"reduceOption": {}}), "reduceOption is not known"),
    (panel("stat", "options", colorMode="rainbow"), "'rainbow'"),
    (panel("gauge", "options", orientation="up"), "'up'"),
    (panel("timeseries", "options", legends={}), "legends is not known"),
    (panel("timeseries", "fieldConfig", "defaults", unit=7), "7"),
    (panel("timeseries", "fieldConfig", "defaults", "custom", stacks={}), "stacks is not known"),
    (panel("heatmap", "gridPos", w="12"), "'12'"),
    ({**known(DASHBOARD), "refreshes": "10s"}, "refreshes is not known"),
    ({**known(DASHBOARD), "editable": "yes"}, "'yes'"),
]


@pytest.mark.parametrize(("wrong", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_grafana_does_not_know_is_seen(wrong: Tree, said: str) -> None:
    """Names and values, at the dashboard and in panels."""
    assert any(said in each for each in misfits(wrong))


def test_every_misspelt_field_of_a_query_is_seen() -> None:
    """Of each target of each panel."""
    for number, each in enumerate(DASHBOARD["panels"]):
        for name in each["targets"][0].keys() - {"datasource", "refId"}:
            changed = known(DASHBOARD)
            target = changed["panels"][number]["targets"][0]
            target[f"{name}s"] = target.pop(name)
            assert any(f"{name}s is not known" in said for said in misfits(changed))
