"""What is asked of one inference, and in which of the two tools' forms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fleet.errors import UsageError
from fleet.models.card import ModelCard

MOST_DEVICES = 256
MSAME_LOOPS = 100


class OutputFormat(StrEnum):
    """The form of the files of a network's outputs."""

    TXT = "TXT"
    BIN = "BIN"
    NPY = "NPY"


class Fill(StrEnum):
    """What is fed where no input is given."""

    RANDOM = "random"
    ZERO = "zero"


class Form(StrEnum):
    """Whose names and forms the outputs have.

    msame: https://github.com/Ascend/tools, msame/src/sample_process.cpp and model_process.cpp; it
    has no NPY. ais_bench: the same repository, ais-bench_workload/tool/ais_infer/README.md, today
    `msit benchmark`.
    """

    MSAME = "msame"
    AIS_BENCH = "ais_bench"

    def folder(self, moment: datetime) -> str:
        """Return the name of the folder that a run at that moment makes."""
        if self is Form.AIS_BENCH:
            return f"{moment:%Y_%m_%d-%H_%M_%S}"
        day = f"{moment.year}{moment.month}{moment.day}"
        time = f"{moment.hour}_{moment.minute}_{moment.second}_{moment.microsecond}"
        return f"{day}_{time}"

    def file(self, stem: str, index: int, outfmt: OutputFormat) -> str:
        """Return the name of one output's file; `stem` is that of the first input's file."""
        between = "_output_" if self is Form.MSAME else "_"
        return f"{stem}{between}{index}.{outfmt.value.lower()}"


@dataclass(frozen=True)
class InferRequest:
    """One call of the tool; raises UsageError for what it cannot mean."""

    model: str
    """The path of a compiled model."""
    inputs: tuple[str, ...] = ()
    """A file or a folder for each input of the model, in its order; empty: `fill` is fed."""
    output: str | None = None
    """The folder for the outputs; None: they are not written."""
    outfmt: OutputFormat = OutputFormat.BIN
    """The form of the files."""
    loop: int = 1
    """How often each input is run."""
    warmup: int = 0
    """How often the first input is run before anything counts."""
    device: int = 0
    """The number of the simulated device."""
    batch: int | None = None
    """Which of a model's gears is run; None for a model of one size."""
    fill: Fill = Fill.RANDOM
    """What is fed where no input is given."""
    form: Form = Form.AIS_BENCH
    """Whose names and forms the outputs have."""

    def chosen(self, card: ModelCard) -> ModelCard:
        """Return the card of the size of a batch that is run; raises UsageError for none of its."""
        if not card.gears:
            if self.batch is not None:
                message = f"A batch of {self.batch} is chosen, and {card.name} takes one size."
                way_out = "`fleet atc --dynamic_batch_size=1,2,4` makes models of several."
                raise UsageError(message, way_out)
            return card
        gears = ", ".join(map(str, card.gears))
        if self.batch not in card.gears:
            asked = "none is chosen" if self.batch is None else f"{self.batch} is none of them"
            message = f"{card.name} takes batches of {gears}, and {asked}."
            raise UsageError(message, "Say which: --dymBatch N, or --dym-batch N of `fleet infer`.")
        return card.at_batch(self.batch)

    def __post_init__(self) -> None:
        if self.loop < 1 or self.warmup < 0:
            message = f"{self.loop} runs after {self.warmup} to warm up cannot be."
            raise UsageError(message, "Run it once or more, and warm up 0 times or more.")
        if self.form is Form.MSAME and self.loop > MSAME_LOOPS:
            message = f"--loop {self.loop}: msame takes 1 to {MSAME_LOOPS}."
            raise UsageError(message, "`fleet infer` takes any number.")
        if not 0 <= self.device < MOST_DEVICES:
            message = f"There is no device {self.device}."
            raise UsageError(message, f"Devices are numbered 0 to {MOST_DEVICES - 1}.")
        if self.form is Form.MSAME and self.outfmt is OutputFormat.NPY:
            message = "msame writes no NPY."
            raise UsageError(message, "Take TXT or BIN, or `fleet infer`.")
        if not all(self.inputs):
            raise UsageError("One of the inputs has no name.", "Write --input a.bin,b.bin.")
