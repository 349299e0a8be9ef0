"""What a run starts from: the job, its inputs, and what stands in the output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from fleet.ascend.soc import soc
from fleet.driver.identity import JobIdentity, identify
from fleet.driver.prepare import Known, Prepared, prepare
from fleet.index_cache.store import INDEX_FOLDER, IndexStore
from fleet.job.job_file import Job
from fleet.storage import Folder, Listing, expand
from fleet.table.commits.record import Origin
from fleet.table.maintenance.close import WAIT_S, checkpoint
from fleet.table.maintenance.vacuum import VacuumOptions, vacuum
from fleet.table.parts.schema import output_schemas
from fleet.table.state.lock import REWRITE_LOCK, locked
from fleet.table.state.ownership import check_owner, claim
from fleet.table.state.state import TableState, read_state
from fleet.table.state.video_manifest import Video, read_videos, seconds_a_tick, write_videos


@dataclass(frozen=True)
class JobTarget:
    """A job, what it names, and where it goes; nothing is changed by looking at it."""

    job: Job
    identity: JobIdentity
    folder: Folder
    listing: Listing

    @property
    def schemas(self) -> dict[str, pa.Schema]:
        """The schemas of the job's tables."""
        return output_schemas(self.job.work.table, self.job.work.schema, self.job.partitions)

    @property
    def origin(self) -> Origin:
        """What the job's rows come from."""
        return Origin(self.identity.record.digest, self.job.soc, self.identity.models)

    @property
    def index_folder(self) -> Folder:
        """Where the indexes of videos are kept."""
        return Folder(self.job.index_cache or f"{self.folder.uri}/{INDEX_FOLDER}")


@dataclass(frozen=True)
class Session:
    """A site, and what earlier runs left there. `videos`: the video manifest."""

    site: JobTarget
    state: TableState
    videos: dict[str, Video]

    def prepare(self, on_progress: Callable[[int], None] = lambda _: None) -> Prepared:
        """Look at the videos; nothing is put anywhere."""
        return self._prepare(IndexStore(self.site.index_folder, read_only=True), on_progress)

    def prepare_and_keep(self, on_progress: Callable[[int], None] = lambda _: None) -> Prepared:
        """Look at the videos, and keep what was found out for the next time."""
        store = IndexStore(self.site.index_folder)
        try:
            prepared = self._prepare(store, on_progress)
        finally:
            # However far it came: what was found out need not be found out again.
            store.flush()
        store.tidy()
        keep_videos(self.site.folder, self.state, self.videos, prepared.videos)
        return prepared

    def _prepare(self, store: IndexStore, on_progress: Callable[[int], None]) -> Prepared:
        job = self.site.job
        known = Known(self.state.done, self.videos, store)
        return prepare(self.site.listing.sources, job.sample, soc(job.soc), known, on_progress)


def keep_videos(
    folder: Folder, state: TableState, before: dict[str, Video], now: tuple[Video, ...]
) -> None:
    """Put which videos the job is to cover: those of this run, and others that have rows."""
    present = {video.uri for video in now}
    versions = set(state.covered.intervals.versions)
    others = [
        video
        for video in before.values()
        if video.uri not in present and (video.uri, video.etag) in versions
    ]
    if {video.uri: video for video in (*now, *others)} != before:
        write_videos(folder, (*now, *others))


def resolve_target(job: Job) -> JobTarget:
    """Read what a job names and list its inputs.

    Raises UsageError where something is not there, or the output is another job's.
    """
    identity = identify(job)
    soc(job.soc)
    folder = Folder(job.output)
    check_owner(folder, identity.record)
    return JobTarget(job, identity, folder, expand(job.inputs, job.choice))


def load_session(site: JobTarget) -> Session:
    """See what stands in the output, as it is."""
    return Session(
        site, read_state(site.folder, site.identity.record.tables), read_videos(site.folder)
    )


def claim_output(site: JobTarget) -> bool:
    """Take the output for the job; gives whether the store's conditional puts can be relied on.

    Raises StorageError where it cannot be written to.
    """
    conditional = site.folder.check_writable().conditional
    claim(site.folder, site.identity.record, site.schemas)
    return conditional


def prepare_output(site: JobTarget) -> Session:
    """Clear the output of what does not count, and see what stands there."""
    videos = read_videos(site.folder)
    record = site.identity.record
    versions = {source.uri: source.etag for source in site.listing.sources}
    how = VacuumOptions(versions, seconds_a_tick(videos))
    with locked(site.folder, REWRITE_LOCK, "fleet run", record.digest, WAIT_S) as guard:
        state = vacuum(site.folder, record, guard, how)
        checkpoint(site.folder, state)
    return Session(site, state, videos)
