"""Windows of the plan become leases, while those of earlier windows are done.

A run that joins others takes all windows as one: what it is to do itself is what they do not offer,
and they offer their leases once these are all there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fleet.core.loss import Loss
from fleet.core.receipt import Receipt
from fleet.core.run_events import PlanGrew, RunStarted, VideoRefused, Warned
from fleet.driver.context import Context, Outcome, Plan
from fleet.driver.loop import Loop
from fleet.driver.peer_pool import SharedPool
from fleet.driver.peers import less_done, offered_leases, partition_peer_leases
from fleet.driver.preparing.background import Ahead
from fleet.driver.preparing.patience import ToldPatience
from fleet.driver.preparing.prepared import Prepared, Refusal
from fleet.driver.preparing.streams import left_streams
from fleet.errors import StorageError
from fleet.plan.lease import Lease, More, Stock
from fleet.plan.plan import WorkAround, bundle
from fleet.plan.shard import VideoWork
from fleet.plan.windows import PLENTY, Extent
from fleet.table.state.state import TableState

REFUSALS_A_TURN = 32
"""Videos that are recorded as refused in a turn of the loop: so many objects are put at a time."""


def first_to_do(windows: Ahead[Prepared], state: TableState, *, leads: bool) -> Prepared:
    """Wait for the windows up to the first one in which there is something to do.

    `state`: what the output holds; in one that is not closed there is always something to do.
    `leads`: whether the run leads; one that joins waits for all windows.
    """
    found = [windows.wait()]
    while not found[-1].is_last:
        now = found[-1]
        if leads and (not state.closed or now.works or unrecorded(now.refused, state)):
            break
        found.append(windows.wait())
    return Prepared.together(found)


def unrecorded(refused: Sequence[Refusal], state: TableState) -> list[Refusal]:
    """Return the refusals that are not in the output; of some, another run may find otherwise."""
    done = state.done
    lasting = (refusal for refusal in refused if not refusal.error.retryable)
    return [refusal for refusal in lasting if not done.has(refusal.interval)]


class Supply:
    """The leases of a run, as they are planned; for the thread that runs the loop."""

    def __init__(self, context: Context, plan: Plan, windows: Ahead[Prepared]) -> None:
        """Take a plan of the first window; the others are less what `plan.state` has."""
        self.works: dict[str, VideoWork] = {}
        """The videos of leases that are there, by URI; the loop takes out those that are done."""
        self._context = context
        self._plan = plan
        self._windows = windows
        self._seen: list[Prepared] = []
        self._held: Prepared | None = None
        self._to_record: list[Refusal] = []
        self._patience = ToldPatience(context.clock, context.observers.on_event)
        self._refused: list[Receipt] = []
        self._own: list[Lease] = []
        self._own_leases = self._host_videos = 0
        self._leases = 0
        self._extent = Extent()
        self._told = RunStarted("", 0, 0.0, 0, 0)
        self._refused_before = 0

    @property
    def plan(self) -> Plan:
        """The plan of the first window; once that is cut into leases, without its works."""
        return self._plan

    @property
    def is_all_planned(self) -> bool:
        """Whether no header is looked at any more: the last window is there."""
        last = self._seen[-1] if self._held is None else self._held
        return last.is_last

    def begin(self) -> Stock:
        """Return the leases of the first window, and tell that the run has started."""
        self._hold(self._plan.prepared)
        while not self._record_some():
            pass
        stock = self._add(self._plan.prepared)
        # What is to do is in the leases now: of a video that is done, nothing stays.
        self._plan = replace(self._plan, prepared=replace(self._plan.prepared, works=()))
        self._say_left()
        self._context.observers.on_event(self._told)
        if stock.coming_s is not None:
            self._windows.ask()
        return stock

    def into(self, pool: SharedPool) -> More:
        """Return what gives the leases of further windows, which the pool is told of as well."""

        def more(waiting: int) -> Stock | None:
            stock = self._next()
            if stock is not None:
                pool.expect(stock.leases)
            if waiting < PLENTY and not self.is_all_planned:
                self._windows.ask()
            return stock

        return more

    def outcome(self, loop: Loop, *, interrupted: bool) -> Outcome:
        """Return how the run went."""
        plan = replace(self._plan, prepared=Prepared.together(self._seen))
        refused = tuple(self._refused)
        return Outcome(plan, refused, loop, self._leases, self._host_videos, interrupted)

    def _next(self) -> Stock | None:
        """Return the leases of the next window once it is made, and what they need is put."""
        if self._held is None and (made := self._windows.take()) is not None:
            self._hold(made)
        answers, patience = self._context.beat.is_put, self._patience
        if not answers:
            patience.begin()
        elif self._held is None:
            patience.end()
        # While the output takes nothing, nothing is put that depends on it; until that is too long.
        is_time = patience.is_late or (answers and patience.is_time)
        if self._held is None or not is_time:
            return None
        try:
            stock = self._grow(self._held) if self._record_some() else None
        except StorageError as error:
            patience.refused(error)
            return None
        patience.end()
        return stock

    def _hold(self, window: Prepared) -> None:
        self._held = window
        self._to_record = unrecorded(window.refused, self._plan.state)

    def _record_some(self) -> bool:
        """Record some of the videos that are not processed; return whether all are by now."""
        some = self._to_record[:REFUSALS_A_TURN]
        # Those that were put before an error are found as they are when it is tried again.
        self._refused += self._context.target.table.folder.each(self._record, some)
        self._to_record = self._to_record[REFUSALS_A_TURN:]
        return not self._to_record

    def _record(self, refusal: Refusal) -> Receipt:
        loss = Loss.of_video(refusal.source.uri, refusal.error)
        intervals = [refusal.interval]
        names = self._plan.names(intervals)
        return self._plan.recorder.commit(names, intervals, [(loss, refusal.start)])

    def _grow(self, window: Prepared) -> Stock:
        left = tuple(less_done(window.works, self._plan.state.done))
        stock = self._add(replace(window, works=left))
        self._say_left()
        self._context.observers.on_event(PlanGrew(self._told))
        return stock

    def _add(self, window: Prepared) -> Stock:
        """Take a window in whose refusals are recorded; where a put fails, nothing is changed."""
        leases = self._cut(window)
        self._held = None
        self._host_videos += len(window.on_host)
        self._seen.append(replace(window, works=()))
        for refusal in window.refused:
            loss = Loss.of_video(refusal.source.uri, refusal.error)
            self._context.observers.on_event(VideoRefused(loss))
        self._leases += len(leases)
        named = {shard.source.uri for lease in leases for shard in lease.shards}
        self.works.update((w.source.uri, w) for w in window.works if w.source.uri in named)
        self._told = self._telling(window)
        return Stock(leases, None if window.is_last else self._extent.left_s(window.to_look))

    def _cut(self, window: Prepared) -> list[Lease]:
        """Cut the work into leases, as the runs do that are at it already."""
        context, plan = self._context, self._plan
        table, leadership = context.target.table, context.leadership
        works: Sequence[VideoWork] = window.works
        taken: list[Lease] = []
        if not leadership.leads:
            offered = offered_leases(table, leadership, plan.epoch)
            taken, works = partition_peer_leases(offered, works, table.state().done)
        extent = self._extent + window.extent
        coming_s = extent.left_s(window.to_look)
        around = WorkAround(self._own_leases, self._extent.cost_s, coming_s)
        longest_s = context.target.job.lease_s
        own = bundle(works, plan.names, context.resources.devices, longest_s, around)
        all_own = [*self._own, *own]
        if all_own and window.is_last:
            # Whoever joins takes what is not offered for its own, so all are offered at once.
            table.runs.put_leases(leadership.holder.mark, all_own)
            all_own = []
        self._own, self._extent = all_own, extent
        self._own_leases += len(own)
        return [*taken, *own]

    def _say_left(self) -> None:
        if not self._seen[-1].is_last:
            return
        count = sum(window.left_streams for window in self._seen)
        inputs = self._plan.session.target.inputs
        for text in filter(None, [left_streams(count), inputs.check.said() if inputs else ""]):
            self._context.observers.on_event(Warned(text))

    def _telling(self, window: Prepared) -> RunStarted:
        """Return what is planned by now."""
        plan, told = self._plan, self._told
        target = plan.session.target
        # A refused video is a record in the output, but no lease that anybody waits for.
        refused = {refusal.interval for refusal in window.refused}
        self._refused_before += sum(map(plan.state.done.has, refused))
        done = len(plan.state) - self._refused_before
        # Rounded, or what sums leave over would read as a stretch of video.
        done_s = max(0.0, round(window.duration_s - window.todo_s, 6))
        return RunStarted(
            output=target.table.uri,
            videos=told.videos + len(window.videos),
            video_s=told.video_s + window.duration_s,
            frames=told.frames + window.frames,
            leases=self._leases + done,
            done_video_s=told.done_video_s + done_s,
            done_frames=told.done_frames + window.frames - window.todo_frames,
            done_leases=done,
            job=target.digest,
            left=target.left_aside,
            looked_at=told.looked_at + window.looked_at,
            to_look=window.to_look,
            lists_on=window.lists_on,
        )
