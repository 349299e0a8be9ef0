"""The device that a job gets, and calls of its own code: what it raises becomes JobCodeError."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from fleet.backend.backend import Backend
from fleet.backend.kinds import Opening, open_device
from fleet.core.frames import Detections, FrameBatch, Rows
from fleet.device import Device
from fleet.errors import FleetError, JobCodeError, UsageError
from fleet.job.frame_job import FrameJob
from fleet.job.raised import place, trace
from fleet.models.heads import Head
from fleet.models.providers import Provider
from fleet.storage import read_file

T = TypeVar("T")


def job_device(
    chip: str,
    files: Mapping[str, bytes],
    without: Collection[str],
    ordinal: int = 0,
    providers: Sequence[Provider] = (),
    heads: Mapping[str, Head] | None = None,
) -> Backend:
    """Open the device that a job works on; `files`, `providers`, `heads`: see `WorkerSpec`.

    `without`: columns that the output was begun without, see `output_schemas`. An earlier version
    began such an output, and it goes on as that made it: its JPEGE always took the full range.
    """

    def read(name: str) -> bytes:
        carried = files.get(name)
        return read_file(name) if carried is None else carried

    begun_by_earlier_version = bool(without)
    return open_device(
        Opening(chip, ordinal, read, begun_by_earlier_version, providers, heads or {})
    )


def open_job(work: FrameJob[Any], device: Device) -> Any:
    """Return what the job keeps on the device; raises JobCodeError for errors of its code."""
    return _called(work.open, device)


def run_job(work: FrameJob[Any], opened: Any, batch: FrameBatch) -> Rows:
    """Return the rows of a batch, as the job's run returns them.

    Raises JobCodeError for errors of the job's code, UsageError where it returns something else;
    what a device or Fleet refuses is raised as it is.
    """
    found: object = _called(work.run, opened, batch)
    if isinstance(found, Detections):
        return found.rows()
    if not isinstance(found, Rows):
        message = f"The job's run returned {'None' if found is None else type(found).__name__}."
        raise UsageError(message, "Let it return Rows or Detections, for every batch.")
    return found


def _called(call: Callable[..., T], *arguments: Any) -> T:
    try:
        return call(*arguments)
    except FleetError:
        raise
    except (Exception, SystemExit) as error:  # sys.exit() is to end the lease, not the worker
        message = f"The job's {call.__name__} raised {type(error).__name__}: {error}{place(error)}"
        raise JobCodeError(message, trace=trace(error)) from error
