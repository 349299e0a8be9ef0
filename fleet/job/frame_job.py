"""How a job is written: a small frozen dataclass that runs beside a device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Generic, cast

import pyarrow as pa
from typing_extensions import TypeVar

from fleet.core.frames import Detections, FrameBatch, Rows
from fleet.core.geometry import Size

if TYPE_CHECKING:
    from fleet.device import Device

Opened = TypeVar("Opened", default="Device")

CompiledModel = Annotated[str, "fleet.CompiledModel"]
"""The type of a job's field that names a compiled model (.om), or an ONNX file, by path or URL.

Fleet reads the file once, carries it to every device, and counts its content, not its name, as
part of what the job is. Of an ONNX file, head, labels and size are recognised, and the model that
it is compiled to is kept in the output.
"""


@dataclass(frozen=True)
class FrameJob(ABC, Generic[Opened]):
    """What is done with frames: derive a frozen dataclass from it; its fields are the parameters.

    `FrameJob[Network]` is a job whose `open` returns a Network; plain `FrameJob` is one that does
    not override `open`, and works with the Device itself.
    """

    table: ClassVar[str]
    """The folder of the output that the job's rows go to."""
    schema: ClassVar[pa.Schema]
    """The Arrow schema of the columns that the job fills; uri, frame, pts and time_s precede them.
    """
    batch: ClassVar[int] = 4
    """How many pictures a batch has at most; the last batch of a lease may have fewer."""

    def open(self, device: Device) -> Opened:
        """Return what lives on the device for the whole run, such as a loaded model.

        It is called once for each device.
        """
        return cast("Opened", device)

    def columns(self) -> pa.Schema:
        """Return the columns that `run` fills: `schema`. Override it where parameters decide."""
        return self.schema

    def chip_use(self, size: Size) -> Mapping[str, Sequence[Size]]:
        """Return what `run` does with a picture of a size, besides its models, for `fleet plan`.

        "vpc" -> the sizes that it is scaled to, "jpege" -> those of the JPEGs that are made of it.
        A run itself counts what really happens.
        """
        del size
        return {}

    @abstractmethod
    def run(self, opened: Opened, batch: FrameBatch) -> Rows | Detections:
        """Return the rows of a batch: none, one or many of each frame.

        `opened` is what `open` returned. The rows of a frame must depend on that frame alone, not
        on the frames that happen to share its batch.
        """
