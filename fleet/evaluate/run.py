"""Evaluate an output, from reading the truth to the scores."""

from __future__ import annotations

from fleet.evaluate.coco import evaluate_scene
from fleet.evaluate.gather import gather
from fleet.evaluate.scene import Scene
from fleet.evaluate.score import Evaluation
from fleet.evaluate.truth import read_truth
from fleet.table.state.read import Tables


def evaluate_output(tables: Tables, truth: str) -> tuple[Scene, Evaluation]:
    """Compare an output with the truth, a Parquet file or a folder of them, by path or URL.

    Return what was compared, and its scores. Raises UsageError where there is no such truth, and
    where it is of another archive.
    """
    scene = gather(tables, read_truth(truth))
    return scene, evaluate_scene(scene)
