"""The step that holds a demo's detections against the truth, in a process of its own."""

from __future__ import annotations

from fleet.demo.plan import Demo
from fleet.storage import Folder


def measure(demo: Demo) -> str:
    """Write the curves of precision over recall, and return the scores as text."""
    # Only the process that evaluates loads what draws and compares; the demo's own has no need.
    from fleet.evaluate.curves import draw_curves  # noqa: PLC0415
    from fleet.evaluate.report import render  # noqa: PLC0415
    from fleet.evaluate.run import evaluate_output  # noqa: PLC0415
    from fleet.table.state.read import read  # noqa: PLC0415

    scene, evaluation = evaluate_output(read(str(demo.detections)), str(demo.truth))
    folder = Folder(str(demo.curves))
    for name, png in draw_curves(evaluation):
        folder.put(name, png)
    return render(scene, evaluation)
