"""What a demo makes, and where it lies."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import UsageError
from fleet.storage import read_file

CHIP = "Ascend310"
SAMPLE = "every=2"
"""Every second frame: a thousand frames are enough to measure by."""
THRESHOLD = 0.05
"""AP weighs all scores, low ones too."""
SURE = 0.4
"""What is shown and counted for people: the threshold that jobs/detect.toml has."""
CAMERA = "(?P<camera>camera-[0-9]+)"
"""The folder of a video names its camera: a column of all tables."""


@dataclass(frozen=True)
class Demo:
    """A demo, set out.

    `folder`: where everything goes. `onnx`: the network, which says itself how it is read.
    `detect`, `thumbnails`: the job files. `cameras`, `seconds` a camera and `seed`: what is
    rendered. `devices`: simulated devices.
    """

    folder: Path
    onnx: Path
    detect: Path
    thumbnails: Path
    cameras: int
    seconds: float
    seed: int
    devices: int

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
        """The videos, a folder a camera."""
        return self.folder / "archive"

    @property
    def truth(self) -> Path:
        """What is to be seen in the videos."""
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
        """Precision over recall, drawn."""
        return self.folder / "curves"

    @property
    def sheet(self) -> Path:
        """The contact sheet."""
        return self.folder / "contact-sheet.png"

    @property
    def key(self) -> str:
        """What everything was made from: a demo with the same key makes the same."""
        network = hashlib.sha256(read_file(str(self.onnx))).hexdigest()
        rendered = f"cameras={self.cameras} seconds={self.seconds:g} seed={self.seed}"
        read = f"sample={SAMPLE} threshold={THRESHOLD:g} network={network}"
        # The tables name their videos by location.
        return f"{rendered} {read} folder={self.folder}"
