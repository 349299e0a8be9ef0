"""The card of a compiled model: its properties, which are stored in its metadata."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from onnxruntime import InferenceSession
from pydantic import TypeAdapter, ValidationError

from fleet.ascend.aipp_config import AippConfig
from fleet.ascend.clock import model_s
from fleet.ascend.soc import Soc
from fleet.core.geometry import Fit, Size
from fleet.errors import ModelRefusedError
from fleet.models.heads import Anchors, Setting
from fleet.models.session import SESSION_ERRORS, open_session

CARD_KEY = "fleet.model_card"
FORMAT = 1
LATER = ("anchors", "settings", "threshold", "pictures_per_s", "calibration")
"""The fields that older cards lack."""


@dataclass(frozen=True)
class Calibration:
    """How the ranges of a network in int8 were found."""

    archive: str
    """The videos whose frames were looked at."""
    frames: int
    """How many there were."""
    seed: int
    """By which they were drawn."""
    digest: str
    """SHA-256 in hex over what the network was fed."""


@dataclass(frozen=True)
class ModelCard:
    """All that is needed to feed a compiled model and to read its outputs."""

    format: int
    """The version of this card."""
    name: str
    """For people."""
    head: str
    """The head that turns raw outputs into boxes, by its name (`fleet.models.heads`)."""
    iou: float
    """The overlap, 0..1, above which a box is suppressed."""
    per_class: bool
    """Whether only boxes of the same class suppress each other."""
    labels: tuple[str, ...]
    """The names of the classes, in order."""
    input_name: str
    """The name of the network's input, [batch, 3, height, width]."""
    size: Size
    """The width and height of the input."""
    batch: int
    """How many pictures the input holds."""
    dtype: Literal["float32", "float16", "uint8"]
    """The type of the input's values."""
    fit: Fit
    """How a picture is brought to the size that AIPP reads."""
    aipp: AippConfig
    """How AIPP converts pictures to the input."""
    soc: str
    """The chip that the model is compiled for."""
    opset: int
    """The version of ONNX's operators."""
    macs: int
    """Multiply-accumulates a picture, in convolutions and matrix products."""
    weight_bytes: int
    """The weights, floats at 2 bytes as in ATC's default precision (force_fp16)."""
    workspace_bytes: int
    """The most values that exist between layers at the same time, at 2 bytes each."""
    output_bytes: int
    """The raw outputs of a batch."""
    digest: str
    """SHA-256 in hex over graph and configuration, without the name."""
    anchors: Anchors = ()
    """The anchors of the head; empty for a head without."""
    settings: dict[str, Setting] = field(default_factory=dict)
    """Which of its layouts the head reads; empty for the usual one."""
    threshold: float = 0.0
    """The score that its exporter recommends; 0 where it does not say."""
    pictures_per_s: float = 0.0
    """What was measured on a real chip, or is else known; 0 where nobody said."""
    calibration: Calibration | None = None
    """Of a network in int8; None for one in its own precision."""

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"a model card of format {self.format}; this Fleet reads {FORMAT}")

    @property
    def source(self) -> Size:
        """The size of the NV12 pictures that AIPP reads."""
        return self.aipp.layout(self.size).source

    @property
    def input_bytes(self) -> int:
        """The size of a batch of NV12 pictures."""
        return self.batch * self.source.pixels * 3 // 2

    @property
    def memory_bytes(self) -> int:
        """The device memory of the loaded model: weights, workspace, input and output."""
        return self.weight_bytes + self.workspace_bytes + self.input_bytes + self.output_bytes

    def chip_s(self, soc: Soc) -> float:
        """Return the modelled seconds for one batch: by its own rate, where it has one.

        Else a lower bound, at the peak of the chip's cores in float16, or in int8.
        """
        if self.pictures_per_s:
            return self.batch / self.pictures_per_s
        return model_s(soc, self.macs * self.batch, int8=self.calibration is not None)

    def configuration(self) -> str:
        """Return as JSON all that the digest covers besides the graph."""
        return replace(self, name="", digest="", pictures_per_s=0.0).to_json()

    def to_json(self) -> str:
        """Return the card in the form of the model's metadata."""
        # Older cards have no fields for these: without them digests stay the same.
        without = {name for name in LATER if not getattr(self, name)}
        return CARDS.dump_json(self, exclude=without).decode()


CARDS = TypeAdapter(ModelCard)


def read_card(om: bytes, path: str) -> ModelCard:
    """Return the card of a compiled model; raises ModelRefusedError where the bytes are none.

    The same for a model that names data outside its own bytes. `path` names the file in the error.
    """
    try:
        session = open_session(om, path, optimise=False)
    except SESSION_ERRORS as error:
        raise not_compiled(path) from error
    return card_of(session, path)


def card_of(session: InferenceSession, path: str) -> ModelCard:
    """Return the card of an open model.

    Raises ModelRefusedError where it has no card, or one of another format.
    """
    text = session.get_modelmeta().custom_metadata_map.get(CARD_KEY)
    if text is None:
        raise not_compiled(path)
    try:
        return CARDS.validate_json(text)
    except ValidationError as error:
        message = f"{path} is a compiled model whose card this Fleet cannot read."
        raise ModelRefusedError(message, "Compile it again with `fleet compile`.") from error


def not_compiled(path: str) -> ModelRefusedError:
    """Return the error for bytes that are no compiled model."""
    return ModelRefusedError(
        f"{path} is not a compiled model.",
        "Compile it first: fleet compile MODEL.onnx --head HEAD --labels FILE --output NAME.",
    )
