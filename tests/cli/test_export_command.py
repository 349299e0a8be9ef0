"""`fleet export` as users meet it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from command import fleet_here
from scattered import Scattered, archive, run_over


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An output over three small videos."""
    folder = tmp_path_factory.mktemp("export")
    archive(folder / "videos", tmp_path_factory.mktemp("clips"))
    return run_over(folder / "videos", str(folder / "out"), Scattered()).output


def test_it_says_what_it_has_written(out: str, tmp_path: Path) -> None:
    """In words, and as JSON; the same again keeps the pictures."""
    arguments = ("export", out, "--format", "coco", "--camera", "2", "--images", "--out", tmp_path)
    done = fleet_here(*arguments)
    assert done.returncode == 0, done.stderr
    assert "Exported as coco" in done.stdout
    assert "15 frames of 2 videos" in done.stdout
    assert "pictures    15 written" in done.stdout
    assert "less than 4s: they are made here." in done.stderr
    again = fleet_here(*arguments, "--json")
    said = json.loads(again.stdout)
    assert (said["videos"], said["frames"], said["pictures"], said["pictures_kept"]) == (
        2,
        15,
        0,
        15,
    )
    assert len(list(tmp_path.rglob("*.jpg"))) == 15


def test_devices_make_its_pictures_where_they_are_asked_to(out: str, tmp_path: Path) -> None:
    """A line says so; what is printed as JSON stays apart from it."""
    words = ("export", out, "--format", "yolo", "--images", "--devices", 2, "--on", "inline")
    done = fleet_here(*words, "--out", tmp_path, "--json")
    assert "they are made by devices, in one process, one after the other" in done.stderr
    pictures = len(list(tmp_path.rglob("*.jpg")))
    assert json.loads(done.stdout)["pictures"] == pictures > 20


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--format", "voc"), "There are coco, yolo"),
        (("--format", "coco", "--picture-format", "gif"), "neither jpg nor png"),
        (("--format", "coco", "--from", "noon"), "no number of seconds"),
        (("--format", "coco", "--from", "-3"), "--from is no time in a video. It is from 0"),
        (("--format", "coco", "--to", "1e400"), "--to is no time in a video."),
        (("--format", "coco", "--since", "noon"), "no date or time"),
        (("--format", "coco", "--val-share", "0.2"), "--val-share is for yolo"),
        (("--format", "yolo", "--val-share", "1"), "no share of the videos"),
        (("--format", "coco", "--camera", "9"), "No frame of"),
        (("--format", "coco", "--devices", "2"), "--devices and --on are for pictures"),
        (("--format", "coco", "--images", "--devices", "few"), "--devices few is no number"),
        (("--format", "coco", "--images", "--devices", "0"), "--devices 0 makes no picture"),
        (("--format", "coco", "--images", "--on", "cloud"), "Say auto, ray, processes, inline."),
    ],
)
def test_what_cannot_be_exported_is_exit_code_2(
    out: str, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    """Each says what is wrong; nothing is written."""
    done = fleet_here("export", out, *options, "--out", tmp_path / "new")
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert not (tmp_path / "new").exists()


def test_clips_are_cut_and_listed(out: str, tmp_path: Path) -> None:
    """In words, and as JSON; the same again keeps them."""
    arguments = (
        "clips",
        out,
        "--label",
        "person",
        "--pad",
        "0.1",
        "--merge",
        "0",
        "--out",
        tmp_path,
    )
    done = fleet_here(*arguments)
    assert done.returncode == 0, done.stderr
    assert "Cut out" in done.stdout
    said = json.loads(fleet_here(*arguments, "--json").stdout)
    assert said["clips"] == said["kept"] == len(list(tmp_path.glob("*.mp4"))) > 1
    refused = fleet_here("clips", out, "--pad", "-1", "--out", tmp_path / "new")
    assert refused.returncode == 2
    assert "--pad -1 is negative" in refused.stderr


def test_crops_are_cut_and_listed(out: str, tmp_path: Path) -> None:
    """In words, and as JSON; the same again keeps them."""
    arguments = ("clips", out, "--crops", "--expand", "0.1", "--out", tmp_path)
    done = fleet_here(*arguments)
    assert done.returncode == 0, done.stderr
    assert "Cut out" in done.stdout
    assert "left out" in done.stdout
    said = json.loads(fleet_here(*arguments, "--json").stdout)
    assert said["crops"] == said["kept"] == len(list(tmp_path.rglob("*.jpg"))) > 1
    assert len((tmp_path / "crops.csv").read_text().splitlines()) == 1 + said["crops"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--crops", "--pad", "0"), "--pad is for clips"),
        (("--crops", "--exact"), "--exact is for clips"),
        (("--expand", "0"), "--expand is for --crops"),
        (("--picture-format", "png"), "--picture-format is for --crops"),
        (("--crops", "--picture-format", "gif"), "neither jpg nor png"),
        (("--crops", "--expand", "-1"), "--expand -1 is not from 0 to 10"),
    ],
)
def test_options_of_clips_and_of_crops_do_not_mix(
    out: str, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    """Each says what is wrong; nothing is written."""
    done = fleet_here("clips", out, *options, "--out", tmp_path / "new")
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("command", "name", "said"),
    [
        (
            ("export", "--format", "csv"),
            "boxes.csv",
            "a folder of files is written. Name it like boxes.",
        ),
        (("export", "--format", "coco"), "boxes.json.gz", "is named like a .gz file"),
        (("clips",), "clips.mp4", "a folder of files is written. Name it like clips."),
        (("report",), "page.pdf", "a page of HTML is written. Name it like report.html."),
        (("trace",), "trace.html", "a trace in JSON is written. Name it like trace.json."),
    ],
)
def test_a_name_that_claims_another_kind_of_file_is_refused(
    out: str, tmp_path: Path, command: tuple[str, ...], name: str, said: str
) -> None:
    """A .csv would be a folder, a .pdf a page of HTML; nothing is written."""
    done = fleet_here(command[0], out, *command[1:], "--out", tmp_path / name)
    assert done.returncode == 2
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_whose_name_says_nothing_of_files_may_be_any(out: str, tmp_path: Path) -> None:
    """Nor is one refused that is there, as it is an export that goes on."""
    (tmp_path / "boxes.csv").mkdir()
    for name in ("town.v2", "2026.11", "town.a", "boxes.csv"):
        done = fleet_here("export", out, "--format", "csv", "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr


def test_an_export_that_was_begun_goes_on_by_its_address(out: str, tmp_path: Path) -> None:
    """A store's folder, too, that was named like a file before such names were refused."""
    where = tmp_path / "boxes.csv"
    where.mkdir()
    fleet_here("export", out, "--format", "csv", "--out", where)
    done = fleet_here("export", out, "--format", "csv", "--out", where.as_uri())
    assert done.returncode == 0, done.stderr


def test_a_name_that_is_too_long_is_refused_in_words(out: str, tmp_path: Path) -> None:
    """Whatever it ends like."""
    for end in ("", ".csv"):
        where = tmp_path / f"{'a' * 300}{end}"
        done = fleet_here("export", out, "--format", "csv", "--out", where)
        assert "File name too long" in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr


def test_a_pipe_keeps_its_place(out: str, tmp_path: Path) -> None:
    """So does a device: a file that is written whole would take it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    done = fleet_here("trace", out, "--out", pipe)
    assert done.returncode == 2
    assert "is a device or a pipe" in done.stderr
    assert pipe.is_fifo()
