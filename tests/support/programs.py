"""Programs that packages of the set-up bring along, or the machine has."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest


def find_program(name: str) -> str | None:
    """Return the path of a program: beside this Python, or on the PATH."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.is_file() else shutil.which(name)


def needs(name: str) -> pytest.MarkDecorator:
    """Return the mark of tests that are skipped without a program; in CI they fail."""
    is_missing = find_program(name) is None and not os.environ.get("CI")
    return pytest.mark.skipif(is_missing, reason=f"{name} is not installed")
