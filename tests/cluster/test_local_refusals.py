"""What cluster/local.py says where it cannot begin: a sentence, and the way out."""

from __future__ import annotations

import runpy
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fleet.executors.ray.whereabouts import _LONGEST_PATH, _SOCKET

LOCAL = Path(__file__).parents[2] / "cluster" / "local.py"


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the file defines, which is started from its own folder."""
    monkeypatch.syspath_prepend(LOCAL.parent)
    return runpy.run_path(str(LOCAL))


def said(*words: object, python: tuple[str, ...] = (sys.executable,)) -> str:
    """Return what is printed by one that ends at once."""
    command = [*python, str(LOCAL), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


def test_a_python_without_ray_is_told_which_one_it_takes() -> None:
    """As python3 of the system, where the environment is not active."""
    assert ". .venv/bin/activate" in said(python=(sys.executable, "-S"))


def test_a_command_that_is_not_there_is_said_before_anything_starts() -> None:
    """By its name."""
    assert said("--", "no-such-command") == "There is no command no-such-command.\n"


@pytest.mark.parametrize("option", ["--port", "--dashboard-port"])
def test_a_port_in_use_is_said(option: str) -> None:
    """As is a number that is none of a port."""
    with socket.create_server(("", 0)) as taken:
        number = taken.getsockname()[1]
        assert f"{option} {number} is in use" in said(option, number)
    assert f"{option} 99999 is in use, or no port" in said(option, 99999)


def test_what_is_printed_can_be_typed_where_the_environment_is_not_active(
    local: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command of another environment, or none, may be what the bare word means."""
    word_for = local["word_for"]
    beside = Path(sys.executable).with_name("ray")
    monkeypatch.setenv("PATH", "/nowhere")
    assert word_for("ray") == str(beside)
    monkeypatch.setenv("PATH", str(beside.parent))
    assert word_for("ray") == "ray"


def test_a_long_name_of_the_folder_for_temporary_files_is_not_used(
    local: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The longest path of a socket that Ray makes there fits into what the system allows."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("y" * 90)))
    assert local["short_folder"]() == "/tmp"  # noqa: S108 - what it takes then
    folder = "/" + "x" * (local["LONGEST_FOLDER"] - 1)
    monkeypatch.setattr("tempfile.tempdir", folder)
    assert local["short_folder"]() == folder
    assert len(f"{folder}/fleet-local-12345678{_SOCKET}") <= _LONGEST_PATH
