"""The package of a job for a cluster: one folder, in which the job runs as it does here."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from fleet.core.format import size
from fleet.driver.target.identity import model_fields
from fleet.driver.target.straight import is_straight
from fleet.errors import UsageError
from fleet.job.code import LOADED_PREFIX
from fleet.job.job import Job
from fleet.models.external_data import read_network
from fleet.storage import canonical
from fleet.version import PACKAGE

MOST_BYTES = 90_000_000
"""Ray's dashboard accepts 100 MiB (DASHBOARD_CLIENT_MAX_SIZE); models hardly compress."""
_NO_CODE = shutil.ignore_patterns("__pycache__", ".*")


_MODELS = "models"


@dataclass(frozen=True)
class Package:
    """A folder that is ready to be sent."""

    folder: Path
    """The folder."""
    job_file: str
    """The name of the job file in it."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files and packages in it."""
        top = sorted(path for path in self.folder.iterdir() if path.name != _MODELS)
        models = sorted(self.folder.glob(f"{_MODELS}/*/*"))
        return tuple(path.name for path in (*top, *models))


def pack(job: Job, fields: Mapping[str, Any], job_file: Path, folder: Path) -> Package:
    """Write a job file, and copy the local files that it names, into a new folder.

    `fields` are those of the job file with overrides applied, which make `job`. In the folder the
    same job is at `Package.job_file`; files with a URL stay where they are. Raises UsageError where
    a file does not exist, or all files together are too large to be sent.
    """
    folder.mkdir(parents=True)
    packed = {**fields, "job": _pack_code(job, fields["job"], folder)}
    models = {
        name: _pack_model(value, folder / _MODELS / str(number))
        for number, (name, value) in enumerate(model_fields(job.work).items())
        if "://" not in value or value.startswith("file://")
    }
    if models:
        packed["params"] = {**packed["params"], **models}
    name = plain_name(job_file.name)
    (folder / name).write_text(tomli_w.dumps(packed), "utf-8")
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if total > MOST_BYTES:
        message = f"The job's files are {size(total)}; Ray takes {size(MOST_BYTES)} with a job."
        raise UsageError(message, "Put the model into object storage and name it by its URL.")
    return Package(folder, name)


def plain_name(name: str) -> str:
    r"""Return a name that means itself in each shell, archive and command, for a file that is sent.

    Zip archives turn \ into /, Ray leaves out what its own patterns match, and a name that begins
    with - is an option.
    """
    return re.sub(r"^[-.]|[^A-Za-z0-9_.+-]", "_", name)


def pack_fleet(folder: Path) -> Path:
    """Copy this Fleet into a folder, as a package that others can import; return its path."""
    home = folder / "fleet"
    source = PACKAGE
    # Jobs that come with an installed Fleet lie inside it; the job to run is packed already.
    packaged_jobs = shutil.ignore_patterns("__pycache__", ".*", "jobs")
    shutil.copytree(source, home, ignore=packaged_jobs)
    return home


def _pack_code(job: Job, reference: str, folder: Path) -> str:
    """Copy the job's own module into the folder, and return the reference to it there."""
    module = sys.modules[type(job.work).__module__]
    name = reference.rpartition(":")[2]
    if module.__name__.startswith(LOADED_PREFIX):
        file = Path(str(module.__file__))
        sent = plain_name(file.name)
        shutil.copyfile(file, folder / sent)
        return f"{sent}:{name}"
    top = module.__name__.partition(".")[0]
    if top != "fleet":
        _pack_import(top, folder)
    return reference


def _pack_import(top: str, folder: Path) -> None:
    """Copy an imported package, unless it is installed: then nodes have it installed too."""
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        return
    origin = Path(spec.origin)
    installed = {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib", "stdlib")}
    if installed.intersection(origin.parents):
        return
    if spec.submodule_search_locations:
        shutil.copytree(origin.parent, folder / top, ignore=_NO_CODE)
    else:
        shutil.copyfile(origin, folder / origin.name)


def _pack_model(name: str, folder: Path) -> str:
    """Copy a model into the folder, and return its path relative to where the job runs."""
    path = Path(canonical(name))
    if not path.is_file():
        raise UsageError(f"There is no model {path}.", "Check the path; or name it by its URL.")
    folder.mkdir(parents=True)
    sent = folder / plain_name(path.name)
    if is_straight(name):
        # Weights that lie beside it come along inside it.
        sent.write_bytes(read_network(name))
    else:
        shutil.copyfile(path, sent)
    return f"{_MODELS}/{folder.name}/{sent.name}"
