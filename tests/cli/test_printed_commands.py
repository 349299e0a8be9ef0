"""Commands that Fleet prints work as printed, however it was started."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import fleet

PATIENCE_S = 120
ROOT = Path(fleet.__file__).parents[1]


@pytest.mark.parametrize("start", ["script", "module"])
def test_a_printed_command_works_as_printed(start: str, tmp_path: Path) -> None:
    """Of the command as it is installed, which is on no PATH, and of the module."""
    bin_folder = Path(sys.executable).parent
    by = {"script": [str(bin_folder / "fleet")], "module": [sys.executable, "-m", "fleet"]}[start]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}

    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            check=False,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )

    said = run([*by, "words", "nonsuch"]).stderr
    found = re.search(r"See all: (.*)", said)
    assert found, said
    typed = shlex.split(found[1])
    assert typed == [*by, "words"]
    assert run(typed).returncode == 0
