"""Which lease a device died of, and what that is called; pure."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.ascend.codes import Code
from fleet.core.fault import WORKER_STAGE, Fault
from fleet.core.run_events import Cause, DeviceLost
from fleet.scheduler.lease_state import Entry


def blamed_lease(event: DeviceLost, held: Sequence[Entry]) -> Entry | None:
    """Return which lease a device died of: the one that it is known to have run, else its first."""
    if event.cause in {Cause.TAKEN, Cause.RELEASED}:
        return None
    return next((e for e in held if e.lease == event.ran), held[0] if held else None)


def fault_of(event: DeviceLost) -> Fault:
    """Return what a lease did to its device, as the device's end tells it."""
    if event.code:
        name = Code(event.code).name
        return Fault(WORKER_STAGE, event.code, name, event.reason, retryable=True)
    if event.cause is Cause.SILENT:
        code = Code.ACL_ERROR_RT_LOST_HEARTBEAT
        message = f"The worker gave no sign of life while it ran this: {event.reason}"
        return Fault(WORKER_STAGE, code, code.name, message, retryable=True)
    message = f"The worker died while it ran this: {event.reason}"
    return Fault(WORKER_STAGE, 0, "WorkerDied", message, retryable=True)
