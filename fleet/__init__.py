"""Fleet: run a detector over an archive of videos, into one exact Parquet table.

import fleet

job = fleet.load_job("jobs/detect.toml", {"input": ["videos"], "output": "out"})
report = fleet.run(job)
people = fleet.read("out").detections
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from fleet.version import __version__ as __version__

if TYPE_CHECKING:
    from fleet.core.frames import Rows as Rows
    from fleet.driver.api import run as run
    from fleet.driver.report import RunReport as RunReport
    from fleet.job.frame_job import CompiledModel as CompiledModel
    from fleet.job.frame_job import FrameJob as FrameJob
    from fleet.job.job_file import Job as Job
    from fleet.job.job_file import load_job as load_job
    from fleet.table.state.read import read as read


# Loaded when first asked for: `import fleet` in a job or a worker must not start up Ray's client.
_HOMES = {
    "CompiledModel": "fleet.job.frame_job",
    "FrameJob": "fleet.job.frame_job",
    "Job": "fleet.job.job_file",
    "Rows": "fleet.core.frames",
    "RunReport": "fleet.driver.report",
    "load_job": "fleet.job.job_file",
    "read": "fleet.table.state.read",
    "run": "fleet.driver.api",
}
__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'fleet' has no attribute {name!r}")
