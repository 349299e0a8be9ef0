"""What a worker says of a lease that it could not do."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.errors import CredentialsRefusedError

WORKER_STAGE = "worker"
"""The stage of what goes wrong with a worker as a whole: it died, hung, ran out of memory."""
_OF_THE_WHOLE = frozenset({"storage", "job", "run"})


@dataclass(frozen=True)
class Fault:
    """Why a lease was not done.

    `stage`: where (storage, job, device, worker). `code`: the device's number, 0 elsewhere.
    `name`: the error's name. `message`: a sentence. `retryable`: whether trying again may help.
    `detail`: the traceback, for the log.
    """

    stage: str
    code: int
    name: str
    message: str
    retryable: bool
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.stage}: {self.message}"

    @property
    def is_splittable(self) -> bool:
        """Whether a part of the lease may be to blame, so that the rest of it can be done."""
        return self.stage not in _OF_THE_WHOLE

    @property
    def is_fatal(self) -> bool:
        """Whether every other lease would fail in the same way: the store takes no credentials."""
        return self.name == CredentialsRefusedError.name
