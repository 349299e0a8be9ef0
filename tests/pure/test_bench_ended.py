"""A bench that is interrupted: what it has measured is kept, and nothing more is started."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import bench
import pytest
from history.records import read
from measured import afar
from measured.cases import Case
from measured.rounds import Kept, Measured

FACTS = {"width": 2, "height": 2, "frames": 1, "network": "N", "tiny": 1}


def interrupted(*_: object) -> bool:
    """Raise what Ctrl-C does."""
    raise KeyboardInterrupt


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Measure nothing, and be interrupted in the case `sparse` and the part `stages`; what is started."""
    names: list[str] = []

    def measure(case: Case, *_: object) -> Measured:
        names.append(case.name)
        if case.name == "sparse":
            raise KeyboardInterrupt
        found: Kept = {(case.name, "Fleet", "wall_s"): [1.0]}
        return Measured(found, {})

    def run_part(name: str) -> int:
        names.append(name)
        if name == "stages":
            raise KeyboardInterrupt
        return 0

    @contextmanager
    def checked_out(*_: object) -> Iterator[Path]:
        yield tmp_path

    monkeypatch.setattr(bench, "measure", measure)
    monkeypatch.setattr(bench, "run_part", run_part)
    monkeypatch.setattr(bench, "checked_out", checked_out)
    monkeypatch.setattr(bench, "gather", lambda *_: SimpleNamespace(facts=FACTS, clip="c"))
    monkeypatch.setattr(bench, "missing_peers", lambda _: {})
    monkeypatch.setattr(bench, "checkout_at", lambda *_: None)
    # That of the tests stays what it is.
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return names


def code_of(monkeypatch: pytest.MonkeyPatch, *line: str) -> int:
    """Return what the command ends with."""
    monkeypatch.setattr(sys, "argv", ["bench.py", *line])
    return bench.main()


def test_an_interrupted_bench_keeps_what_it_has_and_ends(
    started: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No case and no part follows; the case before is in the history."""
    history = tmp_path / "history.jsonl"
    line = ("--only", "dense,sparse,keyframes,slow", "--history", str(history))
    assert code_of(monkeypatch, "measure", *line) == bench.INTERRUPTED
    assert started == ["dense", "sparse"]
    assert [set(each.figures) for each in read(history)] == [{("dense", "Fleet", "wall_s")}]


def test_a_bench_interrupted_at_its_start_adds_nothing(
    started: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A run without a figure would be the newest of the history."""
    history = tmp_path / "history.jsonl"
    line = ("--only", "sparse,slow", "--history", str(history))
    assert code_of(monkeypatch, "measure", *line) == bench.INTERRUPTED
    assert started == ["sparse"]
    assert read(history) == []


def test_no_part_follows_one_that_was_interrupted(
    started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are run in their order."""
    assert code_of(monkeypatch, "measure", "--only", "stages,slow") == bench.INTERRUPTED
    assert started == ["stages"]


def test_an_interrupted_gate_decides_nothing(
    started: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither that speed was lost nor that it was kept."""
    line = ("gate", "--old", "HEAD", "--only", "dense,sparse")
    assert code_of(monkeypatch, *line) == bench.INTERRUPTED
    assert started == ["dense", "sparse"]
    assert "LOST" not in capsys.readouterr().out


def test_a_store_that_is_left_by_an_error_leaves_the_environment_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is measured next would look for its videos in a store that is gone."""

    class Server:
        environment = {"AWS_ENDPOINT_URL": "http://gone"}  # noqa: RUF012 - read only
        endpoint = "http://gone"

        def make_bucket(self, name: str) -> None:
            """Make none."""

    @contextmanager
    def running(*_: object) -> Iterator[Server]:
        yield Server()

    @contextmanager
    def far_away(endpoint: str, _: float) -> Iterator[str]:
        yield endpoint

    monkeypatch.setattr(afar, "find_weed", lambda: Path("weed"))
    monkeypatch.setattr(afar, "seaweed_running", running)
    monkeypatch.setattr(afar, "far_away", far_away)
    before = dict(os.environ)
    stack = ExitStack()
    stack.enter_context(afar.places(tmp_path))
    assert os.environ["AWS_ENDPOINT_URL"] == "http://gone"
    stack.push(interrupted)
    with pytest.raises(KeyboardInterrupt):
        stack.close()
    assert dict(os.environ) == before
