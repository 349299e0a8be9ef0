"""Commands as they are printed, run by a shell, with the programs that they name."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

DUCKDB_VARIABLE = "FLEET_TEST_DUCKDB"
"""A folder with DuckDB's program in bin/, and its extensions for S3 as packages bring them along."""
_MODULE = "import sys, duckdb; print(duckdb.sql(sys.argv[2]))"


def run_printed(command: str, folder: Path, home: Path | None = None) -> str:
    """Run a command by bash and return what it prints.

    `duckdb` is DuckDB's module behind a line of shell, or the program that `duckdb_home` has set up.
    """
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    python = shlex.quote(sys.executable)
    duckdb = shlex.quote(str(home / "duckdb")) if home else f"{python} -c {shlex.quote(_MODULE)}"
    for name, program in (("python", python), ("duckdb", duckdb)):
        path = programs / name
        path.write_text(f'#!/bin/sh\nexec {program} "$@"\n', "utf-8")
        path.chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    if home:
        environment["HOME"] = str(home)
    done = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def duckdb_home(folder: Path) -> Path:
    """Make a home in which DuckDB's own program has its extensions for S3."""
    packages = Path(os.environ[DUCKDB_VARIABLE])
    version = next((packages / "duckdb_extension_httpfs" / "extensions").iterdir()).name
    extensions = folder / ".duckdb" / "extensions" / version / "linux_amd64"
    extensions.mkdir(parents=True)
    for name in ("httpfs", "aws"):
        file = f"{name}.duckdb_extension"
        (extensions / file).symlink_to(
            packages / f"duckdb_extension_{name}" / "extensions" / version / file
        )
    (folder / "duckdb").symlink_to(packages / "duckdb_cli" / "duckdb")
    return folder
