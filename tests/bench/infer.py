"""`fleet infer` against a bare loop of ONNX Runtime with as many threads, in turn. Prints.

FastestDet of FLEET_TEST_DATA, else Fleet's own street detector. Read the ratio: absolute figures
drift with the machine, so that one run of the one follows one of the other.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import onnxruntime

from fleet.ascend.soc import soc
from fleet.infer.request import InferRequest
from fleet.infer.run import Executed, Finished, infer
from fleet.models.card import read_card
from fleet.models.compiler.compile import compile_model

ROOT = Path(__file__).parents[2]
RUNS = 1000


def compiled() -> bytes:
    """Compile the detector."""
    data = Path(os.environ.get("FLEET_TEST_DATA", ""))
    if (data / "FastestDet.onnx").is_file():
        labels = tuple((data / "coco.names").read_text().splitlines())
        content = (data / "FastestDet.onnx").read_bytes()
        return compile_model(
            content, head="fastestdet", labels=labels, name="fastestdet", soc=soc("Ascend310")
        )
    content = (ROOT / "jobs" / "street" / "street.onnx").read_bytes()
    return compile_model(content, name="street", soc=soc("Ascend310"))


def bare(om: bytes) -> Callable[[], float]:
    """Return what runs the network in ONNX Runtime alone, on one thread, and returns the seconds."""
    card = read_card(om, "bench.om")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(om, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    shape = (card.batch, 3, card.size.height, card.size.width)
    feed = {card.input_name: np.random.default_rng(0).random(shape).astype(card.dtype)}

    def run() -> float:
        began_s = perf_counter()
        session.run(names, feed)
        return perf_counter() - began_s

    return run


def main() -> None:
    """Print both averages without the first, and their ratio."""
    om = compiled()
    alone, seconds = bare(om), []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.om"
        path.write_bytes(om)
        for event in infer(InferRequest(str(path), loop=RUNS + 1), datetime.now(UTC)):
            if isinstance(event, Executed):
                seconds.append(alone())
            if isinstance(event, Finished):
                times = event.times
    own, other = times.mean_without_first_s, sum(seconds[1:]) / RUNS
    print(f"fleet infer on {read_card(om, '').name}: {1e3 * own:.3f} ms a run, average of {RUNS}")
    print(f"ONNX Runtime alone:        {1e3 * other:.3f} ms a run, on one thread as well")
    middle = times.median_s / median(seconds)
    print(f"ratio {own / other:.3f} of the averages, {middle:.3f} of the medians; 1.05 is the aim")


if __name__ == "__main__":
    main()
