"""Modules of users who read a network's outputs by heads of their own."""

from __future__ import annotations

from pathlib import Path

LIGHTEST = '''
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

import fleet
from fleet import Candidates, CompiledModel, Detections, Device, FrameBatch, FrameJob, Head, Network


@fleet.head("lightest")
@dataclass(frozen=True)
class Lightest(Head):
    """The strongest colour of a picture, as one box of a tenth of the canvas a channel."""

    fit: fleet.Fit = fleet.Fit.STRETCH
    iou: float = 1.0
    share: float = SHARE

    def decode(self, outputs, canvas, threshold):
        found = []
        for means in outputs[0][:, 4:, 0]:
            best = int(means.argmax())
            box = np.array([[0, 0, canvas.width * self.share, canvas.height]], np.float32)
            kept = int(means[best] > threshold)
            found.append(Candidates(box[:kept], means[[best]][:kept], np.array([best])[:kept]))
        return found


@dataclass(frozen=True)
class Look(FrameJob[Network]):
    """Every box that the model's head returns."""

    model: CompiledModel
    threshold: float = 0.1

    table: ClassVar[str] = "detections"
    schema: ClassVar[pa.Schema] = fleet.DETECTIONS

    def open(self, device: Device) -> Network:
        return device.load(self.model)

    def run(self, opened: Network, batch: FrameBatch) -> Detections:
        return opened.detect(batch, self.threshold)
'''
"""A head of the layout of `networks.colour_network`, and a job that uses it."""


def write_job(folder: Path, clip: Path, share: float = 0.1) -> Path:
    """Write a module with a head and a job, and the job's file beside it; return that."""
    (folder / "look.py").write_text(LIGHTEST.replace("SHARE", str(share)))
    (folder / "look.toml").write_text(
        f'job = "look.py:Look"\ninput = ["{clip}"]\noutput = "{folder}/out"\n'
        'sample = "every=20"\nlease_s = 2.0\n[params]\nmodel = "look.om"\n'
    )
    return folder / "look.toml"
