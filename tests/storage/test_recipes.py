"""The recipes of docs/recipes.md, word for word, on an output that is known."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
from scattered import Scattered, archive, run_over

import fleet
from fleet.export.run import Exporting, export_output

TEXT = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An output over three small videos."""
    folder = tmp_path_factory.mktemp("recipes")
    archive(folder / "videos", tmp_path_factory.mktemp("clips"))
    return run_over(folder / "videos", str(folder / "out"), Scattered()).output


def test_supervision_gets_the_boxes_of_a_frame(out: str) -> None:
    """All of them, in pixels, with labels."""
    pytest.importorskip("supervision")
    names: dict[str, Any] = {}
    exec(BLOCKS[0], names)  # noqa: S102 - the page's own code
    rows = fleet.read(out).detections.to_table().to_pylist()
    uri, frame = rows[0]["uri"], rows[0]["frame"]
    of_frame = [row for row in rows if (row["uri"], row["frame"]) == (uri, frame)]
    found = names["to_supervision"](out, uri, frame)
    assert found.xyxy[:, 0].tolist() == [row["x1"] for row in of_frame]
    assert found.data["class_name"].tolist() == [row["label"] for row in of_frame]


def test_supervision_reads_an_export(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many pictures and boxes as the tables have."""
    pytest.importorskip("supervision")
    monkeypatch.chdir(tmp_path)
    export_output(out, "build/coco", Exporting("coco", pictures=True))
    names: dict[str, Any] = {}
    exec(BLOCKS[1], names)  # noqa: S102 - the page's own code
    tables = fleet.read(out)
    placed = [r for r in tables.detections.to_table().to_pylist() if math.isfinite(r["x2"])]
    assert len(names["dataset"]) == tables.frames.count_rows()
    assert sum(map(len, names["dataset"].annotations.values())) == len(placed)


def test_every_recipe_is_python() -> None:
    """Those too that need a library that is not here."""
    assert len(BLOCKS) == 3
    for block in BLOCKS:
        compile(block, "docs/recipes.md", "exec")
