"""Have the missing pictures of an export made by the devices that runs use, in leases.

A lease's pictures are put one by one, each whole; nothing else is written down. What is missing
when it begins again is looked up by the names of the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from uuid import uuid4

from fleet.clock import SYSTEM_CLOCK
from fleet.core.fault import WORKER_STAGE, Fault
from fleet.core.interval import LeaseNames
from fleet.core.receipt import Receipt
from fleet.core.run_events import (
    LeaseDone,
    LeaseQuarantined,
    LeaseTruncated,
    OutputRefused,
    RunEvent,
    Warned,
)
from fleet.driver.loop import Loop, LoopParts
from fleet.driver.loss_recorder import DRIVER, LossRecorder
from fleet.driver.places import working_on
from fleet.errors import UsageError
from fleet.executors.choice import Mode
from fleet.executors.mending_pool import MendingPool
from fleet.executors.patient_pool import OutputWatch, PatientPool
from fleet.export.chosen.videos import VideoFinder
from fleet.export.missing import Devices, Missing
from fleet.export.picture_job import PictureNames, Pictures
from fleet.export.pictures import PictureFolder
from fleet.job.job import Job
from fleet.plan.plan import bundle
from fleet.table.commits.uncommitted import Uncommitted
from fleet.worker.spec import WorkerSpec

LONGEST_LEASE_S = 20.0
"""Seconds that a lease is to take at most: what a device that dies had begun is done again."""


@dataclass
class _Watch:
    """Watches the devices, for the export; see Observer."""

    on_pictures: Callable[[int], None]
    say: Callable[[str], None]
    pictures: int = 0
    given_up: list[UsageError] = field(default_factory=list)
    """What no worker has outlived."""

    def on_event(self, event: RunEvent) -> None:
        """Take an event."""
        match event:
            case LeaseDone(_, _, receipt) | LeaseTruncated(_, _, receipt):
                self.pictures += receipt.tally.frames
                self.on_pictures(self.pictures)
            case LeaseQuarantined(receipt, fault) if fault.stage == WORKER_STAGE:
                self.given_up.append(_undecodable(receipt, fault))
            case Warned(text) | OutputRefused(text) if text:
                self.say(text)
            case _:
                pass


def _undecodable(receipt: Receipt, fault: Fault) -> UsageError:
    uris = " and ".join(dict.fromkeys(interval.uri for interval in receipt.intervals))
    lost = receipt.tally.lost_frames
    message = f"{lost:,} frames of {uris} cannot be decoded: {fault.message}"
    return UsageError(message, "Choose another stretch.")


def make_pictures(
    missing: Sequence[Missing],
    pictures: PictureFolder,
    finder: VideoFinder,
    mode: Mode,
    devices: Devices,
    on_pictures: Callable[[int], None],
    say: Callable[[str], None],
) -> bool:
    """Make the pictures that are missing; return whether all of them are there.

    Workers outlive what keeps others from being made, such as damage or a video that is gone: so
    the export can try these itself, and say why not. `mode`, `devices`: where, and on how many.
    `on_pictures` is told how many are made. Raises UsageError for frames that end each worker which
    decodes them, once all others are made, and JobFailedError where nothing can be made.
    """
    job = Job(
        Pictures(pictures.suffix),
        inputs=[pictures.output],
        output=pictures.folder.uri,
        devices=devices,
        on=mode,
        soc=finder.chip,
        lease_s=LONGEST_LEASE_S,
    )
    watch = _Watch(on_pictures, say)
    # A lease is told from those of another export by its name alone.
    names = LeaseNames(uuid4().hex)
    with ExitStack() as ends:
        means, observer = ends.enter_context(working_on(job, mode, watch))
        works = [one.work for one in missing]
        leases = bundle(works, names, means.devices, job.lease_s)
        recorder = LossRecorder(job, Uncommitted(DRIVER))
        parts = LoopParts(names, recorder, observer, means.limits, means.policy, SYSTEM_CLOCK)
        loop = Loop(leases, {work.source.uri: work for work in works}, parts)
        pool = ends.enter_context(closing(means.make_pool(_spec(job, missing, pictures))))
        pool.set_target(min(means.devices, len(leases)))
        mending = MendingPool(pool, finder.mend)
        # Whether a folder takes pictures again is seen by a lease that is tried.
        asking = OutputWatch(lambda: True, lambda _: None, watch.on_event)
        ends.callback(mending.stop)
        loop.drive(PatientPool(mending, asking, SYSTEM_CLOCK))
    if watch.given_up:
        raise watch.given_up[0]
    return watch.pictures == sum(one.frames.count for one in missing)


def _spec(job: Job, missing: Sequence[Missing], pictures: PictureFolder) -> WorkerSpec:
    names = PictureNames(
        pictures.format,
        {one.work.source.uri: one.video for one in missing},
        {one.work.source.uri: one.chosen for one in missing},
    )
    return WorkerSpec(
        work=job.work,
        job_digest="",
        output=job.output,
        soc=job.soc,
        partitions="",
        models={},
        files={},
        watchdog_s=job.watchdog_s,
        only_objects=names,
    )
