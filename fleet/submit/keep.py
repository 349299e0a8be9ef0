"""`python -m fleet.submit.keep DIGEST JOB.toml [OPTION...]`: keep what was sent, and supervise it.

Ray unpacks what is sent with a job into folders that it owns. It may replace or remove them at any
time: when a node that shares its session's folder joins, or when nothing else uses them. A driver
that is started again later would find nothing there, so it runs in a copy that stays until the job
has ended.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import JobFailedError

UNPACKED_PREFIX = "_ray_pkg_"
"""The names of the folders into which Ray unpacks begin so (RAY_PKG_PREFIX)."""
COMPLETE_S = 60.0
"""Ray has so long to unpack a folder again that it has just removed."""
_WAIT_S = 0.2
_COMPILED = "__pycache__"


@dataclass(frozen=True)
class Kept:
    """A copy of what was sent."""

    folder: Path
    """The copy, which is to be removed once the job has ended."""
    job: Path
    """The folder in it that the job runs in."""
    python_path: str
    """PYTHONPATH, with copies in place of the folders that Ray may remove."""


def digest(folders: Iterable[Path]) -> str:
    """Return a sha256, in hex, of the names and bytes of all files in some folders.

    Compiled code does not count, nor do the places and the order of the folders.
    """
    return hashlib.sha256("".join(sorted(map(_digest, folders))).encode()).hexdigest()


def _digest(folder: Path) -> str:
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    found = hashlib.sha256()
    for name in sorted(files):
        if files[name].is_file() and _COMPILED not in Path(name).parts:
            content = hashlib.sha256(files[name].read_bytes()).hexdigest()
            found.update(f"{len(os.fsencode(name))} ".encode() + os.fsencode(name))
            found.update(content.encode())
    return found.hexdigest()


def keep(
    sent: str, job_file: str, environment: Mapping[str, str], complete_s: float = COMPLETE_S
) -> Kept | None:
    """Copy the folders of PYTHONPATH that Ray has unpacked; the job's has `job_file` in it.

    `sent`: the digest of all of them, by which a copy is known to be complete. Returns None where
    there are none: nobody removes what runs there. Raises JobFailedError where they are not
    complete within `complete_s`.
    """
    places = environment.get("PYTHONPATH", "").split(os.pathsep)
    unpacked = list(dict.fromkeys(Path(place) for place in places if _is_unpacked(place)))
    if not unpacked:
        return None
    # Beside the folders that Ray unpacks into, in its session: who clears that away clears all.
    folder = Path(tempfile.mkdtemp(prefix="fleet-job-", dir=unpacked[0].parents[1]))
    copies = {place: folder / str(number) for number, place in enumerate(unpacked)}
    until_s = time.monotonic() + complete_s
    while not _copy(copies, sent):
        if time.monotonic() > until_s:
            shutil.rmtree(folder)
            listed = ", ".join(map(str, unpacked))
            message = f"What was sent with the job is not complete on this node: {listed}."
            raise JobFailedError(message, "Submit the job again; it goes on where it was.")
        time.sleep(_WAIT_S)
    path = os.pathsep.join(str(copies.get(Path(place), place)) for place in places)
    (job,) = (copy for copy in copies.values() if (copy / job_file).is_file())
    return Kept(folder, job, path)


def _is_unpacked(place: str) -> bool:
    return Path(place).is_absolute() and Path(place).name.startswith(UNPACKED_PREFIX)


def _copy(copies: Mapping[Path, Path], sent: str) -> bool:
    """Copy folders, and return whether the copies are what was sent."""
    try:
        for source, copy in copies.items():
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns(_COMPILED))
    except (FileNotFoundError, shutil.Error):  # Ray replaces them just now
        return False
    return digest(copies.values()) == sent


def main(arguments: Sequence[str]) -> None:
    """Become the supervisor of a job, with its options, in a copy of what was sent with it."""
    sent, job_file, *options = arguments
    command = [sys.executable, "-m", "fleet.submit.supervise", *options, job_file]
    try:
        kept = keep(sent, job_file, os.environ)
    except JobFailedError as error:
        sys.exit(f"fleet: the job failed: {error}")
    environment = dict(os.environ)
    if kept is not None:
        command.append(str(kept.folder))
        environment |= {"PYTHONPATH": kept.python_path, "PWD": str(kept.job)}
        os.chdir(kept.job)
    # In place of this process, so that signals and the exit code are the supervisor's.
    os.execve(sys.executable, command, environment)  # noqa: S606 - our own words


if __name__ == "__main__":
    main(sys.argv[1:])
