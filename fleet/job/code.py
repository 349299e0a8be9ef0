"""Loading a job's class, and telling one version of its code from another."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
import json
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from fleet.errors import UsageError
from fleet.job.frame_job import FrameJob
from fleet.job.own_modules import own_modules
from fleet.job.raised import place, raise_ctrl_c

LOADED_PREFIX = "fleet_job_"
"""The names of modules loaded from a job's own file begin so: workers get them by value."""
_TEXT = "__fleet_text__"
"""The name in such a module of the text that it was loaded from, its lines ended as by `inspect`.

The file may be edited since, and what runs must be what its digest names."""


def load_job_class(reference: str, folder: Path) -> type[FrameJob[Any]]:
    """Return the class that `file.py:Class` (relative to `folder`) or `package.module:Class` names.

    Raises UsageError when there is no such file, module or class, or it is no FrameJob.
    """
    where, _, name = reference.partition(":")
    if not where or not name:
        raise UsageError(f"{reference!r} names no class: write file.py:Class or module:Class.")
    module = load_file(folder / where) if where.endswith(".py") else _import(where)
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, FrameJob)):
        candidates = [key for key, value in vars(module).items() if _is_job(value, module)]
        way_out = f"It has {', '.join(candidates)}." if candidates else "Derive it from FrameJob."
        raise UsageError(f"{where} has no job called {name}.", way_out)
    needed = ("table",) if found.columns is not FrameJob.columns else ("table", "schema")
    missing = [name for name in needed if not hasattr(found, name)]
    missing += sorted(found.__abstractmethods__)
    if missing:
        message = f"The job {name} lacks {', '.join(missing)}."
        raise UsageError(message, "A job has a table, a schema, and run(opened, batch).")
    return found


def _is_job(value: object, module: ModuleType) -> bool:
    is_class = isinstance(value, type) and issubclass(value, FrameJob)
    return is_class and getattr(value, "__module__", "") == module.__name__


def _import(where: str) -> ModuleType:
    try:
        return importlib.import_module(where)
    except (ImportError, TypeError) as error:
        raise_ctrl_c(error)
        raise UsageError(f"The module {where} cannot be imported: {error}.") from error


def load_file(path: Path) -> ModuleType:
    """Run a file of a user's and return its module; raises UsageError where it does not load."""
    path = path.resolve()
    if not path.is_file():
        raise UsageError(
            f"There is no file {path}.", "Check its name: job = in a job file, or --head."
        )
    name = LOADED_PREFIX + path.stem + hashlib.sha256(str(path).encode()).hexdigest()[:8]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name while they are made.
    sys.modules[name] = module
    try:
        text = importlib.util.decode_source(path.read_bytes())
        setattr(module, _TEXT, text if text.endswith("\n") else f"{text}\n")
        run_text(text, module)
    except Exception as error:
        del sys.modules[name]
        raise_ctrl_c(error)
        message = (
            f"The job module {path} does not load: {type(error).__name__}: {error}{place(error)}."
        )
        raise UsageError(message, _beside(path, error)) from error
    return module


def run_text(text: str, module: ModuleType) -> None:
    """Run a text as that of a module which has its file's name; raises what it raises."""
    # Futures of this module are not those of the text.
    code = compile(text, str(module.__file__), "exec", dont_inherit=True)
    exec(code, vars(module))  # noqa: S102 - the user's own job


def text_of(module: ModuleType) -> str:
    """Return the text that a module was loaded from, whatever its file has become where we read it.

    Raises OSError or TypeError where there is none.
    """
    return getattr(module, _TEXT, "") or inspect.getsource(module)


def _beside(path: Path, error: Exception) -> str:
    """Return the way out for a job that imports a file beside it; empty for any other error."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if not name or not ((path.parent / f"{name}.py").is_file() or (path.parent / name).is_dir()):
        return ""
    return (
        f"{name} lies beside it, but a job is one file, which travels alone: put what it needs "
        f"into it, or have it found everywhere, here by PYTHONPATH={path.parent}."
    )


def code_digest(job_class: type, method: str = "run") -> str:
    """Return a sha256, in hex, of the code that a job's rows depend on, to tell versions apart.

    It is of the text that the job's class is in, and of the user's own modules that it imports,
    directly or not (see `own_modules`). The text is the whole module; of a script or notebook, the
    class alone, found by its `method`. Raises UsageError where it cannot be found.
    """
    source, modules = _code(job_class, method)
    return _digest(source, {name: path.read_bytes() for name, path in modules.items()})


def modules_of(job_class: type) -> dict[str, Path]:
    """Return the user's own modules that a job's code imports: name -> file.

    Raises UsageError as `code_digest` does.
    """
    return _code(job_class, "run")[1]


def _code(job_class: type, method: str) -> tuple[str, dict[str, Path]]:
    """Return the text that a class is in, and the user's own modules that it imports."""
    module = inspect.getmodule(job_class)
    package = ""
    namespace: Mapping[str, object] = {}
    try:
        if module is None or module.__name__ == "__main__":
            source, namespace = _class_source(job_class, method), vars(module) if module else {}
        else:
            source, package = text_of(module), module.__package__ or ""
    except (OSError, TypeError):
        message = (
            f"The source of {job_class.__qualname__} cannot be found, so its version is unknown."
        )
        raise UsageError(message, "Put the class into a file of its own.") from None
    return source, own_modules(textwrap.dedent(source), package, namespace)


def _digest(source: str, modules: Mapping[str, bytes]) -> str:
    """Return the digest of a job's text and its modules: of the text alone where there are none."""
    text = source.encode()
    if modules:
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in modules.items()}
        text += json.dumps(digests, sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest()


def _class_source(job_class: type, method: str) -> str:
    """Return the text of a class; raises OSError or TypeError where it is not to be found."""
    try:
        return inspect.getsource(job_class)
    except (OSError, TypeError):
        # Of a notebook, inspect finds the cell that a function is in, but not that of a class.
        run = inspect.unwrap(getattr(job_class, method))
        cell, _ = inspect.findsource(run)
    line = run.__code__.co_firstlineno
    for node in ast.walk(ast.parse("".join(cell))):
        if isinstance(node, ast.ClassDef) and node.name == job_class.__name__:
            start = min([node.lineno, *(part.lineno for part in node.decorator_list)])
            if start <= line <= (end := node.end_lineno or 0):
                return "".join(cell[start - 1 : end])
    raise OSError(f"no class {job_class.__name__} around its {method}")
