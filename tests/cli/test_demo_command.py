"""`fleet demo` as users meet it: the whole of it, small."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command import fleet_here, fleet_process
from PIL import Image

import fleet
from fleet.demo.check import cores
from fleet.demo.plan import SURE
from fleet.demo.query import busiest
from fleet.demo.sheet import TILE_PX
from fleet.demo.words import typed
from fleet.street.render_pool import map_unordered

SMALL = ("--cameras", 2, "--seconds", 2)
MODULE = shlex.join([sys.executable, "-m", "fleet"])
"""How a demo in a process of its own is started, and so how its commands are typed."""
ONE_CORE = "import os, sys; os.sched_setaffinity(0, {0}); from fleet.cli import main; main()"


def run(*arguments: object) -> tuple[int, str, str]:
    """Run `fleet demo` in this process."""
    done = fleet_here("demo", *arguments)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def made(network: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A small demo: its folder, whose name is an odd one, and what it printed on both streams."""
    folder = tmp_path_factory.mktemp("demo") / "all [1] of it's*"
    done = fleet_process("demo", "--output", folder, "--model", network, *SMALL)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout, done.stderr


def test_a_demo_makes_what_it_lists(made: tuple[Path, str, str]) -> None:
    """All seven steps, each with the command that does the same; every place it names is there."""
    folder, out, err = made
    for number in range(1, 8):
        assert f"\n{number}. " in out
    assert "--size" not in out
    for command in ("street", "compile", "run", "eval", "report", "show"):
        assert f"  $ {MODULE} {command} " in out
    assert "(100 %)" in err
    assert "Finished:" in out
    assert "AP@0.5" in out
    assert "simulated" in out
    listed = out.split("Where everything lies")[1].split("To look closer")[0]
    places = [Path(line.strip().split("  ")[0]) for line in listed.splitlines() if line]
    assert len(places) == 8
    assert all(place.exists() for place in places)
    assert {place.name for place in places} <= {entry.name for entry in folder.rglob("*")}


def test_the_job_looked_at_the_whole_archive(made: tuple[Path, str, str]) -> None:
    """Every second frame of every camera, and the evaluation is of these alone."""
    folder, out, _ = made
    tables = fleet.read(str(folder / "detections"))
    assert tables.finished
    frames = tables.frames.to_table(columns=["camera", "frame"]).to_pylist()
    looked = {(row["camera"], row["frame"]) for row in frames}
    assert looked == {(f"camera-{n}", f) for n in (1, 2) for f in range(0, 24, 2)}
    assert "24 that the output looked at" in out
    assert "2 videos of both" in out


def test_the_contact_sheet_shows_three_frames_a_camera(made: tuple[Path, str, str]) -> None:
    """Rows of pictures from the device's JPEGs; boxes are drawn, so it is no bare copy of them."""
    folder, _, _ = made
    rows = fleet.read(str(folder / "thumbnails")).table("thumbnails").to_table().to_pylist()
    assert [row["frame"] for row in rows if row["camera"] == "camera-1"] == [0, 8, 16]
    assert all(row["jpeg"].startswith(b"\xff\xd8") for row in rows)
    sheet = Image.open(folder / "contact-sheet.png")
    assert 3 * TILE_PX <= sheet.width <= 3 * TILE_PX + 40
    assert sheet.height > 2 * 360
    green = np.asarray(sheet)[..., :3].astype(int)
    assert (
        np.count_nonzero((green[..., 1] > 200) & (green[..., 0] < 90) & (green[..., 2] < 90)) > 500
    )


def test_it_ends_with_its_report(made: tuple[Path, str, str]) -> None:
    """With pictures, and with as many rows as the table has."""
    folder, out, _ = made
    rows = fleet.read(str(folder / "detections")).detections.count_rows()
    html = (folder / "report.html").read_text("utf-8")
    assert f'id="all-rows"><data value="{rows}">' in html
    assert "data:image/jpeg;base64," in html
    assert f"report.html: {rows:,} rows" in out


def test_it_loads_nothing_that_only_other_processes_of_it_need() -> None:
    """What draws, evaluates and answers queries takes half a second; pandas is of no use."""
    code = "import sys, fleet.demo.run; fleet.demo.run.load_steps(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"fleet.demo.steps", "pyarrow.dataset"} <= loaded
    drawing = {"cv2", "fleet.street.encode", "fleet.street.painting"}
    assert not {"duckdb", "faster_coco_eval", "matplotlib", "pandas", *drawing} & loaded


def test_each_command_that_it_prints_can_be_typed(made: tuple[Path, str, str]) -> None:
    """Over what is there already; the last one makes a video."""
    folder, out, _ = made
    printed = out.replace(" \\\n", "").splitlines()
    commands = [line.split("$ ", 1)[1] for line in printed if line.startswith("  $ ")]
    assert len(commands) == 7
    for line in commands:
        words = shlex.split(line.removeprefix(MODULE))
        done = fleet_here(*words)
        assert done.returncode == 0, done.stderr
        assert all(str(folder.parent) not in word or str(folder) in word for word in words)
    assert (folder / "stretch.mp4").is_file()


