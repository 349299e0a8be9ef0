"""The edge to a job's own code: whatever it raises comes out as one error of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fleet.core.frames import Detections, FrameBatch, Rows
from fleet.device import Device
from fleet.errors import FleetError, JobCodeError
from fleet.job.frame_job import FrameJob

T = TypeVar("T")


def open_job(work: FrameJob, device: Device) -> Any:
    """Let the job make what it keeps on the device; raises JobCodeError for errors of its own."""
    return _called(work.open, device)


def run_job(work: FrameJob, opened: Any, batch: FrameBatch) -> Rows:
    """Let the job look at a batch.

    Raises JobCodeError for errors of its own; what a device or Fleet refuses stays as it is.
    """
    found = _called(work.run, opened, batch)
    return found.rows() if isinstance(found, Detections) else found


def _called(call: Callable[..., T], *arguments: Any) -> T:
    try:
        return call(*arguments)
    except FleetError:
        raise
    except Exception as error:
        message = f"The job's {call.__name__} raised {type(error).__name__}: {error}"
        raise JobCodeError(message) from error
