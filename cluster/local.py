"""An elastic Ray cluster on this machine, to try jobs out: python cluster/local.py [-- COMMAND].

Ray's own autoscaler starts and ends nodes by the devices that jobs ask for, from none to
`--max-devices`. Nodes are simulated: each is a set of processes here, with one device (simulated
too), and all have the same address. With a COMMAND the cluster exists while the command runs, and
RAY_ADDRESS names it; without one it exists until Ctrl-C. All processes that it has started end with
it, and no others do.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from descendants import adopt_orphans, end_descendants

NOT_HERE = (
    f"{sys.executable} has no Ray: run this by the Python of Fleet's environment, as after\n"
    "    make setup && . .venv/bin/activate"
)
try:
    import yaml
except ImportError:
    sys.exit(NOT_HERE)

HEAD_NODE_ID = "f" * 51 + "00000"
"""The name of the head for Ray's simulated node provider, in 56 digits."""
STORE_BYTES = 100_000_000
"""The size of a node's object store: pixels never cross Ray."""
LONGEST_FOLDER = 22
"""Bytes in the path of the folder that holds the cluster's: sockets allow 107 in all."""


@dataclass(frozen=True)
class Local:
    """The options of the cluster."""

    max_devices: int
    """How many nodes there are at most, with one device each."""
    idle_s: float
    """How long a node without work is kept."""
    port: int
    """The port of the head."""
    dashboard_port: int
    """The port of the dashboard."""
    command: tuple[str, ...]
    """The command to run; empty for none."""

    @property
    def address(self) -> str:
        """The address for drivers."""
        return f"127.0.0.1:{self.port}"


def main() -> int:
    """Run the cluster until the command has ended, or until Ctrl-C."""
    local = read_options()
    if not beside("ray").exists():
        sys.exit(NOT_HERE)
    if local.command and shutil.which(local.command[0]) is None:
        sys.exit(f"There is no command {local.command[0]}.")
    signal.signal(signal.SIGTERM, _interrupt)
    with tempfile.TemporaryDirectory(prefix="fleet-local-", dir=short_folder()) as folder:
        token = write_token(Path(folder))
        access = access_to(local, token)
        try:
            with running(local, Path(folder), access):
                return use(local, Path(folder), access)
        except KeyboardInterrupt:
            say("Ended.")
            return 0 if not local.command else 1


def read_options() -> Local:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--max-devices", type=int, default=2)
    parser.add_argument("--idle-s", type=float, default=10, help="keep an idle node so long")
    free = "if it is free, else another"
    parser.add_argument("--port", type=int, default=0, help=f"the head's; default: 6379, {free}")
    parser.add_argument("--dashboard-port", type=int, default=0, help=f"default: 8265, {free}")
    parser.add_argument("command", nargs="*", help="what to run against it; after --")
    given = parser.parse_args()
    if given.max_devices < 1 or given.idle_s <= 0:
        parser.error("--max-devices is 1 or more, --idle-s above 0")
    for name, number in (("port", given.port), ("dashboard-port", given.dashboard_port)):
        if number and free_port(number) != number:
            parser.error(
                f"--{name} {number} is in use, or no port; without it, a free one is taken"
            )
    port = given.port or free_port(6379)
    dashboard_port = given.dashboard_port or free_port(8265)
    command = tuple(given.command)
    return Local(given.max_devices, given.idle_s, port, dashboard_port, command)


def write_token(folder: Path) -> Path:
    """Write a new token for the cluster, which only this user may read; return the file."""
    path = folder / "token"
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:  # noqa: PTH123 - a handle
        file.write(secrets.token_hex(32))
    return path


def access_to(local: Local, token: Path) -> dict[str, str]:
    """Return the environment in which a command finds the cluster, with access to it."""
    mode = os.environ.get("RAY_AUTH_MODE", "token")
    access = {"RAY_ADDRESS": local.address, "RAY_AUTH_MODE": mode}
    return access if mode != "token" else {**access, "RAY_AUTH_TOKEN_PATH": str(token)}


