"""What the command refuses: videos, one by one, and what makes no sense, at once."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from command import fleet_here, fleet_process

import fleet

JOBS = Path(__file__).parents[2] / "jobs"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder of files that are refused, each for another reason, and one good clip."""
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "text.mp4").write_text("I am a text, not a video.\n" * 100)
    (folder / "empty.mkv").write_bytes(b"")
    (folder / "readme.txt").write_text("left alone")
    encode(folder / "asp.avi", "mpeg4", "yuv420p")
    encode(folder / "vp9.webm", "libvpx-vp9", "yuv420p")
    encode(folder / "chroma.mp4", "libx264", "yuv422p")
    encode(folder / "deep.mp4", "libx264", "yuv420p10le")
    encode(folder / "small.mp4", "libx264", "yuv420p", width=96)
    encode(folder / "good.mp4", "libx264", "yuv420p")
    sound(folder / "sound.mp4")
    return folder


def encode(path: Path, codec: str, pixels: str, width: int = 320) -> None:
    """Write ten frames."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=Fraction(10))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, 240, pixels
        for number in range(10):
            gray = np.full((240, width, 3), 20 * number, np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(gray, "rgb24")))
        output.mux(stream.encode(None))


def sound(path: Path) -> None:
    """Write half a second of silence."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=16000)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def test_what_cannot_be_processed_is_a_row_in_errors(
    hostile: Path, model: Path, tmp_path: Path
) -> None:
    """Exit code 3; the good clip is whole; each other one has a row that says which rule."""
    done = fleet_here(
        "run",
        "--input",
        hostile,
        "--model",
        model,
        "--sample",
        "all",
        "--inline",
        "--output",
        tmp_path / "out",
    )
    assert done.returncode == 3, done.stderr
    tables = fleet.read(str(tmp_path / "out"))
    assert {Path(u).name for u in tables.frames.to_table()["uri"].to_pylist()} == {"good.mp4"}
    assert tables.frames.count_rows() == 10
    rows = tables.errors.to_table().to_pylist()
    said = {Path(row["uri"]).name: (row["stage"], row["message"]) for row in rows}
    assert set(said) == {p.name for p in hostile.iterdir()} - {"good.mp4", "readme.txt"}
    for name, stage, words in [
        ("text.mp4", "index", "text"),
        ("empty.mkv", "index", "empty"),
        ("sound.mp4", "index", "video"),
        ("asp.avi", "vdec", "H.264"),
        ("vp9.webm", "vdec", "H.264"),
        ("chroma.mp4", "vdec", "4:2:0"),
        ("deep.mp4", "vdec", "10"),
        ("small.mp4", "vdec", "128"),
    ]:
        assert said[name][0] == stage, (name, said[name])
        assert words in said[name][1], (name, said[name])
    again = fleet_here(
        "run",
        "--input",
        hostile,
        "--model",
        model,
        "--sample",
        "all",
        "--inline",
        "--output",
        tmp_path / "out",
    )
    assert again.returncode == 3
    assert len(fleet.read(str(tmp_path / "out")).errors.to_table()) == len(rows)


def test_bad_usage_is_one_paragraph_and_exit_code_2(
    town_hevc: Path, model: Path, tmp_path: Path, fastestdet_onnx: Path
) -> None:
    """Each says what is wrong and the way out; nothing is written."""
    out = tmp_path / "out"
    (tmp_path / "bad.toml").write_text(
        f'job = "{JOBS / "detect.py"}:Detect"\ninput = ["x"]\noutput = "{out}"\n'
        'sample = "now and then"\ndevices = -1\n[params]\nmodel = "m.om"\nthreshold = 7\n'
    )
    common: list[object] = ["--output", out, "--model", model]
    cases: list[tuple[list[object], list[str]]] = [
        (["--input", tmp_path / "nothing*", *common], ["matches nothing"]),
        (["--input", tmp_path, *common], ["holds no video", ".toml"]),
        ([tmp_path / "bad.toml"], ["3 mistakes", "sample", "devices", "threshold 7"]),
        ([tmp_path / "none.toml"], ["no job file"]),
        (
            ["--input", town_hevc, "--output", out, "--model", fastestdet_onnx],
            ["not a compiled model", "fleet compile"],
        ),
        (["--input", town_hevc, "--output", out, "--model", "no.om"], ["no.om", "does not exist"]),
        (["--input", town_hevc, "--set", "speed=3", *common], ["speed", "model, threshold"]),
        (["--input", town_hevc, "--set", "soc=Ascend999", *common], ["Ascend999", "Ascend310"]),
        (
            ["--input", town_hevc, "--set", r'partitions="cam(?P<camera>\d+)"', *common],
            ["not TOML", r"partitions='cam(?P<camera>\d+)'"],
        ),
        (
            ["--input", town_hevc, "--set", r"partitions=cam(?P<camera>\d+)", *common],
            ["finds no camera in the path of any video", r"cam(?P<camera>\d+)", town_hevc.name],
        ),
    ]
    for arguments, words in cases:
        done = fleet_here("run", *arguments)
        assert done.returncode == 2, (arguments, done.stderr)
        for word in words:
            assert word in done.stderr, (word, done.stderr)
        assert not out.exists(), arguments


def test_an_output_of_another_job_is_refused(town_hevc: Path, model: Path, tmp_path: Path) -> None:
    """It names the field that differs; so does a folder that holds something else."""
    common: list[object] = [
        "--input",
        town_hevc,
        "--model",
        model,
        "--inline",
        "--output",
        tmp_path / "out",
    ]
    assert fleet_here("run", *common, "--sample", "keyframes").returncode == 0
    other = fleet_here("run", *common, "--sample", "every=50")
    assert other.returncode == 2
    assert "another job" in other.stderr
    assert "sample" in other.stderr
    assert "keep both, use another --output" in other.stderr
    for part in (tmp_path / "out" / "frames").glob("part-*"):
        part.unlink()
    never = fleet_here("run", *common, "--sample", "every=50")
    assert "Nothing is committed there: delete this folder" in never.stderr
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    common[-1] = tmp_path / "mine"
    strange = fleet_here("run", *common, "--sample", "keyframes")
    assert strange.returncode == 2
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    "arguments",
    [
        ("street", "--output", "{tmp}/street", "--cameras", 1, "--seconds", 0.5),
        ("street", "--output", "street"),
        ("demo", "--output", "{tmp}/demo"),
        ("compile", "network.onnx", "--output", "compiled"),
    ],
)
def test_a_current_folder_that_is_gone_is_said_in_a_sentence(
    arguments: tuple[object, ...], tmp_path: Path
) -> None:
    """Where a command needs one: for a relative path, or to start processes in it."""
    code = "import os, sys; os.mkdir(g := sys.argv.pop(1)); os.chdir(g); os.rmdir(g); "
    start = ("-c", f"{code}from fleet.cli import main; main()", str(tmp_path / "gone"))
    given = [str(argument).format(tmp=tmp_path) for argument in arguments]
    done = fleet_process(*given, program=start)
    assert done.returncode == 2, done.stderr
    assert "current folder is there no more. Change to" in " ".join(done.stderr.split())
