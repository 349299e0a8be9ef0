"""Whether a job's code is in this process as its files have it, by which it is told apart."""

from __future__ import annotations

import hashlib
import inspect
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

from fleet.errors import UsageError
from fleet.job.code import LOADED_PREFIX, modules_of

_noted: dict[str, tuple[ModuleSpec | None, str]] = {}
"""Of each module that a job imports: how it was loaded when it was last looked at, and the digest
of its file then. One that is loaded anew is so by another spec."""


def check_as_loaded(job_class: type, *, runs_here: bool) -> None:
    """Raise UsageError where a job `runs_here`, and what is loaded of it is in its files no more.

    Rows would be told to be of what the files have. Each run of a process is to be told of, also
    those that load the job's code elsewhere: a change is one since the first of them.
    """
    changed = [name for name, path in _files_of(job_class).items() if _has_changed(name, path)]
    if changed and runs_here:
        raise UsageError(
            f"The job's code has changed since this process has loaded it: {', '.join(changed)}.",
            'Start Python anew, load it again by importlib.reload, or run it with on="processes".',
        )


def _files_of(job_class: type) -> dict[str, Path]:
    """Return the user's own modules that a job is in, or imports, and that Python has loaded."""
    files = dict(modules_of(job_class))
    module = inspect.getmodule(job_class)
    name = "" if module is None else module.__name__
    if name != "__main__" and not name.startswith(LOADED_PREFIX) and module and module.__file__:
        files[name] = Path(module.__file__)
    return files


def _has_changed(name: str, path: Path) -> bool:
    spec: ModuleSpec | None = getattr(sys.modules.get(name), "__spec__", None)
    now = hashlib.sha256(path.read_bytes()).hexdigest()
    before, digest = _noted.get(name, (None, now))
    if spec is None or (before is not None and before is not spec):
        digest = now
    _noted[name] = spec, digest
    return digest != now