def test_a_path_that_begins_with_a_dash_is_typed_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the folder lies in the current one; elsewhere it begins with a slash."""
    monkeypatch.chdir(tmp_path)
    assert typed(tmp_path / "-a b/c") == "'./-a b/c'"
    assert typed(tmp_path / "a/c") == "a/c"
    assert typed(tmp_path.parent / "-a") == str(tmp_path.parent / "-a")


def test_the_videos_are_looked_at_once(made: tuple[Path, str, str]) -> None:
    """The second job takes the indexes that the first one keeps, as its command says."""
    folder, out, _ = made
    kept = folder / "detections/_index"
    assert list(kept.iterdir())
    assert not (folder / "thumbnails/_index").exists()
    assert f"--index-cache {shlex.quote(str(kept))}" in out


def test_the_question_is_answered_from_the_tables(made: tuple[Path, str, str]) -> None:
    """What the SQL says of a camera is what the rows say."""
    folder, out, _ = made
    ((sql, answer),) = map_unordered(busiest, [(str(folder / "detections"), SURE)], 1)
    assert all(line.strip() in out for line in sql.splitlines())
    rows = fleet.read(str(folder / "detections")).detections.to_table().to_pylist()
    people = [row for row in rows if row["label"] == "person" and row["camera"] == "camera-2"]
    a_frame = len([row for row in people if row["frame"] == 0 and row["score"] >= 0.4])
    (line,) = [line for line in answer.splitlines() if "camera-2" in line]
    assert [cell.strip() for cell in line.split("│")][2:4] == [f"{a_frame:.1f}", str(a_frame)]
    # Every frame has as many: of moments that are equal, the first is named, in each demo.
    assert [cell.strip() for cell in line.split("│")][4] == "0.0"


def test_a_second_run_has_nothing_to_do(made: tuple[Path, str, str], network: Path) -> None:
    """It says so, repeats what the first came to, and touches no file."""
    folder, out, _ = made
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    code, again, _ = run("--output", folder, "--model", network, *SMALL)
    assert code == 0
    assert again.startswith("Nothing is left to do")
    for text in ("AP@0.5", "camera-2", "contact-sheet.png", "report.html"):
        assert text in again
        assert text in out
    assert "  $ fleet show " in again
    assert f"  $ {MODULE} show " in out
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_what_is_lost_is_made_again(made: tuple[Path, str, str], network: Path) -> None:
    """A video and the sheet are gone: they are made again, and the tables hold the same rows."""
    folder, _, _ = made
    rows = fleet.read(str(folder / "detections")).detections.to_table().to_pylist()
    (folder / "archive" / "camera-1" / "clip-07000.mp4").unlink()
    (folder / "contact-sheet.png").unlink()
    code, out, err = run("--output", folder, "--model", network, *SMALL)
    assert code == 0, err
    assert out.count("(there already)") == 1
    assert (folder / "contact-sheet.png").is_file()
    again = fleet.read(str(folder / "detections")).detections.to_table().to_pylist()
    assert sorted(map(str, again)) == sorted(map(str, rows))


def test_a_folder_of_another_demo_is_refused(
    made: tuple[Path, str, str], network: Path, tmp_path: Path
) -> None:
    """Other options would mix two archives in one folder; so would a copy of it elsewhere."""
    code, out, err = run("--output", made[0], "--model", network, "--cameras", 1, "--seconds", 2)
    assert (code, out) == (2, "")
    assert "with other options, by another version of Fleet, or" in " ".join(err.split())
    assert "--output" in err
    shutil.copy(made[0] / "demo.json", tmp_path)
    assert run("--output", tmp_path, "--model", network, *SMALL)[0] == 2
    (tmp_path / "demo.json").write_text("[]")
    assert run("--output", tmp_path, "--model", network, *SMALL)[0] == 2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_one_core_runs_one_device_and_says_so(tmp_path: Path) -> None:
    """It takes longer, and works; Fleet's own network is compiled for pictures of 16:9."""
    arguments = ("--output", tmp_path / "one", "--cameras", 1, "--seconds", 0.5)
    done = fleet_process("demo", *arguments, program=("-c", ONE_CORE))
    assert done.returncode == 0, done.stderr
    assert "on 1 device\n" in done.stdout
    assert "twice as long" in done.stdout
    assert "street.onnx --size 416x256 " in done.stdout
    assert "input       416x256" in done.stdout


def test_two_cores_run_two_devices(made: tuple[Path, str, str]) -> None:
    """Where there are two."""
    devices = min(2, cores())
    assert f"on {devices} device" in made[1]
    assert f"--devices {devices} " in made[1]


def test_a_demo_told_in_another_folder_is_told_anew(
    made: tuple[Path, str, str],
    network: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Paths are relative to where it is told; nothing is drawn or looked for again."""
    folder = made[0]
    for here in (folder.parent, tmp_path):
        monkeypatch.chdir(here)
        code, out, err = run("--output", folder, "--model", network, *SMALL)
        assert code == 0, err
        assert out.count("(there already)") == 2
        listed = out.split("Where everything lies")[1].split("To look closer")[0]
        assert all(
            Path(line.strip().split("  ")[0]).exists() for line in listed.split("\n") if line
        )
    assert run("--output", folder, "--model", network, *SMALL)[1].startswith("Nothing is left")
