"""The kinds of device that a job may name, and how one of each is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fleet.ascend.soc import CHIPS
from fleet.backend.backend import Backend
from fleet.backend.simulated.simulation import Simulation
from fleet.device import Device
from fleet.errors import UsageError
from fleet.models.heads import Head
from fleet.models.providers import Provider


@dataclass(frozen=True)
class Opening:
    """What a device is opened with."""

    kind: str
    """The name of its kind, which a job states as `soc`: it is part of what the job is."""
    ordinal: int = 0
    """Its number on this machine."""
    read_file: Callable[[str], bytes] | None = None
    """Returns the bytes of a compiled model by its path; None reads local files."""
    full_range_jpegs: bool = False
    """See `fleet.ascend.jpege.Jpege`."""
    providers: Sequence[Provider] = ()
    """With what networks are computed; none: one thread of the processor."""
    heads: Mapping[str, Head] = field(default_factory=dict)
    """The heads of the job's own module, by name."""


def _simulated(opening: Opening) -> Backend:
    chip = CHIPS[opening.kind]
    device = Device(
        chip,
        opening.ordinal,
        opening.read_file,
        full_range_jpegs=opening.full_range_jpegs,
        providers=opening.providers,
        heads=opening.heads,
    )
    return Simulation(device)


KINDS: dict[str, Callable[[Opening], Backend]] = dict.fromkeys(CHIPS, _simulated)
"""How a device is opened, by the name of its kind."""


def open_device(opening: Opening) -> Backend:
    """Open a device; raises UsageError for a kind that nobody knows, and what opening raises."""
    if opening.kind not in KINDS:
        message = f"{opening.kind!r} is no kind of device that Fleet can open."
        raise UsageError(message, f"It knows {', '.join(KINDS)}.")
    return KINDS[opening.kind](opening)
