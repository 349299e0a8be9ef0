"""Fleet: run a detector over an archive of videos, into one exact Parquet table.

import fleet

job = fleet.load_job("jobs/detect.toml", {"input": ["videos"], "output": "out"})
report = fleet.run(job)
people = fleet.read("out").detections
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleet.driver.api import run as run
    from fleet.frame_job import CompiledModel as CompiledModel
    from fleet.frame_job import FrameJob as FrameJob
    from fleet.job import Job as Job
    from fleet.job import load_job as load_job
    from fleet.output.read import read as read

__version__ = "0.1.0"

# Loaded when first asked for: `import fleet` in a job or a worker must not start up Ray's client.
_HOMES = {
    "CompiledModel": "fleet.frame_job",
    "FrameJob": "fleet.frame_job",
    "Job": "fleet.job",
    "load_job": "fleet.job",
    "read": "fleet.output.read",
    "run": "fleet.driver.api",
}
__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'fleet' has no attribute {name!r}")