def use(local: Local, folder: Path, access: Mapping[str, str]) -> int:
    """Run the command and return its exit code; without one, print how to use it and wait."""
    if local.command:
        environment = {**os.environ, **access}
        return subprocess.run(local.command, env=environment, check=False).returncode  # noqa: S603
    exports = " ".join(f"{name}={value}" for name, value in access.items())
    say(f"An elastic cluster, from no node to {local.max_devices}. In another terminal:\n")
    say(f"    export {exports}")
    fleet = word_for("fleet")
    say(f"    {fleet} run jobs/detect.toml --max-devices {local.max_devices} ...")
    dashboard = f"--address http://127.0.0.1:{local.dashboard_port}"
    say(f"    {fleet} submit {dashboard} jobs/detect.toml --max-devices {local.max_devices} ...")
    say(f"    {fleet} jobs {dashboard}\n    {word_for('ray')} status\n")
    say(f"For Prometheus, its targets are in {folder}/prom_metrics_service_discovery.json")
    say("(cluster/prometheus.yml names another folder). Ctrl-C ends the cluster.")
    while True:
        signal.pause()


def beside(name: str) -> Path:
    """Return where a command of this Python's environment lies."""
    return Path(sys.executable).with_name(name)


def short_folder() -> str:
    """Return the folder for temporary files, or another: the paths of Ray's sockets are long."""
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= LONGEST_FOLDER else "/tmp"  # noqa: S108 - a place


def word_for(name: str) -> str:
    """Return how a command of this environment is typed: by its path, unless it is on PATH."""
    own, found = beside(name), shutil.which(name)
    return name if found and Path(found).resolve() == own.resolve() else str(own)


@contextmanager
def running(local: Local, folder: Path, access: Mapping[str, str]) -> Iterator[None]:
    """Start the head, whose autoscaler starts the nodes; end them all after the block."""
    adopt_orphans()
    log = folder / "head.log"
    with log.open("wb") as output:
        head = subprocess.Popen(  # noqa: S603 - our own words
            head_command(local, folder),
            env=head_environment(access),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C is to reach only this process, which then ends the others.
            start_new_session=True,
        )
        try:
            _wait_until_started(head, log)
            yield
        finally:
            end_descendants()


def head_command(local: Local, folder: Path) -> list[str]:
    """Return the command that starts the head, with its autoscaler's settings in `folder`."""
    settings = folder / "autoscaler.json"
    settings.write_text(json.dumps(autoscaler_settings(local)), "utf-8")
    return [
        str(beside("ray")),
        "start",
        "--head",
        "--block",
        "--num-cpus=0",
        "--node-ip-address=127.0.0.1",
        f"--port={local.port}",
        f"--dashboard-port={local.dashboard_port}",
        # Jobs are submitted through it, and nobody types it: any but the usual one, 52365, which
        # another Ray on this machine may take before this one does.
        f"--dashboard-agent-listen-port={free_port()}",
        f"--temp-dir={folder}",
        f"--object-store-memory={STORE_BYTES}",
        f"--autoscaling-config={settings}",
    ]


def head_environment(access: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the head, which its nodes inherit."""
    environment = {**os.environ, **cluster_settings(), **access}
    # `ray start --head` would take the variable for a cluster to join.
    del environment["RAY_ADDRESS"]
    return {
        **environment,
        "RAY_FAKE_CLUSTER": "1",
        "RAY_enable_autoscaler_v2": "1",
        "RAY_CLOUD_INSTANCE_ID": HEAD_NODE_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_NODE_ID,
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        # A node that is ended on purpose has nothing to hand over.
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
    }


def cluster_settings() -> dict[str, str]:
    """Return the settings of ray.env, which every cluster of Fleet has."""
    lines = Path(__file__).with_name("ray.env").read_text("utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    return dict(pairs)


def autoscaler_settings(local: Local) -> dict[str, Any]:
    """Return the settings of Ray's autoscaler: those of local.yaml, with the options applied."""
    text = Path(__file__).with_name("local.yaml").read_text("utf-8")
    settings: dict[str, Any] = yaml.safe_load(text)
    settings["provider"].update(gcs_address=local.address, head_node_id=HEAD_NODE_ID)
    settings["available_node_types"]["device"]["max_workers"] = local.max_devices
    return {
        **settings,
        "max_workers": local.max_devices,
        "idle_timeout_minutes": local.idle_s / 60,
    }


def free_port(usual: int = 0) -> int:
    """Return the usual port if there is one and it is free now, else another free one."""
    for port in (usual, 0):
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("", port))
            except (OSError, OverflowError):
                continue
            return int(one.getsockname()[1])
    raise OSError("no port is free on this machine")


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)  # noqa: T201 - what it prints is what it is for


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt


def _wait_until_started(head: subprocess.Popen[bytes], log: Path) -> None:
    while "Ray runtime started" not in (text := log.read_text("utf-8", errors="replace")):
        if head.poll() is not None:
            sys.exit(f"Ray's head did not start:\n{text}")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
