"""The note beside the results of a demo, by which a second demo sees that nothing is left to do."""

from __future__ import annotations

import json
import os
from pathlib import Path

from fleet.demo.plan import Demo
from fleet.errors import UsageError
from fleet.storage import Folder

RECORD = "demo.json"


def claim(demo: Demo) -> str | None:
    """Take the folder for this demo; return the result of an earlier one that finished, or None.

    It is None too where the earlier one was asked for in another folder: its paths are of there.

    Raises UsageError where the folder holds a demo made from something else.
    """
    path = demo.folder / RECORD
    if not path.is_file():
        _write(demo, {"made_from": demo.key})
        return None
    try:
        record = json.loads(path.read_text("utf-8"))
        made_from, result = record["made_from"], record.get("result")
        # Its paths are relative to there.
        told_here = record.get("told_in") == _here()
    except (ValueError, KeyError, TypeError, AttributeError):
        made_from, result, told_here = None, None, False
    if made_from != demo.key:
        raise UsageError(
            f"{demo.folder} holds a demo of another network, with other options, by another "
            "version of Fleet, or of elsewhere.",
            "Remove that folder, or choose another with --output.",
        )
    return str(result) if result and told_here and _whole(demo) else None


def conclude(demo: Demo, result: str) -> None:
    """Write down that the demo finished, and its result."""
    _write(demo, {"made_from": demo.key, "told_in": _here(), "result": result})


def _here() -> str:
    return os.path.abspath(".")  # noqa: PTH100 - as the paths are made


def _write(demo: Demo, record: dict[str, str]) -> None:
    Folder(str(demo.folder)).put(RECORD, f"{json.dumps(record, indent=1)}\n".encode())


def _whole(demo: Demo) -> bool:
    """Return whether what the steps made is still there; the videos are checked elsewhere."""
    files = (demo.model, demo.sheet, demo.report, demo.curves / "pr_class.png")
    outputs = (demo.detections, demo.pictures)
    return all(path.is_file() for path in files) and all(_finished(path) for path in outputs)


def _finished(output: Path) -> bool:
    # It takes a second to load, and a first demo does not need it yet.
    from fleet.table.state.read import read  # noqa: PLC0415

    try:
        return read(str(output)).finished
    except UsageError:
        return False
