"""What a compiled model says of itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from onnxruntime import InferenceSession
from pydantic import TypeAdapter, ValidationError

from fleet.ascend.aipp_config import AippConfig
from fleet.core.geometry import Fit, Size
from fleet.errors import ModelRefusedError
from fleet.models.heads import Anchors
from fleet.models.session import SESSION_ERRORS, open_session

CARD_KEY = "fleet.model_card"
FORMAT = 1


@dataclass(frozen=True)
class ModelCard:
    """All that is needed to feed a compiled model and to read what comes out.

    `format`: the version of this card. `name`: for people. `head`, `iou`, `per_class`: how raw
    outputs become boxes (`fleet.models.heads`), and the overlap above which a box is suppressed.
    `size`, `batch`, `dtype`: the network's input [batch, 3, height, width], called `input_name`.
    `fit`: how a picture is brought to AIPP's source size. `soc`: the chip it is compiled for.
    `macs`: multiply-accumulates a picture in convolutions and matrix products. `weight_bytes`:
    float weights at 2 bytes, as ATC's default precision (force_fp16) keeps them.
    `workspace_bytes`: the most that lives between layers at once, at 2 bytes a value.
    `output_bytes`: raw outputs of a batch. `digest`: sha256 in hex over graph and configuration;
    the name does not count. `anchors`: what the head reads with, if it is one that needs them.
    """

    format: int
    name: str
    head: str
    iou: float
    per_class: bool
    labels: tuple[str, ...]
    input_name: str
    size: Size
    batch: int
    dtype: Literal["float32", "float16", "uint8"]
    fit: Fit
    aipp: AippConfig
    soc: str
    opset: int
    macs: int
    weight_bytes: int
    workspace_bytes: int
    output_bytes: int
    digest: str
    anchors: Anchors = ()

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"a model card of format {self.format}; this Fleet reads {FORMAT}")

    @property
    def source(self) -> Size:
        """The size of the NV12 pictures that are fed."""
        return self.aipp.layout(self.size).source

    @property
    def input_bytes(self) -> int:
        """A batch of NV12 pictures."""
        return self.batch * self.source.pixels * 3 // 2

    @property
    def memory_bytes(self) -> int:
        """What the loaded model occupies on the device: weights, workspace, input and output."""
        return self.weight_bytes + self.workspace_bytes + self.input_bytes + self.output_bytes

    def chip_s(self, fp16_tflops: float) -> float:
        """Model the chip's seconds for one batch: a lower bound, its cores at their float16 peak.

        Two operations a multiply-accumulate; `fp16_tflops` as in the chip's table.
        """
        return 2 * self.macs * self.batch / (fp16_tflops * 1e12)

    def configuration(self) -> str:
        """Give all that the digest covers beside the graph, as JSON."""
        return replace(self, name="", digest="").to_json()

    def to_json(self) -> str:
        """Give the card as it stands in the model's metadata."""
        # Cards of networks without anchors, and so their digests, are what they always were.
        without = None if self.anchors else {"anchors"}
        return CARDS.dump_json(self, exclude=without).decode()


CARDS = TypeAdapter(ModelCard)


def read_card(om: bytes, path: str) -> ModelCard:
    """Read the card of a compiled model; raises ModelRefusedError if the bytes are none.

    `path` names the file in the error.
    """
    try:
        session = open_session(om, optimise=False)
    except SESSION_ERRORS as error:
        raise not_compiled(path) from error
    return card_of(session, path)


def card_of(session: InferenceSession, path: str) -> ModelCard:
    """Return the card of an open model.

    Raises ModelRefusedError where it has none that this version reads.
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
    """Make the error for bytes that are no compiled model."""
    return ModelRefusedError(
        f"{path} is not a compiled model.",
        "Compile it first: fleet compile MODEL.onnx --head HEAD --labels FILE --output NAME.",
    )
