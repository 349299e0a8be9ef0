"""A cluster that wants a token: a run without it, or with another one, is told so at once."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from generate import Clip, write
from ray_head import Head, ray_head

JOBS = Path(__file__).parents[2] / "jobs"


@pytest.fixture(scope="module")
def guarded() -> Iterator[Head]:
    """A head with a device and a token."""
    with ray_head(1, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "ab" * 32}) as running:
        yield running


def run(head: Head, folder: Path, **token: str) -> subprocess.CompletedProcess[str]:
    """Run a job on the cluster, with some of the variables of its token; none lies in the home."""
    write(Clip(frames=12), folder / "clip.mp4")
    command = [sys.executable, "-m", "fleet.cli", "run", str(JOBS / "thumbnails.toml")]
    command += ["--input", str(folder / "clip.mp4"), "--output", str(folder / "out")]
    without = {key: value for key, value in os.environ.items() if not key.startswith("RAY_AUTH")}
    environment = {**without, "RAY_ADDRESS": head.address, "HOME": str(folder), **token}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize(
    "token",
    [
        {},
        {"RAY_AUTH_MODE": "disabled"},
        {"RAY_AUTH_MODE": "token"},
        {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "cd" * 32},
    ],
    ids=["nothing", "disabled", "missing", "another"],
)
def test_a_run_without_the_token_says_so(
    guarded: Head, tmp_path: Path, token: dict[str, str]
) -> None:
    """A paragraph of ours with the page to read, and no line of Ray's, which would be said for 20 s."""
    done = run(guarded, tmp_path, **token)
    assert done.returncode == 2, done.stderr
    line, page = done.stderr.splitlines()
    assert line.startswith("fleet: error: The cluster at 127.0.0.1")
    assert "RAY_AUTH_TOKEN" in line
    assert page == "See cluster/README.md, 'Submitting a job'."


def test_a_run_with_the_token_runs(guarded: Head, tmp_path: Path) -> None:
    """The same command."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "ab" * 32}
    done = run(guarded, tmp_path, **token)
    assert done.returncode == 0, done.stderr


def test_a_cluster_with_a_token_lets_nobody_else_in(tmp_path: Path) -> None:
    """Without the token, or with another one: what to set, exit code 2; with it, it works."""
    token = tmp_path / "token"
    token.write_text(uuid.uuid4().hex)
    other = tmp_path / "other"
    other.write_text(uuid.uuid4().hex)
    with ray_head(1, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}) as head:
        listed = head.fleet("stop")
        assert listed.returncode == 0, listed.stderr
        for environment in ({"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_TOKEN_PATH": str(other)}):
            stranger = Head(
                head.url, head.address, head.process, {**head.environment, **environment}
            )
            refused = stranger.fleet("stop")
            assert refused.returncode == 2, refused.stderr
            assert "without its token" in refused.stderr
            assert "RAY_AUTH_TOKEN_PATH" in refused.stderr
            assert "Traceback" not in refused.stderr
