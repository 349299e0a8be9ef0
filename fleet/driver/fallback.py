"""Take up the videos that an output records as refused, and that the host decodes."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.ascend.stream_rules import BY_NEITHER
from fleet.core.format import plural
from fleet.core.loss import Loss
from fleet.driver.target.target import JobTarget
from fleet.errors import OutputBusyError, StillRefusedError, StreamRefusedError
from fleet.index_cache.store import IndexStore
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.state.read import read_losses
from fleet.table.table import Table

_REFUSED = frozenset({StreamRefusedError.name, StillRefusedError.name})


@dataclass(frozen=True)
class _RefusedByChip(LossFilter):
    """Means videos that the chip alone has refused."""

    def means(self, loss: Loss) -> bool:
        """Return whether the host has not been asked yet for this video."""
        by_chip = loss.name in _REFUSED and not loss.message.startswith(BY_NEITHER)
        return by_chip and loss.start_pts is None


def videos_of_runs(table: Table) -> frozenset[str]:
    """Return the URIs of the videos in the leases that runs mean to do on an output."""
    leases = (lease for run in table.runs.read() for lease in table.runs.leases(run.id) or ())
    return frozenset(shard.source.uri for lease in leases for shard in lease.shards)


def take_up_refused(target: JobTarget) -> str:
    """Have videos that an earlier run recorded as refused looked at again; return what to say.

    Empty where there are none, or another run is at work, which is the one to finish them.
    """
    table = target.table
    asked = _RefusedByChip()
    count = sum(asked.means(loss) for loss in read_losses(table.tables().errors))
    if not count:
        return ""
    videos = plural(count, "video")
    if not table.conditional:
        return (
            f"{videos} stay refused as before: this output's store has no conditional puts, so that"
            " nothing can be taken out of it. Choose another output."
        )
    try:
        table.requeue(asked, IndexStore(target.index_folder))
    except OutputBusyError:
        return ""
    return f"{videos}, refused before, {'is' if count == 1 else 'are'} taken up: --fallback cpu"
