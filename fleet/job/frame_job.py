"""How a job is written: a small frozen dataclass that runs beside a device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NewType

import pyarrow as pa

from fleet.core.frames import Detections, FrameBatch, Rows

if TYPE_CHECKING:
    from fleet.device import Device

CompiledModel = NewType("CompiledModel", str)
"""The type of a job field that names a compiled model (.om), by path or URL.

Fleet reads the file once, carries it to every device, and counts its content, not its name, as
part of what the job is.
"""


@dataclass(frozen=True)
class FrameJob(ABC):
    """What is done with frames; subclass it as a frozen dataclass, its fields are the parameters.

    `table`: the folder of the output that its rows go to. `schema`: the Arrow schema of the columns
    it writes; uri, frame, pts and time_s are added in front. `batch`: how many pictures it is given
    at a time at most (the last of a shard may be fewer).
    """

    table: ClassVar[str]
    schema: ClassVar[pa.Schema]
    batch: ClassVar[int] = 4

    def open(self, device: Device) -> Any:
        """Make what lives on the device from lease to lease, such as a loaded model."""
        return device

    @abstractmethod
    def run(self, opened: Any, batch: FrameBatch) -> Rows | Detections:
        """Look at a batch; rows may be of any frame in it, none or many of each.

        What comes out may depend on each frame alone, never on which frames share a batch.
        """
