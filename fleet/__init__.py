"""Fleet: run a detector over an archive of videos, into one exact Parquet table.

import fleet

job = fleet.load_job("jobs/detect.toml", {"input": ["videos"], "output": "out"})
report = fleet.run(job)
people = fleet.read("out").detections

What is not in `__all__` is internal, and may change without notice.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from fleet.version import __version__

if TYPE_CHECKING:
    from fleet import errors
    from fleet.core.frames import (
        ChannelOrder,
        Detections,
        FrameBatch,
        Picture,
        Rows,
        declared,
        download,
    )
    from fleet.core.geometry import Fit, Size
    from fleet.device import Device
    from fleet.driver.api import run
    from fleet.driver.report import RunReport
    from fleet.job.frame_job import CompiledModel, FrameJob
    from fleet.job.job import Job
    from fleet.job.job_file import load_job
    from fleet.models.classes import Classes
    from fleet.models.heads.head import Candidates, Head
    from fleet.models.heads.own import head
    from fleet.models.inner_detections import InnerDetections
    from fleet.models.network import Network
    from fleet.table.parts.objects import object_column
    from fleet.table.parts.schema import CLASSES, DETECTIONS, INNER_DETECTIONS
    from fleet.table.state.read import read
    from fleet.video.sampling import Sampling

__all__ = [
    "CLASSES",
    "DETECTIONS",
    "INNER_DETECTIONS",
    "Candidates",
    "ChannelOrder",
    "Classes",
    "CompiledModel",
    "Detections",
    "Device",
    "Fit",
    "FrameBatch",
    "FrameJob",
    "Head",
    "InnerDetections",
    "Job",
    "Network",
    "Picture",
    "Rows",
    "RunReport",
    "Sampling",
    "Size",
    "__version__",
    "declared",
    "download",
    "errors",
    "head",
    "load_job",
    "object_column",
    "read",
    "run",
]

# Loaded when first asked for: `import fleet` in a job or a worker must not start up Ray's client.
_HOMES = {
    "CLASSES": "fleet.table.parts.schema",
    "DETECTIONS": "fleet.table.parts.schema",
    "INNER_DETECTIONS": "fleet.table.parts.schema",
    "Candidates": "fleet.models.heads.head",
    "ChannelOrder": "fleet.core.frames",
    "Classes": "fleet.models.classes",
    "CompiledModel": "fleet.job.frame_job",
    "Detections": "fleet.core.frames",
    "Device": "fleet.device",
    "Fit": "fleet.core.geometry",
    "FrameBatch": "fleet.core.frames",
    "FrameJob": "fleet.job.frame_job",
    "Head": "fleet.models.heads.head",
    "InnerDetections": "fleet.models.inner_detections",
    "Job": "fleet.job.job",
    "Network": "fleet.models.network",
    "Picture": "fleet.core.frames",
    "Rows": "fleet.core.frames",
    "RunReport": "fleet.driver.report",
    "Sampling": "fleet.video.sampling",
    "Size": "fleet.core.geometry",
    "declared": "fleet.core.frames",
    "download": "fleet.core.frames",
    "head": "fleet.models.heads.own",
    "load_job": "fleet.job.job_file",
    "object_column": "fleet.table.parts.objects",
    "read": "fleet.table.state.read",
    "run": "fleet.driver.api",
}


def __getattr__(name: str) -> object:
    if name == "errors":
        return import_module("fleet.errors")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'fleet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
