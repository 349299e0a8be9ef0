"""What a demo makes, and where."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from fleet.core.geometry import Size
from fleet.errors import UsageError
from fleet.models.external_data import read_network

CHIP = "Ascend310"
WIDE = Size(416, 256)
"""What pictures of 16:9, as all cameras have, need of the detector's 416x416."""
SAMPLE = "every=2"
"""Every second frame; a thousand frames are enough to measure by."""
THRESHOLD = 0.05
"""Low, because AP weighs all scores."""
SURE = 0.4
"""Above it, boxes are shown and counted; the threshold of jobs/detect.toml."""
CAMERA = "(?P<camera>camera-[0-9]+)"
"""The folder of a video names its camera, which becomes a column of all tables."""


@dataclass(frozen=True)
class Demo:
    """What a demo is made from, and the paths of what it makes."""

    folder: Path
    """Everything goes there; it is made absolute."""
    onnx: Path
    """The network, whose metadata says how its output is read."""
    detect: Path
    """The job file of the detector."""
    thumbnails: Path
    """The job file of the contact sheet's pictures."""
    cameras: int
    """How many cameras are rendered, one clip each."""
    seconds: float
    """The length of each clip, in seconds."""
    seed: int
    """The same seed renders the same pictures."""
    devices: int
    """How many simulated devices the detector runs on."""
    size: Size | None = WIDE
    """The size that the network is compiled for; None for its own."""

    def __post_init__(self) -> None:
        # Absolute, as URIs are; a link stays a link.
        object.__setattr__(self, "folder", Path(os.path.abspath(self.folder.expanduser())))  # noqa: PTH100
        if not self.onnx.is_file():
            raise UsageError(
                f"There is no network {self.onnx}.",
                "Fleet's own is jobs/street/street.onnx in a checkout; name another with --model.",
            )

    @property
    def archive(self) -> Path:
        """The videos, in a folder for each camera."""
        return self.folder / "archive"

    @property
    def truth(self) -> Path:
        """The true boxes of the videos."""
        return self.archive / "truth"

    @property
    def model(self) -> Path:
        """The compiled network."""
        return self.folder / f"{self.onnx.stem}.om"

    @property
    def detections(self) -> Path:
        """The output of the job detect."""
        return self.folder / "detections"

    @property
    def pictures(self) -> Path:
        """The output of the job thumbnails."""
        return self.folder / "thumbnails"

    @property
    def curves(self) -> Path:
        """The plots of precision over recall."""
        return self.folder / "curves"

    @property
    def sheet(self) -> Path:
        """The contact sheet."""
        return self.folder / "contact-sheet.png"

    @property
    def report(self) -> Path:
        """The page of what was covered and found."""
        return self.folder / "report.html"

    @property
    def key(self) -> str:
        """All that the results depend on: demos with the same key make the same results."""
        network = hashlib.sha256(read_network(str(self.onnx))).hexdigest()
        rendered = f"cameras={self.cameras} seconds={self.seconds:g} seed={self.seed}"
        read = f"sample={SAMPLE} threshold={THRESHOLD:g} network={network} size={self.size}"
        # The tables name their videos by location.
        return f"{rendered} {read} folder={self.folder}"
