"""A model: whether it is compiled or can be, and runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from fleet.ascend.soc import Ascend310
from fleet.core.format import duration
from fleet.doctor.finding import Finding, well
from fleet.infer.request import Fill, InferRequest
from fleet.infer.run import Finished, infer
from fleet.models.card import read_card
from fleet.models.compiler.compile import compile_network
from fleet.models.external_data import read_network
from fleet.storage import read_file

_RUNS = 3


def examine_model(uri: str) -> Iterator[Finding]:
    """Yield what a compiled model is and how fast it runs here, or what an ONNX file becomes."""
    if uri.endswith(".onnx"):
        compiled = compile_network(read_network(uri), name=uri, soc=Ascend310)
        yield well("model", f"{uri} can be compiled: {compiled.reading}")
        return
    card = read_card(read_file(uri), uri)
    labels = len(card.labels)
    yield well(
        "model", f"{card.name} for {card.soc}, {card.size}, head {card.head}, {labels} labels"
    )
    gear = card.batch if card.gears else None
    request = InferRequest(model=uri, loop=_RUNS, batch=gear, fill=Fill.ZERO)
    for event in infer(request, datetime.now(UTC)):
        if isinstance(event, Finished):
            yield well("inference", f"{duration(event.times.mean_s)} a batch of {card.batch} here")
