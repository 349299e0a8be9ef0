"""Dumps of tensors for people to inspect: of chosen steps, or of steps that overflowed.

They are chosen as by the 910's DumpConfig (docs/chip.md#train-dump), and lie under
`{dump_path}/{time}/{device}/{model_name}/{model_id}/{data_index}`, as .npy files of float32.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from fleet.train.numerics.overflow import Overflow, Values

DEVICE = 0
MODEL_NAME = "street"
MODEL_ID = 1
"""One device trains one network, so that their numbers are constants."""


class DumpConfig(BaseModel):
    """The tensors to write, under the names of the 910."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enable_dump: bool = False
    """Whether to write the tensors of chosen steps; excludes `enable_dump_debug`."""
    enable_dump_debug: bool = False
    """Whether to write the tensors that overflowed; excludes `enable_dump`."""
    dump_path: str = "build/train_street/dump"
    """The folder to write to."""
    dump_step: str = Field(default="", pattern=r"^(\d+(\|\d+)*)?$")
    """The chosen steps, such as "0|5|10"; empty for all."""
    dump_mode: Literal["output", "input", "all"] = "output"
    """The tensors of each convolution in a chosen step."""
    dump_debug_mode: Literal["aicore_overflow", "atomic_overflow", "all"] = "all"
    """The kinds of overflow: aicore_overflow is that of operands and results of an operator,
    atomic_overflow that of gradients, which are summed over a batch."""

    @model_validator(mode="after")
    def _exclusive(self) -> Self:
        if self.enable_dump and self.enable_dump_debug:
            raise ValueError("enable_dump and enable_dump_debug exclude each other: choose one")
        return self

    def dumps(self, data_index: int) -> bool:
        """Return whether the tensors of a step are to be written."""
        steps = self.dump_step.split("|") if self.dump_step else [str(data_index)]
        return self.enable_dump and str(data_index) in steps

    def wants(self, overflow: Overflow) -> bool:
        """Return whether an overflow is of a kind that is to be written."""
        kind = "atomic_overflow" if overflow.atomic else "aicore_overflow"
        return self.enable_dump_debug and self.dump_debug_mode in {kind, "all"}


class Dumper:
    """The writer of the tensors of one run; it makes no folder before it writes a tensor."""

    def __init__(self, config: DumpConfig) -> None:
        self.config = config
        self._time = time.strftime("%Y%m%d%H%M%S")

    def folder(self, data_index: int) -> Path:
        """Return the folder of one step."""
        run = Path(self.config.dump_path) / self._time / str(DEVICE)
        return run / MODEL_NAME / str(MODEL_ID) / str(data_index)

    def write(self, data_index: int, tensors: Iterable[tuple[str, Values]]) -> None:
        """Write tensors by name, such as `stem.0.output`."""
        folder = self.folder(data_index)
        for name, values in tensors:
            folder.mkdir(parents=True, exist_ok=True)
            np.save(folder / f"{name.replace(' (gradient)', '.gradient')}.npy", values)

    def write_pass(self, data_index: int, kept: Mapping[str, Values]) -> None:
        """Write the inputs of the convolutions, their outputs, or both, by the configuration."""
        mode = self.config.dump_mode
        self.write(
            data_index,
            (
                (name, values)
                for name, values in kept.items()
                if mode in {"all", name.rpartition(".")[2]}
            ),
        )

    def write_overflow(self, data_index: int, overflow: Iterable[Overflow]) -> None:
        """Write the tensors that overflowed, of the kinds that the configuration asks for."""
        self.write(
            data_index,
            (
                (item.tensor, item.values)
                for item in overflow
                if item.values is not None and self.config.wants(item)
            ),
        )
