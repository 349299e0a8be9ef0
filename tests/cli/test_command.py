"""The command as users meet it: what it prints, and its exit codes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import duckdb
import numpy as np
import onnx
import pytest
from command import fleet_here, fleet_process
from onnx import TensorProto, helper

import fleet
from fleet.cli.lazy import HOMES

JOBS = Path(__file__).parents[2] / "jobs"
TELL_LOADED = """
import atexit, sys
atexit.register(lambda: print(*sys.modules))
from fleet.cli import main
main()
"""


@pytest.fixture(scope="module")
def model(
    fastestdet_onnx: Path, coco_names: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The real detector, compiled by the command."""
    output = tmp_path_factory.mktemp("model") / "fastestdet"
    done = fleet_here(
        "compile",
        fastestdet_onnx,
        "--head",
        "fastestdet",
        "--labels",
        coco_names,
        "--output",
        output,
    )
    assert done.returncode == 0, done.stderr
    assert "simulated Ascend310" in done.stdout
    assert "80 labels" in done.stdout
    return output.with_suffix(".om")


def test_a_model_gets_the_name_that_is_asked_for(
    model: Path, fastestdet_onnx: Path, coco_names: Path, tmp_path: Path
) -> None:
    """With .om or without, it is written once, and is the same model."""
    written = tmp_path / "fastestdet.om"
    args = ("--head", "fastestdet", "--labels", coco_names, "--output", written)
    done = fleet_here("compile", fastestdet_onnx, *args)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["fastestdet.om"]
    assert written.read_bytes() == model.read_bytes()


@pytest.mark.parametrize("option", ["--soc", "--soc_version"])
def test_a_model_is_compiled_for_the_chip_that_is_named(
    option: str, fastestdet_onnx: Path, coco_names: Path, tmp_path: Path
) -> None:
    """By Fleet's option or by ATC's."""
    args = ("--head", "fastestdet", "--labels", coco_names, "--output", tmp_path / "made")
    done = fleet_here("compile", fastestdet_onnx, *args, option, "Ascend310P3")
    assert done.returncode == 0, done.stderr
    assert "simulated Ascend310P3" in done.stdout


def test_the_help_lists_all_commands() -> None:
    """In the order in which one meets them, each with its first sentence."""
    done = fleet_here("--help")
    assert done.returncode == 0
    listed = [line[1:].split() for line in done.stdout.partition("Commands")[2].splitlines()]
    names = [words[0] for words in listed if words and words[0].isalpha()]
    assert [name for name in names if name in HOMES] == list(HOMES)
    assert "Prove that all is there, once" in done.stdout


def test_a_mistyped_command_is_told_apart_and_the_right_one_suggested() -> None:
    """By a real process: exit code 2, on stderr."""
    done = fleet_process("rnu")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'rnu'. Did you mean 'run'?" in done.stderr


def test_a_command_loads_what_it_needs_alone(tmp_path: Path) -> None:
    """A real process that looks into a folder loads neither Ray nor what reads videos or models."""
    done = fleet_process("status", tmp_path, program=("-c", TELL_LOADED))
    assert done.returncode == 2
    said = f"fleet: error: {tmp_path} holds no output of Fleet: it has no _JOB.json."
    assert done.stderr == f"{said} Check the path.\n"
    loaded = set(done.stdout.split())
    assert "fleet.cli.status" in loaded
    assert not loaded & {"ray", "av", "onnx", "onnxruntime", "pyarrow.dataset"}


def test_detect_over_real_clips_ends_whole(data_dir: Path, model: Path, tmp_path: Path) -> None:
    """The README's first command: 319 frames of three clips, through Ray, exit code 0."""
    done = fleet_process(
        "run",
        "--input",
        data_dir,
        "--model",
        model,
        "--sample",
        "every=5",
        "--devices",
        "2",
        "--output",
        tmp_path / "town",
    )
    assert done.returncode == 0, done.stderr
    assert "100 %" in done.stderr
    assert "modelled" in done.stdout
    frames = duckdb.read_parquet(f"{tmp_path}/town/frames/*.parquet")
    by_video = frames.aggregate("uri, count(*) as n").order("n").project("n").fetchall()
    assert by_video == [(80,), (80,), (159,)]
    # What else lies in that folder is counted and left.
    assert ".onnx" in done.stdout


