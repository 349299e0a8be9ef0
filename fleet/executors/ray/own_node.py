"""The node of a Ray that a run starts for itself: what a run needs of Ray, and nothing else.

Beside its head and the node itself, Ray starts five programs in Python: a monitor that lets a
cluster grow, a server for dashboards, a reader of logs, and two agents, for metrics and for the
environments of jobs. A run of one's own asks none of them anything. They take two thirds of the
CPU that a Ray takes to start, and most of the time to end.

Ray has no public way to do without. What is private here was seen of the versions that session.py
calls known; with any other one this file is not loaded, and Ray starts with all that it has.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ray._private import node, services
from ray._private.ray_constants import PROCESS_TYPE_RAYLET

from fleet.executors.ray import unused_agent

_AGENTS = {
    "--dashboard_agent_command": (
        "metrics_agent_port",
        "metrics_export_port",
        "dashboard_agent_listen_port",
    ),
    "--runtime_env_agent_command": ("runtime_env_agent_port",),
}
"""The arguments that tell a node of its agents, and the services of each."""


class OwnNode(node.Node):
    """A head and a node, without what a run of one's own does not need."""

    def start_monitor(self) -> None:
        """Start none: no other node comes."""

    def start_api_server(self, **_: Any) -> None:
        """Start none: nobody looks at a dashboard."""
        self._webui_url = ""

    def start_log_monitor(self) -> None:
        """Start none: what devices print is not shown."""

    def start_raylet(self, *arguments: Any, **named: Any) -> None:
        """Start the node itself, with agents of which nothing is asked."""
        start_process = services.start_ray_process
        agents = {name: f"{name}={self._unused_agent(told)}" for name, told in _AGENTS.items()}

        def start(command: list[str], process_type: str, **how: Any) -> Any:
            if process_type == PROCESS_TYPE_RAYLET:
                names = (argument.partition("=")[0] for argument in command)
                command = [agents.get(n, given) for n, given in zip(names, command, strict=True)]
            return start_process(command, process_type, **how)

        with _replaced(services, "start_ray_process", start):
            super().start_raylet(*arguments, **named)

    def _unused_agent(self, told: Sequence[str]) -> str:
        """Return the command of an agent that tells of some services that they are not there."""
        program = [sys.executable, "-I", "-S", unused_agent.__file__]
        where = [str(self._session_dir), str(self._node_id)]
        return subprocess.list2cmdline([*program, *where, *told])


@contextmanager
def needed_alone() -> Iterator[None]:
    """Have the Ray that is started meanwhile consist of what a run needs."""
    with _replaced(node, "Node", OwnNode):
        yield


@contextmanager
def _replaced(owner: object, name: str, value: object) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
