"""A job, ready to run: the same checks whether it comes from a file or from a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from os import PathLike
from typing import Any, Literal

from pydantic import ValidationError

from fleet.errors import JobFileError
from fleet.job.fields import JobFields, Place, Rotation, Streams, describe
from fleet.job.frame_job import FrameJob
from fleet.models.providers import Provider
from fleet.storage import InputFilter, Media
from fleet.video.sampling import EVERY_FRAME, Sampling
from fleet.video.start import StartRule

PathText = str | PathLike[str]


@dataclass(frozen=True, init=False)
class Job:
    """A job, ready to run: what is done with the frames of which videos, and where rows go.

    Raises JobFileError, which lists every mistake.
    """

    work: FrameJob[Any]
    """What is done with the frames."""
    inputs: tuple[str, ...]
    """Videos, folders (searched for videos) and globs, as paths or URLs."""
    output: str
    """The folder of the tables, as a path or URL."""
    sample: Sampling
    """Which frames; given as a Sampling, or as text such as `fps=1`."""
    devices: int | Literal["auto"]
    """How many devices work; auto: all there are, on this machine one for its cores."""
    cores_per_device: int
    """With 2, a device decodes in one thread while the job looks at pictures in another; rows are
    the same."""
    on: Place
    """Where devices live: `ray`, the cluster that RAY_ADDRESS names, else a Ray that is started for
    the run; `processes` of this machine, without Ray; `inline`, one after the other in this
    process. auto: on the cluster that is named, else in processes. What is submitted to a cluster
    runs there whatever this says."""
    max_devices: int | None
    """Up to how many devices a cluster that can grow is asked for; None: it is not asked."""
    deadline_s: float | None
    """The time in which the run is to end, with as few devices as that takes; `2h` is read too."""
    weight: float
    """Where jobs share a cluster, their devices are to each other as their weights."""
    job_labels: Mapping[str, str]
    """What the job is called by in lists, such as {"team": "a"}; `["team=a"]` is read too."""
    soc: str
    """The chip that the devices are."""
    partitions: str
    """A regular expression: its named groups, found in each video's URI, become columns."""
    start: str
    """How the group `start` of `partitions` is read as the moment at which a video starts: a format
    of `strptime`, or `epoch`, `epoch_ms` or `epoch_us`; empty: it is not."""
    time_zone: str
    """The zone of such moments where the format has no %z: a name of IANA's, or UTC."""
    lease_s: float
    """No lease is planned to take one device longer; 0.05 to 3600, or text such as `2min`."""
    watchdog_s: float
    """A device that shows no sign of life for so long is ended, and its lease done by another."""
    include: tuple[str, ...]
    """Globs: only videos that match one of them are taken; without any, all are."""
    exclude: tuple[str, ...]
    """Globs: videos that match one of them are not taken."""
    modified_since: datetime | None
    """Only videos written since then are taken; text in ISO 8601 is read too, as UTC."""
    index_cache: str | None
    """The folder where the indexes of the videos are kept; None: one in the output."""
    rotation: Rotation
    """Pictures as a player shows them, upright and with square pixels; ignore: as stored."""
    fallback: Literal["none", "cpu"]
    """What decodes the videos that the chip refuses: nothing, or the host's processor."""
    media: Media
    """What is looked for in folders and by globs: videos, or images, which are JPEG files. A file
    that is named itself is taken either way."""
    streams: Streams
    """Which video streams of a file are taken, each an input of its own; see `fleet run`."""
    providers: tuple[Provider, ...]
    """With what ONNX Runtime computes networks, the first that can do an operation first; given as
    tables such as {"name": "CPU", "threads": 1}. None: one thread of the processor."""

    def __init__(
        self,
        work: FrameJob[Any],
        inputs: PathText | Iterable[PathText],
        output: PathText,
        sample: Sampling | str = EVERY_FRAME,
        *,
        devices: int | Literal["auto"] = "auto",
        cores_per_device: int = 1,
        on: Place = "auto",
        max_devices: int | None = None,
        deadline_s: float | str | None = None,
        weight: float = 1.0,
        job_labels: Mapping[str, str] | Iterable[str] = (),
        soc: str = "Ascend310",
        partitions: str = "",
        start: str = "",
        time_zone: str = "",
        lease_s: float | str = 60.0,
        watchdog_s: float | str = 60.0,
        include: str | Iterable[str] = (),
        exclude: str | Iterable[str] = (),
        modified_since: datetime | str | None = None,
        index_cache: PathText | None = None,
        rotation: Rotation = "apply",
        fallback: Literal["none", "cpu"] = "none",
        media: Media = "videos",
        streams: Streams = "all",
        providers: Sequence[Mapping[str, object] | Provider] = (),
    ) -> None:
        given = {name: value for name, value in locals().items() if name in JobFields.model_fields}
        mistakes: list[str] = []
        if not isinstance(work, FrameJob):
            mistakes.append(f"work: an instance of a class derived from FrameJob (given: {work!r})")
        try:
            checked = vars(JobFields.read(given))
        except ValidationError as error:
            mistakes += describe(error)
        if mistakes:
            raise JobFileError("The job", tuple(mistakes))
        for name, value in {"work": work, **checked}.items():
            object.__setattr__(self, name, value)

    @property
    def start_rule(self) -> StartRule:
        """How the start of a video is read from its path."""
        return StartRule(self.partitions, self.start, self.time_zone)

    @property
    def choice(self) -> InputFilter:
        """The filter that chooses among the videos in the inputs."""
        return InputFilter(self.include, self.exclude, self.modified_since)
