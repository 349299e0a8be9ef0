"""The formats of an export: rows in, texts out; nothing here reads or writes."""

from __future__ import annotations

from collections.abc import Mapping

from fleet.errors import UsageError
from fleet.export.formats.coco import Coco
from fleet.export.formats.cvat import Cvat
from fleet.export.formats.format import Format
from fleet.export.formats.jsonlines import JsonLines
from fleet.export.formats.labelstudio import LabelStudio
from fleet.export.formats.megadetector import MegaDetector
from fleet.export.formats.mot import Mot
from fleet.export.formats.spreadsheet import Csv
from fleet.export.formats.yolo import Yolo

FORMATS: Mapping[str, Format] = {
    "coco": Coco(),
    "yolo": Yolo(),
    "mot": Mot(),
    "cvat": Cvat(),
    "labelstudio": LabelStudio(),
    "megadetector": MegaDetector(),
    "csv": Csv(),
    "jsonl": JsonLines(),
}
"""The formats by their names, as --format takes them."""


def format_of(name: str, val_share: float = 0.0) -> Format:
    """Return a format; `val_share`: see Yolo. Raises UsageError for another name."""
    if name not in FORMATS:
        raise UsageError(f"{name!r} is no format.", f"There are {', '.join(FORMATS)}.")
    if not 0 <= val_share < 1:
        message = f"--val-share {val_share:g} is no share of the videos."
        raise UsageError(message, "It is 0 or more, and less than 1.")
    if val_share and name != "yolo":
        message = f"The format {name} does not say which videos are to validate with."
        raise UsageError(message, "--val-share is for yolo.")
    return Yolo(val_share) if name == "yolo" else FORMATS[name]
