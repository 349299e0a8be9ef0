"""A job with what it names: its inputs, its models, its output."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from fleet.ascend.soc import soc
from fleet.driver.preparing.listed import Listed
from fleet.driver.preparing.path_columns import PathCheck
from fleet.driver.target.device_memory import DeviceMemory, check_models, device_memory
from fleet.driver.target.identity import JobIdentity, identify
from fleet.index_cache.store import INDEX_FOLDER
from fleet.job.job import Job
from fleet.plan.shard import VideoWork
from fleet.storage import Folder, Listing, Search, canonical, expand
from fleet.table.commits.record import Origin
from fleet.table.parts.schema import output_schemas
from fleet.table.table import Table
from fleet.worker.spec import WorkerSpec


@dataclass(frozen=True)
class Inputs:
    """The inputs of a job while they are listed."""

    listed: Listed
    """Their files."""
    check: PathCheck
    """What is found in their paths."""


@dataclass(frozen=True)
class JobTarget:
    """A job, what it names, and where it goes; nothing is changed by looking at it."""

    job: Job
    identity: JobIdentity
    table: Table
    listing: Listing
    """The videos that its inputs name; of `inputs` that are listed as a run goes on, none."""
    without_columns: str = ""
    """Sentences on the videos whose path has not all of the columns; empty where all have."""
    without: frozenset[str] = frozenset()
    """Columns that the output was begun without, see `output_schemas`."""
    inputs: Inputs | None = None
    """What lists the inputs while a run is at work on the first of them; None: nothing does."""

    @property
    def digest(self) -> str:
        """The identity of the job that the output was begun with."""
        return self.table.job.digest

    @property
    def schemas(self) -> dict[str, pa.Schema]:
        """The schemas of the job's tables."""
        return schemas_of(self.job, self.without)

    @property
    def origin(self) -> Origin:
        """Where the job's rows come from."""
        return Origin(self.digest, self.job.soc, self.identity.models)

    @property
    def video_bytes(self) -> int:
        """How large all files are that are listed by now."""
        if self.inputs:
            return self.inputs.listed.bytes
        return sum(source.bytes for source in self.listing.sources)

    @property
    def left_aside(self) -> Mapping[str, int]:
        """What of the inputs is no video, see `Listing.left`; nothing until all is listed."""
        return self.inputs.listed.left_aside if self.inputs else self.listing.left

    @property
    def is_inside(self) -> bool:
        """Whether an input may hold the output."""
        return any(may_hold(given, self.table.uri) for given in self.job.inputs)

    @property
    def versions(self) -> Mapping[str, str]:
        """The etag of each file as it is now, by its address; see `listing`."""
        return {source.object_uri: source.etag for source in self.listing.sources}

    def whole(self) -> JobTarget:
        """Return it with all of the listing, which is waited for; raises what listing raises."""
        if self.inputs is None:
            return self
        listing, said = self.inputs.listed.rest(), self.inputs.check.said()
        return replace(self, listing=listing, without_columns=said, inputs=None)

    def memory(self, works: Sequence[VideoWork], cores: int | None = None) -> DeviceMemory:
        """Return what a device of so many cores holds at most while it does these videos.

        `cores`: None for as many as the job says.
        """
        cards = self.identity.cards.values()
        each = cores or self.job.cores_per_device
        return device_memory(works, cards, self.job.work, soc(self.job.soc), each)

    @property
    def index_folder(self) -> Folder:
        """Where the indexes of videos are kept."""
        return Folder(self.job.index_cache or f"{self.table.uri}/{INDEX_FOLDER}")


def schemas_of(job: Job, without: Collection[str] = ()) -> dict[str, pa.Schema]:
    """Return the schemas of a job's tables; `without`: see `output_schemas`."""
    return output_schemas(job.work.table, job.work.columns(), job.partitions, without)


def resolve_target(job: Job, *, mended: bool = False) -> JobTarget:
    """Read what a job names and list its inputs.

    `mended`: whether its code may be another than the output was begun with. Raises UsageError
    where something is not there, the output is another job's, or a column that is taken from paths
    is in none; JobTooLargeError where the models do not fit into a device.
    """
    target, check = _unlisted(job, mended=mended)
    listing = expand(job.inputs, job.choice, job.media)
    for source in listing.sources:
        check.add(source.uri)
    return replace(target, listing=listing, without_columns=check.said())


def begin_target(job: Job, *, mended: bool = False) -> JobTarget:
    """Read what a job names, and begin to list its inputs; see `resolve_target`.

    Where there are many, the target has only `inputs`, which are to be closed.
    """
    target, check = _unlisted(job, mended=mended)
    search = Search(job.inputs, job.choice, job.media)
    inputs = Inputs(Listed(search, note=check.add), check)
    try:
        inputs.listed.begin(lambda: check.is_enough)
        target = replace(target, inputs=inputs)
        return target.whole() if inputs.listed.is_whole else target
    except BaseException:
        inputs.listed.close()
        raise


def _unlisted(job: Job, *, mended: bool) -> tuple[JobTarget, PathCheck]:
    """Read what a job names, but for its inputs; return what is looked for in their paths, too."""
    identity = identify(job)
    check_models(identity.cards, soc(job.soc))
    table = Table.of_job(job.output, identity.record, mended=mended)
    identity = replace(identity, record=identity.record.written_as(table.job))
    check = PathCheck(job.partitions, job.start_rule, schemas_of(job))
    return JobTarget(job, identity, table, Listing(())), check


def worker_spec(target: JobTarget) -> WorkerSpec:
    """Return what each device of a run is told."""
    job = target.job
    return WorkerSpec(
        work=job.work,
        job_digest=target.digest,
        output=target.table.uri,
        soc=job.soc,
        partitions=job.partitions,
        models=target.identity.models,
        files=target.identity.files,
        watchdog_s=job.watchdog_s,
        without=target.without,
        conditional=target.table.conditional,
        providers=job.providers,
        heads=target.identity.heads,
        cores=job.cores_per_device,
    )


def may_hold(given: str, output: str) -> bool:
    """Return whether an output may lie in an input; in a glob's, by what precedes its wildcards.

    Links are followed: by another name, an output lies where it does.
    """
    before, *wildcards = re.split(r"[*?\[]", given, maxsplit=1)
    named = before.rfind("/") + 1 if wildcards else len(before)
    return _followed(output).startswith(f"{_followed(before[:named]).rstrip('/')}/{before[named:]}")


def _followed(location: str) -> str:
    found = canonical(location)
    return found if "://" in found else os.path.realpath(found)
