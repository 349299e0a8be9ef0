"""Everything that a shell runs here, read by shellcheck: scripts, and lines in manifests and pages."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from programs import find_program, needs
from ray_env import CLUSTER

ROOT = CLUSTER.parent
FIRST = ("#!/usr/bin/env bash", "#!/bin/bash", "#!/bin/sh")

needs_shellcheck = needs("shellcheck")


def scripts() -> Iterator[Path]:
    """Yield every file of the checkout that begins as a script of a shell."""
    kept = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    names = kept.split("\0") if kept else ["cluster/slurm.sh", ".ci/run"]
    for name in filter(None, names):
        path = ROOT / name
        if path.is_file() and path.read_bytes()[:19].decode("latin-1").startswith(FIRST):
            yield path


def remarks(text: str, folder: Path, shell: str = "bash") -> str:
    """Return what shellcheck says of a script; sourced files lie in the folder."""
    program = find_program("shellcheck")
    assert program
    command = [program, f"--shell={shell}", "--external-sources", f"--source-path={folder}", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False).stdout


@needs_shellcheck
def test_scripts_are_clean() -> None:
    """Slurm's among them, with the settings that it sources."""
    found = list(scripts())
    assert CLUSTER / "slurm.sh" in found
    assert {str(path): remarks(path.read_text("utf-8"), path.parent) for path in found} == {
        str(path): "" for path in found
    }


@needs_shellcheck
def test_what_hosts_run_is_clean() -> None:
    """The lines of hosts.yaml, which a login shell of bash runs one by one."""
    config = yaml.safe_load((CLUSTER / "hosts.yaml").read_text("utf-8"))
    lists = [lines for name, lines in config.items() if name.endswith("_commands")]
    lines = [line for each in lists for line in each]
    assert len(lines) > 10
    assert [said for line in lines if (said := remarks(line, CLUSTER))] == []


@needs_shellcheck
@pytest.mark.parametrize(
    ("bad", "code"),
    [("rm -rf $1/", "SC2086"), ("cd /x\nls", "SC2164"), ("for f in $(ls); do :; done", "SC2045")],
)
def test_what_shellcheck_knows_is_seen(bad: str, code: str) -> None:
    """It is asked, and answers."""
    assert code in remarks(f"{bad}\n", ROOT)
