"""The step that holds a demo's detections against the truth, in a process of its own."""

from __future__ import annotations

from fleet.loading import loading


def measure(detections: str, truth: str, curves: str) -> str:
    """Write the curves of precision over recall, and return the scores as text.

    `detections`: the path of an output; `truth`: of the folder of its videos' true boxes; `curves`:
    of the folder for the drawings.
    """
    # Only the process that evaluates loads what draws and compares; the demo's own has no need.
    with loading():
        from fleet.evaluate.curves import draw_curves  # noqa: PLC0415
        from fleet.evaluate.report import render  # noqa: PLC0415
        from fleet.evaluate.run import evaluate_output  # noqa: PLC0415
        from fleet.storage import Folder  # noqa: PLC0415
        from fleet.table.state.read import read  # noqa: PLC0415

    scene, evaluation = evaluate_output(read(detections), truth)
    folder = Folder(curves)
    for name, png in draw_curves(evaluation):
        folder.put(name, png)
    return render(scene, evaluation)
