"""A lease that a worker could not do, and why."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from fleet.errors import CredentialsRefusedError

WORKER_STAGE = "worker"
"""The stage of a fault of a whole worker: it died, hung, or ran out of memory."""
FETCH_STAGE = "fetch"
"""The stage of a fault of reading an input: it says nothing of the input's frames."""
OUTPUT_STAGE = "output"
"""The stage of a fault of writing to the output: it says nothing of the lease."""
FULL_ERRNO = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The numbers of the errors of a place that has no room: of the disk, or of what one may have."""
JOB_STAGES = frozenset({"job", "run", "device"})
"""The stages of what a job's own code came to: it raised something, returned what is no row, or
asked the device for what that refuses. Where the code is mended, trying again may help."""
_OF_THE_WHOLE = frozenset({"storage", "job", "run"})


@dataclass(frozen=True)
class Fault:
    """Why a lease was not done."""

    stage: str
    """Where it went wrong: storage, job, device, worker, ..."""
    code: int
    """The device's error number; of an output that is full, the system's; else 0."""
    name: str
    """The error's name, as in `fleet.errors`."""
    message: str
    """A sentence for people."""
    retryable: bool
    """Whether trying again may help."""
    detail: str = ""
    """The traceback, for the log."""

    def __str__(self) -> str:
        return f"{self.stage}: {self.message}"

    @property
    def is_splittable(self) -> bool:
        """Return whether a part of the lease may be the cause, so that the rest can be done."""
        return self.stage not in _OF_THE_WHOLE

    @property
    def is_fatal(self) -> bool:
        """Return whether every other lease would fail alike.

        The store refuses the credentials, or the output cannot be written to.
        """
        return self.name == CredentialsRefusedError.name or self.stage == OUTPUT_STAGE

    @property
    def is_full(self) -> bool:
        """Return whether the output has no room: somebody has to make some."""
        return self.stage == OUTPUT_STAGE and self.code in FULL_ERRNO

    @property
    def is_unreached(self) -> bool:
        """Return whether an input could not be read, which may be otherwise later or elsewhere."""
        return self.stage == FETCH_STAGE
