"""The street detector in int8, calibrated on videos of the street: judged, written, and run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command import fleet_here

import fleet
from fleet.models.card import read_card

ROOT = Path(__file__).parents[2]
STREET = ROOT / "jobs" / "street" / "street.onnx"
ASKED = ("compile", STREET, "--int8", "--frames", 10, "--seed", 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with four seconds of the street, one video of which is damaged, and both models."""
    made = tmp_path_factory.mktemp("int8")
    street = ("street", "--output", made / "archive", "--cameras", 2, "--seconds", 2, "--seed", 7)
    assert fleet_here(*street).returncode == 0
    (made / "archive" / "broken.mp4").write_bytes(b"no video")
    assert fleet_here("compile", STREET, "--output", made / "plain").returncode == 0
    return made


def test_it_is_judged_and_its_card_says_how_it_was_made(folder: Path) -> None:
    """Agreement, AP and speed; where it is slower on this machine it takes --force."""
    truth = ("--truth", folder / "archive" / "truth")
    asked = (*ASKED, "--calibrate", folder / "archive", *truth, "--output", "small")
    done = fleet_here(*asked, "--force", folder=folder)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "calibrated on 10 frames of 2 videos by seed 3, compared on 10 others" in said
    share = re.search(r"agreement (\d+\.\d) % of (\d+) boxes in float and (\d+) in int8", said)
    assert share
    assert float(share[1]) > 85
    assert int(share[2]) > 20
    precisions = re.search(r"AP (0\.\d+) in float, (0\.\d+) in int8", said)
    assert precisions
    assert float(precisions[1]) > 0.3
    assert abs(float(precisions[1]) - float(precisions[2])) < 0.05
    assert re.search(r"ms a batch in float, [\d.]+ ms in int8: [\d.]+ times as fast", said)
    assert re.search(r"left out \S*broken\.mp4: ", said)
    card = read_card((folder / "small.om").read_bytes(), "small.om")
    assert card.calibration
    assert (card.calibration.frames, card.calibration.seed) == (10, 3)
    assert card.calibration.archive == str(folder / "archive")
    shown = fleet_here("compile", "--show", folder / "small.om").stdout
    assert f"calibrated on 10 frames of {folder}/archive, seed 3" in shown
    plain = read_card((folder / "plain.om").read_bytes(), "plain.om")
    assert card.digest != plain.digest
    assert card.weight_bytes < 0.6 * plain.weight_bytes
    assert (card.labels, card.anchors, card.fit) == (plain.labels, plain.anchors, plain.fit)


def test_the_same_draw_makes_the_same_model(folder: Path) -> None:
    """Whatever else was compiled in this process; another seed makes another one."""
    made = []
    for seed in (3, 3, 4):
        asked = (*ASKED[:-1], seed, "--calibrate", folder / "archive", "--force")
        done = fleet_here(*asked, "--output", "again", folder=folder)
        assert done.returncode == 0, done.stderr
        made.append((folder / "again.om").read_bytes())
    assert made[0] == made[1] != made[2]


def test_a_run_with_it_is_another_job(folder: Path) -> None:
    """Its rows are there, and an output that was begun with the other model is refused."""
    asked = (*ASKED, "--calibrate", folder / "archive", "--force", "--output", "run")
    assert fleet_here(*asked, folder=folder).returncode == 0
    detect = ("run", ROOT / "jobs" / "detect.toml", "--input", folder / "archive" / "camera-2")
    options = ("--inline", "--sample", "every=8", "--output", "rows")
    assert fleet_here(*detect, "--model", "run.om", *options, folder=folder).returncode == 0
    rows = fleet.read(str(folder / "rows")).table("detections").count_rows()
    assert rows > 5
    refused = fleet_here(*detect, "--model", "plain.om", *options, folder=folder)
    assert refused.returncode == 2
    assert "holds another job" in refused.stderr or "another" in refused.stderr


def test_one_that_is_worse_is_not_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule is printed, and --force writes it all the same, with a warning."""
    monkeypatch.setattr("fleet.quantise.verdict.LEAST_SHARE", 1.01)
    asked = (*ASKED, "--calibrate", folder / "archive", "--output", "worse")
    refused = fleet_here(*asked, folder=folder)
    assert refused.returncode == 2
    assert "worse is not written in int8: both find" in refused.stderr
    assert "--force writes it all the same" in refused.stderr
    assert "agreement" in refused.stdout
    assert not (folder / "worse.om").exists()
    forced = fleet_here(*asked, "--force", folder=folder)
    assert forced.returncode == 0
    assert re.search(r"warning +both find .*it is written all the same", forced.stdout)
    assert (folder / "worse.om").is_file()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--int8"], "--int8 needs frames to calibrate on, and no videos are named"),
        (["--calibrate", "archive"], "--calibrate is for --int8 alone"),
        (["--frames", "5"], "--frames is for --int8 alone"),
        (["--truth", "archive/truth"], "--truth is for --int8 alone"),
        (["--int8", "--calibrate", "archive", "--frames", "0"], "--frames 0: ranges cannot be calibrated"),
        (["--int8", "--calibrate", "archive", "--seed", "-1"], "--seed -1 is negative"),
        (["--int8", "--calibrate", "empty"], "empty"),
        (["--int8", "--calibrate", "archive/broken.mp4"], "no frames to calibrate on and to compare. Left out: 1 video, such as"),
        (["--int8", "--calibrate", "archive", "--truth", "gone.parquet"], "gone.parquet does not exist"),
    ],
)  # fmt: skip
def test_a_calibration_without_frames_is_refused(
    folder: Path, options: list[str], said: str
) -> None:
    """As are halves of what it needs; nothing is written."""
    (folder / "empty").mkdir(exist_ok=True)
    done = fleet_here("compile", STREET, "--output", "no", *options, folder=folder)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert not (folder / "no.om").exists()
