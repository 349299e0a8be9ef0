"""The alerts of cluster/alerts.yml: each fires where it should, and asks for what is exported."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from shutil import copy, which
from typing import Any

import pytest
import yaml
from ray_env import CLUSTER

from fleet.core.fault import FETCH_STAGE, OUTPUT_STAGE
from fleet.core.run_events import Cause
from fleet.observe.metric import METRICS

TESTS = Path(__file__).with_name("alerts_test.yml")
RULES: list[dict[str, Any]] = yaml.safe_load((CLUSTER / "alerts.yml").read_text("utf-8"))["groups"][
    0
]["rules"]
METRIC = re.compile(r"\bray_\w+")
LABEL = re.compile(r'(\w+)=~?"([^"]+)"')

needs_promtool = pytest.mark.skipif(
    which("promtool") is None and not os.environ.get("CI"), reason="Prometheus is not installed"
)


def told(rules: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the tests of alerts against some rules."""
    (folder / "cluster").mkdir()
    (folder / "tests" / "cluster").mkdir(parents=True)
    (folder / "cluster" / "alerts.yml").write_text(rules, "utf-8")
    copy(TESTS, folder / "tests" / "cluster")
    command = ["promtool", "test", "rules", str(folder / "tests" / "cluster" / TESTS.name)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@needs_promtool
def test_each_alert_fires_where_it_should_and_nowhere_else(tmp_path: Path) -> None:
    """By Prometheus itself."""
    done = told((CLUSTER / "alerts.yml").read_text("utf-8"), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_that_says_nothing_any_more_is_noticed(
    rule: dict[str, Any], tmp_path: Path
) -> None:
    """Each is fired at least once by the tests."""
    text = (CLUSTER / "alerts.yml").read_text("utf-8")
    mute = yaml.safe_load(text)
    (same,) = [each for each in mute["groups"][0]["rules"] if each["alert"] == rule["alert"]]
    same["expr"] = f"({same['expr']}) > 1e12"
    done = told(yaml.safe_dump(mute), tmp_path)
    assert done.returncode == 1
    assert rule["alert"] in done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_alerts_ask_for_what_is_exported(rule: dict[str, Any]) -> None:
    """Metrics by their names, labels by theirs, and values that there are."""
    exported = {name: metric for metric in METRICS for name in metric.exported}
    asked = set(METRIC.findall(rule["expr"]))
    assert asked
    assert asked <= set(exported)
    values = {*map(str, Cause), FETCH_STAGE, OUTPUT_STAGE, "waiting", "running"}
    for name, text in LABEL.findall(rule["expr"]):
        assert any(name in exported[metric].labels for metric in asked)
        assert set(text.split("|")) <= values


def test_prometheus_reads_the_alerts() -> None:
    """The file beside it, by the name that it has."""
    settings = yaml.safe_load((CLUSTER / "prometheus.yml").read_text("utf-8"))
    assert settings["rule_files"] == ["alerts.yml"]
