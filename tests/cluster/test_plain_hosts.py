"""hosts.yaml and the units of systemd: what they start, and how it ends."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml
from lasting import ADDRESS, BUILT_IN, STORE, STORE_FOLDER, WAIT, waiting_s
from ray_env import CLUSTER, ray_settings

ROOT = CLUSTER.parent


GRACE = "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"


def manifest(name: str) -> dict[str, Any]:
    """Read a manifest."""
    read: dict[str, Any] = yaml.safe_load((CLUSTER / name).read_text("utf-8"))
    return read


def test_the_autoscaler_brings_up_plain_hosts_for_npus() -> None:
    """Ray's own reader takes hosts.yaml, and keeps what a host has."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(manifest("hosts.yaml"))
    validate_config(config)
    host = config["available_node_types"][config["head_node_type"]]
    assert host["resources"]["NPU"] > 0
    assert host["min_workers"] == 0
    assert host["max_workers"] == len(config["provider"]["worker_ips"]) == config["max_workers"]


@pytest.mark.parametrize("role", ["head", "worker"])
def test_hosts_start_ray_so_that_sigterm_drains_them(role: str) -> None:
    """The commands are well-formed; what the autoscaler believes of a host is what it declares."""
    config = manifest("hosts.yaml")
    script = "\n".join(config[f"{role}_start_ray_commands"])
    checked = subprocess.run(["bash", "-n"], input=script, text=True, check=False)
    assert checked.returncode == 0
    assert "ray stop" not in script
    unit = (CLUSTER / "systemd" / f"fleet-ray-{role}.service").read_text("utf-8")
    settings = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line)
    command = shlex.split(settings["ExecStart"])
    assert {"start", "--block"} <= {*command}
    assert int(settings["TimeoutStopSec"]) > int(ray_settings()[GRACE])
    assert settings["KillMode"] == "mixed"
    assert f"systemctl --user enable fleet-ray-{role}" in script.splitlines()
    (resources,) = [word for word in command if word.startswith("--resources=")]
    host = config["available_node_types"]["local.cluster.node"]["resources"]
    if role == "head":
        assert resources == '--resources={"NPU":0}'
    else:
        assert resources == '--resources={"NPU":${NPUS},"driver":${DRIVERS}}'
        assert f"NPUS={host['NPU']}" in shlex.split(script)


@pytest.mark.parametrize("role", ["head", "worker"])
def test_what_a_host_is_gets_to_its_unit(role: str, tmp_path: Path) -> None:
    """The commands are run: each variable that the unit reads is in the file that it reads."""
    script = "\n".join(manifest("hosts.yaml")[f"{role}_start_ray_commands"])
    (tmp_path / "fleet").mkdir()
    known = {"RAY_HEAD_IP": "192.0.2.10", "RAY_CLOUD_INSTANCE_ID": "i-1", "RAY_NODE_TYPE_NAME": "n"}
    environment = {**os.environ, "HOME": str(tmp_path), **known}
    command = ["bash", "-euc", f"systemctl() {{ :; }}\n{script}"]
    subprocess.run(command, env=environment, check=True)
    lines = (tmp_path / "fleet" / "node.env").read_text("utf-8").splitlines()
    written = dict(line.split("=", 1) for line in lines)
    assert written["RAY_CLOUD_INSTANCE_ID"] == "i-1"
    assert written["RAY_NODE_TYPE_NAME"] == "n"
    unit = (CLUSTER / "systemd" / f"fleet-ray-{role}.service").read_text("utf-8")
    read = set(re.findall(r"\$\{?([A-Z]\w+)", unit))
    by_hand = {"head": "MORE", "worker": "DRIVERS"}[role]
    assert by_hand in read
    assert read - {by_hand} <= set(written)
    if role == "head":
        assert written["AUTOSCALING"].endswith(f"{tmp_path}/ray_bootstrap_config.yaml")


@pytest.mark.skipif(
    which("systemd-analyze") is None and not os.environ.get("CI"), reason="systemd is not installed"
)
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """By its own check, but for the program, which is on hosts alone."""
    units = sorted((CLUSTER / "systemd").glob("*.service"))
    assert len(units) == 2
    command = ["systemd-analyze", "verify", "--user", "--man=no", *map(str, units)]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert said == []


def test_what_hosts_are_given_is_there() -> None:
    """Files of this checkout; dist/ is made by the command that the file names."""
    sources = manifest("hosts.yaml")["file_mounts"].values()
    ours = [source for source in sources if not source.startswith("~") and source != "dist"]
    assert ours
    assert all((ROOT / source).exists() for source in ours)


def test_the_token_is_for_its_owner_alone_on_hosts() -> None:
    """Rsync keeps the rights that a file has, whatever these are."""
    config = manifest("hosts.yaml")
    assert "~/.ray/auth_token" in config["file_mounts"]
    assert "chmod 600 ~/.ray/auth_token" in config["setup_commands"]


def test_the_page_has_the_lines_by_which_a_head_is_proved_to_be_outlived() -> None:
    """Those of its memory, in a Redis or on its disk, and how long nodes wait for it."""
    page = (CLUSTER / "README.md").read_text("utf-8")
    lines = (f"{ADDRESS}=", f"{STORE}={BUILT_IN}`", f"{STORE_FOLDER}=/", f"{WAIT}={waiting_s()}`")
    assert [line for line in lines if f"`{line}" not in page] == []
