"""`fleet eval` as users meet it."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import fleet_here
from made_up import claimed, commit_lease

import fleet
from fleet.cli.evaluate import evaluate
from fleet.errors import UsageError
from fleet.storage import Folder


@pytest.fixture
def out(tmp_path: Path) -> Folder:
    """An output of one video, six frames, one box a frame."""
    folder = claimed(Folder(str(tmp_path / "out")))
    commit_lease(folder, "/archive/north.mp4", range(6))
    return folder


def truth_of(out: Folder, uri: str, path: Path) -> Path:
    """Write the output's own detections as the truth about another video."""
    rows = fleet.read(out.uri).detections.to_table().to_pylist()
    pq.write_table(pa.Table.from_pylist([{**row, "uri": uri} for row in rows]), path)
    return path


def test_eval_prints_a_table_and_draws_curves(out: Folder, tmp_path: Path) -> None:
    """80 columns; the PNGs lie beside the output, not in it; an unfinished job is called so."""
    truth = truth_of(out, "north.mp4", tmp_path / "truth.parquet")
    before = sorted(entry.name for entry in out.list())
    done = fleet_here("eval", out.uri, "--truth", truth)
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.split("\n\n")[1].splitlines())) <= 80
    assert "not finished" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("  all")]
    assert line.split() == ["all", "6", "1.000", "1.000", "1.000"]
    assert (tmp_path / "out-eval" / "pr_class.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(entry.name for entry in out.list()) == before
    elsewhere = fleet_here("eval", out.uri, "--truth", truth, "--plots", tmp_path / "curves")
    assert str(tmp_path / "curves" / "pr_size.png") in elsewhere.stdout
    assert (tmp_path / "curves" / "pr_size.png").is_file()


def test_eval_refuses_what_cannot_be_compared(out: Folder, tmp_path: Path) -> None:
    """Exit code 2, one paragraph, nothing written."""
    other = truth_of(out, "west.mp4", tmp_path / "other.parquet")
    for arguments, words in [
        ((out.uri, "--truth", other), "different archives"),
        ((out.uri, "--truth", tmp_path / "none.parquet"), "does not exist"),
        ((tmp_path, "--truth", other), "no output of Fleet"),
    ]:
        done = fleet_here("eval", *arguments)
        assert done.returncode == 2, done.stderr
        assert words in done.stderr
    assert not (tmp_path / "out-eval").exists()


@pytest.mark.parametrize("package", ["faster_coco_eval", "matplotlib"])
def test_without_the_extra_eval_says_what_to_install(
    out: Folder, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than how an import failed."""
    for name in [name for name in sys.modules if name.startswith(("fleet.evaluate", package))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=rf"{package}.*ascend-fleet\[eval\]"):
        evaluate(out.uri, "truth.parquet")
