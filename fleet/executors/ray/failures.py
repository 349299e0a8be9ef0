"""Why an actor died, in words, as far as Ray knows."""

from __future__ import annotations

from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError

from fleet.core.run_events import Cause
from fleet.errors import FleetError, JobFailedError

GONE = "its machine died, or cannot be reached"
CRASHED = (
    "its process ended without a word, as in a crash of native code, by a kill, or where memory is "
    "spent"
)
# What Ray's own messages say, and what it means; the first that fits.
_SIGNS = {
    "node has died": (GONE, Cause.TAKEN),
    "connection error code 2": (CRASHED, Cause.DIED),
    "exit code": ("its process ended by itself", Cause.DIED),
}


def why(error: RayError) -> tuple[str, Cause]:
    """Give the reason for people, and what it means for the lease that ran."""
    if isinstance(error, OutOfMemoryError):
        return "Ray ended it, because its machine ran out of memory", Cause.DIED
    if isinstance(error, RayActorError) and error.preempted:
        return "its machine was taken away", Cause.TAKEN
    text = str(error)
    for sign, meaning in _SIGNS.items():
        if sign in text:
            return meaning
    return text.partition("\n")[0], Cause.DIED


def why_not_started(error: BaseException) -> str:
    """Give the reason, in a line, why a device did not start."""
    if isinstance(error, RayTaskError):
        return f"{type(error.cause).__name__}: {error.cause}"
    if isinstance(error, RayActorError) and error.actor_init_failed:
        # Ends with what was raised on the node, such as a module that is missing there.
        return str(error).rstrip().rpartition("\n")[2]
    return why(error)[0] if isinstance(error, RayError) else f"{type(error).__name__}: {error}"


def cause_of(error: RayTaskError) -> BaseException:
    """Give what was raised on a device, as an error of ours."""
    cause = error.cause
    return cause if isinstance(cause, FleetError) else JobFailedError(f"A device failed: {error}")