def test_index_prints_what_the_header_tells(town: Path, town_mkv: Path) -> None:
    """Codec, profile, level, size, GOPs, B-frames; a scan where the header has no samples."""
    done = fleet_here("index", town, town_mkv)
    assert done.returncode == 0
    for fact in (
        "h264 High level 4.0",
        "1920x1080, 4:2:0, 8 bit",
        "25 frames/s",
        "16, closed",
        "795 of 795",
        "the header",
    ):
        assert fact in done.stdout
    for fact in ("768x576", "open", "400 of 400", "a scan of the whole file"):
        assert fact in done.stdout


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
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    common[-1] = tmp_path / "mine"
    strange = fleet_here("run", *common, "--sample", "keyframes")
    assert strange.returncode == 2
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def network(path: Path, shape: list[int | str], out: list[int | str]) -> Path:
    """Write a network that pools its input to `out`'s size: enough to be compiled or refused."""
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, out)
    node = helper.make_node("GlobalAveragePool", ["images"], ["output"])
    graph = helper.make_graph([node], "g", [image], [output])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(made, str(path))
    return path


@pytest.mark.parametrize(
    ("shape", "head", "words"),
    [
        ([1, 16000], "yolov8", ["image"]),
        ([1, 3, "h", "w"], "yolov8", ["--size"]),
        ([1, 3, 320, 320], "yolov8", ["yolov8"]),
        ([1, 3, 320, 320], "yolov99", ["yolov99", "fastestdet"]),
    ],
)
def test_a_model_that_cannot_be_compiled_is_refused(
    tmp_path: Path, coco_names: Path, shape: list[int | str], head: str, words: list[str]
) -> None:
    """No image, open sizes, outputs that do not suit the head, a head that there is not."""
    path = network(tmp_path / "net.onnx", shape, [1, 3, 1, 1])
    done = fleet_here(
        "compile", path, "--head", head, "--labels", coco_names, "--output", tmp_path / "net"
    )
    assert done.returncode == 2
    for word in words:
        assert word in done.stderr
    assert not (tmp_path / "net.om").exists()


def test_thumbnails_are_jpegs_of_the_sampled_frames(town: Path, tmp_path: Path) -> None:
    """The second job that comes with Fleet: JPEG bytes in Parquet, readable by anybody."""
    done = fleet_here(
        "run",
        JOBS / "thumbnails.toml",
        "--input",
        town,
        "--inline",
        "--output",
        tmp_path / "t",
        "--set",
        "width=160",
        "--sample",
        "fps=0.1",
    )
    assert done.returncode == 0, done.stderr
    rows = fleet.read(str(tmp_path / "t")).table("thumbnails").to_table().to_pylist()
    assert sorted(row["frame"] for row in rows) == [0, 250, 500, 750]
    for row in rows:
        (tmp_path / "one.jpg").write_bytes(row["jpeg"])
        with av.open(str(tmp_path / "one.jpg")) as picture:
            (frame,) = picture.decode(video=0)
        assert (frame.width, frame.height) == (160, 90) == (row["width"], row["height"])


def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(town: Path, model: Path, tmp_path: Path) -> None:
    """Exit code 1, parts kept; the same command again finishes the job."""
    named = {"--input": town, "--model": model, "--output": tmp_path / "out"}
    arguments = ["run", *(str(word) for pair in named.items() for word in pair)]
    arguments += ["--sample", "all,to_s=12", "--devices", "1", "--set", "lease_s=0.5"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fleet.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    while not list((tmp_path / "out" / "frames").glob("part-*")):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 1, printed
    assert "same command again" in printed
    assert "Traceback" not in printed
    kept = {p.name for p in (tmp_path / "out" / "frames").glob("part-*")}
    done = fleet_process(*arguments)
    assert done.returncode == 0, done.stderr
    assert kept <= {p.name for p in (tmp_path / "out" / "frames").glob("part-*")}
    assert fleet.read(str(tmp_path / "out")).frames.count_rows() == 300


def test_an_installed_fleet_knows_the_detect_job_by_itself(
    town_hevc: Path, model: Path, tmp_path: Path
) -> None:
    """Without a job file, from any folder."""
    shutil.copy(model, tmp_path / "m.om")
    done = fleet_here(
        "run",
        "--input",
        town_hevc,
        "--model",
        "m.om",
        "--sample",
        "keyframes",
        "--output",
        "o",
        "--inline",
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "o" / "_SUCCESS.json").is_file()
