"""What a worker is told once, when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.job.frame_job import FrameJob
from fleet.models.heads import Head
from fleet.models.providers import Provider
from fleet.table.parts.objects import NameObject
from fleet.worker.fault_injection import Injection


@dataclass(frozen=True)
class WorkerSpec:
    """The job as a worker needs it.

    `output`: where parts go. `job_digest`: the job's identity. `files`: the bytes of files that the
    job names (compiled models), by the name it uses: workers share no disk with the driver.
    `models`: name -> digest of those. `partitions`, `watchdog_s`: see Job. `memory_bytes`: see
    `limit_memory`, which a process of its own calls. `injections`: faults on purpose.
    """

    work: FrameJob[Any]
    job_digest: str
    output: str
    soc: str
    partitions: str
    models: Mapping[str, str]
    files: Mapping[str, bytes] = field(repr=False)
    watchdog_s: float = 60.0
    memory_bytes: int = 0
    injections: tuple[Injection, ...] = ()
    without: frozenset[str] = frozenset()
    """Columns that the output was begun without, see `output_schemas`."""
    conditional: bool = True
    """Whether the output's store keeps the conditions of conditional puts."""
    providers: tuple[Provider, ...] = ()
    """With what networks are computed, see Job."""
    heads: Mapping[str, Head] = field(default_factory=dict)
    """The heads of the job's own module that its models are read by, by name."""
    only_objects: NameObject | None = None
    """None: rows are committed. Else only the objects of the job are kept, and this names them."""
    cores: int = 1
    """Cores a device: with more than one it decodes while the job looks at pictures."""
