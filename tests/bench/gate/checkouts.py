"""Another version of Fleet beside this one, as a work tree of git in build/bench."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def checked_out(root: Path, revision: str, into: Path) -> Iterator[Path]:
    """Check a revision out until the block ends; give its folder."""
    commit = said(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if not commit:
        sys.exit(f"There is no revision {revision}: OLD=REV takes what `git rev-parse` does.")
    folder = into / f"old-{commit[:10]}"
    remove(root, folder)
    subprocess.run(
        ["git", "worktree", "add", "--quiet", "--detach", folder, commit], cwd=root, check=True
    )
    try:
        yield folder
    finally:
        remove(root, folder)


def remove(root: Path, folder: Path) -> None:
    """Take a work tree away, whether it is there or was left half."""
    line = ["git", "worktree", "remove", "--force", str(folder)]
    subprocess.run(line, cwd=root, check=False, capture_output=True)
    subprocess.run(["git", "worktree", "prune"], cwd=root, check=True)


def said(root: Path, *line: str) -> str:
    """Return what git says, "" where it refuses."""
    ended = subprocess.run(["git", *line], cwd=root, capture_output=True, text=True, check=False)
    return ended.stdout.strip() if not ended.returncode else ""
