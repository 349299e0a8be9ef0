"""What may be in the way of `fleet demo`."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from command import fleet_here

from fleet.cli.demo import demo
from fleet.demo.check import check_folder, check_packages, check_room
from fleet.errors import UsageError


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "none.onnx"), ("no network none.onnx", "--model")),
        (("--cameras", 0), ("0 cameras",)),
        (("--seconds", 0), ("0 s",)),
        (("--output", __file__), ("Nothing can be written", "--output")),
        (("--output", "a\\b"), ("backslash", "--output")),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    network: Path, tmp_path: Path, arguments: tuple[object, ...], words: tuple[str, ...]
) -> None:
    """Exit code 2, and nothing is made."""
    usual: dict[object, object] = {"--output": tmp_path / "out", "--model": network}
    named = {**usual, **dict(zip(arguments[::2], arguments[1::2], strict=True))}
    done = fleet_here("demo", *(part for pair in named.items() for part in pair))
    assert (done.returncode, done.stdout) == (2, "")
    for word in words:
        assert word in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_model_that_says_nothing_is_refused(network: Path, tmp_path: Path) -> None:
    """Before the job runs; the way out names the option of `fleet compile`."""
    model = onnx.load(network)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "mute.onnx")
    arguments = ("--output", tmp_path / "out", "--model", tmp_path / "mute.onnx")
    done = fleet_here("demo", *arguments, "--cameras", 1, "--seconds", 0.5)
    assert done.returncode == 2
    assert "fleet.head" in done.stderr


def test_no_room_is_said_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is needed and what is free."""
    usage = type("Usage", (), {"free": 60_000_000})()
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    check_room(tmp_path, 4 * 2)
    with pytest.raises(UsageError, match=r"takes about 140 MB, and 60 MB are free.*--output"):
        check_room(tmp_path, 4 * 45)


def test_no_permission_is_said_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the folder is there already."""
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(UsageError, match=r"Permission denied.*--output"):
        check_folder(tmp_path)


@pytest.mark.parametrize("package", ["cv2", "faster_coco_eval", "matplotlib", "duckdb"])
def test_a_missing_extra_is_named(
    package: str, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One command installs all of it."""
    monkeypatch.setattr("fleet.demo.check.find_spec", lambda name: name != package or None)
    with pytest.raises(UsageError, match=r"is not installed.*ascend-fleet\[demo\]"):
        demo(tmp_path / "out", network)
    monkeypatch.undo()
    check_packages()
