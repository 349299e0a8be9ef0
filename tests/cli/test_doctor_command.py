"""`fleet doctor` on this machine, a real store, a real model and what is wrong with each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from canned import answering
from command import fleet_here, fleet_process
from s3_server import S3Server


@pytest.fixture(autouse=True)
def no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the environment names a cluster; what the command puts there goes again."""
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def bad(*arguments: object) -> dict[str, dict[str, str]]:
    """Run it, and return what is bad, each by its name."""
    done = fleet_here("doctor", *arguments, "--json")
    found = {f["what"]: f for f in json.loads(done.stdout) if f["state"] == "bad"}
    assert done.returncode == (1 if found else 0)
    return found


def test_a_machine_that_runs_the_tests_is_well() -> None:
    """By a real process; the versions of the libraries are told."""
    done = fleet_process("doctor")
    assert done.returncode == 0, done.stdout
    for words in ("libavcodec", "ONNX Runtime", "Ray", "nothing is bad"):
        assert words in done.stdout


def test_an_archive_an_output_and_a_model_are_tried(
    data_dir: Path, fastestdet: Path, tmp_path: Path
) -> None:
    """The model runs, a range is read, an object is put; and no trace is left of it."""
    named = ("--input", data_dir, "--output", tmp_path / "new" / "out", "--model", fastestdet)
    done = fleet_here("doctor", *named)
    assert done.returncode == 0, done.stdout
    for words in ("3 videos", "takes an object", "keep their conditions", "a batch of 1 here"):
        assert words in " ".join(done.stdout.split())
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_in_an_output_stays(tmp_path: Path) -> None:
    """Its folder, and what lies in it."""
    (tmp_path / "kept").write_text("mine")
    assert fleet_here("doctor", "--output", tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_each_thing_that_is_bad_is_told_with_its_way_out(tmp_path: Path) -> None:
    """All of them in one run, none of which keeps the others from being looked at."""
    (tmp_path / "m.om").write_bytes(b"IMOD")
    found = bad(
        *("--input", tmp_path / "none", "--output", "/proc/none", "--model", tmp_path / "m.om"),
        *("--address", "http://127.0.0.1:1"),
    )
    assert set(found) == {"input", "output", "model", "cluster"}
    assert all(finding["way_out"] for finding in found.values())
    assert "No Ray dashboard answers" in found["cluster"]["said"]


def test_a_cluster_that_nobody_answers_for_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    """RAY_ADDRESS is looked at by itself, as `fleet run` does."""
    monkeypatch.setenv("RAY_ADDRESS", "http://head:8265")
    assert "dashboard" in bad()["RAY_ADDRESS"]["said"]


SKEWED = b"<Error><Code>RequestTimeTooSkewed</Code><Message>too far</Message></Error>"


@pytest.mark.parametrize(
    ("ahead_s", "said"), [(7200, "2h00m ahead of ours"), (-3600, "1h00m behind ours")]
)
def test_a_store_that_refuses_the_time_is_asked_for_its_own(
    ahead_s: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By how much the clocks differ, and in which direction."""
    with answering(SKEWED, status=403, ahead_s=ahead_s) as canned:
        for name, value in {
            "ENDPOINT_URL": canned.endpoint,
            "ACCESS_KEY_ID": "a",
            "SECRET_ACCESS_KEY": "b",
        }.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        found = bad("--input", "s3://bucket/archive")
    assert said in found["clock"]["said"]
    assert "Set the clock" in found["input"]["way_out"]


def cut(name: str) -> bytes:
    """Return what is left of a file."""
    return {"x.onnx": b"\x08\x08\x12", "x.om": b"IMOD"}[name]


@pytest.mark.parametrize("name", ["x.onnx", "x.om"])
def test_a_damaged_model_is_named(name: str, tmp_path: Path) -> None:
    """As it was asked for, with where another one comes from."""
    (tmp_path / name).write_bytes(cut(name))
    found = bad("--model", tmp_path / name)["model"]
    assert name in found["said"]
    assert found["way_out"]


def test_an_output_that_cannot_be_written_is_named_and_nothing_else(tmp_path: Path) -> None:
    """Below a file, and where no folder can be; each with its own way out."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    below = bad("--output", tmp_path / "file" / "out")["output"]
    assert below["said"] == f"{tmp_path}/file/out could not be written: Not a directory."
    assert "A part of the path is a file" in below["way_out"]
    nowhere = bad("--output", "/proc/none/out")["output"]
    assert "_probe" not in nowhere["said"]
    assert nowhere["way_out"] == "Check the path."
    empty = bad("--input", tmp_path / "folder")["input"]
    assert empty["said"] == f"The folder {tmp_path}/folder is empty."


def test_a_store_is_tried_and_its_refusal_told(
    seaweed: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock is compared; a bucket that is not there, and keys that are wrong, are bad."""
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    seaweed.make_bucket("examined")
    done = fleet_here("doctor", "--output", "s3://examined/out")
    assert done.returncode == 0, done.stdout
    assert "differ by 5 s at most" in " ".join(done.stdout.split())
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert "secret does not fit" in bad("--output", "s3://examined/out")["output"]["said"]
