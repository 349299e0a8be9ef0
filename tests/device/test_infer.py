"""`fleet infer` and `fleet msame`: what is fed, what is written, what is printed and refused."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from command import fleet_here
from hypothesis import given
from hypothesis import strategies as st
from networks import LABELS, colour_network
from numpy.typing import NDArray

from fleet.ascend.aipp import Aipp
from fleet.ascend.soc import soc
from fleet.core.frames import Colour
from fleet.core.geometry import Size
from fleet.infer.request import Form
from fleet.infer.times import Times
from fleet.infer.written import text_of
from fleet.models.card import read_card
from fleet.models.compiler.compile import compile_model

CANVAS = Size(64, 32)
BATCH = 2
MSAME_STAMP = r"\d{6,8}_\d{1,2}_\d{1,2}_\d{1,2}_\d+"
AIS_STAMP = r"\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d"


@pytest.fixture(scope="module")
def om(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled network of two pictures a batch."""
    content = colour_network(boxes=[(20, 10, 8, 4)] * 30, lengths=(BATCH, 32, 64))
    compiled = compile_model(
        content, head="yolov8", labels=LABELS, name="made", soc=soc("Ascend310")
    )
    path = tmp_path_factory.mktemp("models") / "made.om"
    path.write_bytes(compiled)
    return path


def nv12(seed: int) -> NDArray[np.uint8]:
    """Random pictures of one batch."""
    return np.random.default_rng(seed).integers(0, 256, (BATCH, 48, 64), np.uint8)


def expected(om: Path, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What ONNX Runtime makes of them behind AIPP, by itself."""
    card = read_card(om.read_bytes(), str(om))
    tensor = Aipp(card.aipp, CANVAS, BATCH, np.float32).run(pictures, Colour())
    session = onnxruntime.InferenceSession(om.read_bytes(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"images": tensor})
    assert isinstance(found, np.ndarray)
    return found


def only(folder: Path, pattern: str) -> Path:
    """The one entry of a folder whose name is of that pattern."""
    (found,) = [entry for entry in folder.iterdir() if re.fullmatch(pattern, entry.name)]
    return found


@pytest.mark.parametrize("kind", ["nv12.bin", "nv12.npy", "tensor.bin", "tensor.npy"])
@pytest.mark.parametrize("outfmt", ["TXT", "BIN", "NPY"])
def test_the_outputs_are_those_of_the_network(
    om: Path, tmp_path: Path, kind: str, outfmt: str
) -> None:
    """From pictures through AIPP, or from the network's own input past it, in each form."""
    pictures = nv12(1)
    wanted = expected(om, pictures)
    fed: NDArray[Any] = pictures
    if kind.startswith("tensor"):
        card = read_card(om.read_bytes(), str(om))
        fed = Aipp(card.aipp, CANVAS, BATCH, np.float32).run(pictures, Colour())
    file = tmp_path / kind
    np.save(file, fed) if kind.endswith("npy") else file.write_bytes(fed.tobytes())
    options = ("--input", file, "--output", tmp_path / "out", "--outfmt", outfmt)
    done = fleet_here("infer", "--model", om, *options)
    assert done.returncode == 0, done.stderr
    written = only(tmp_path / "out", AIS_STAMP) / f"{file.stem}_0.{outfmt.lower()}"
    if outfmt == "TXT":
        found = np.array(written.read_text().split(), np.float32)
    elif outfmt == "BIN":
        found = np.fromfile(written, np.float32)
    else:
        found = np.load(written)
        assert found.shape == wanted.shape
    np.testing.assert_allclose(found.reshape(-1), wanted.reshape(-1), rtol=1e-5, atol=1e-6)


def test_a_folder_is_run_file_by_file(om: Path, tmp_path: Path) -> None:
    """In the order of their names, so often each; the summary names them."""
    (tmp_path / "in").mkdir()
    for seed in range(3):
        (tmp_path / "in" / f"{seed}.bin").write_bytes(nv12(seed).tobytes())
    options = ("--input", tmp_path / "in", "--output", tmp_path / "out", "--loop", 4)
    done = fleet_here("infer", "--model", om, *options)
    assert done.stdout.count("Inference time: ") == 12
    assert "12 runs" in done.stdout
    folder = only(tmp_path / "out", AIS_STAMP)
    for seed in range(3):
        found = np.fromfile(folder / f"{seed}_0.bin", np.float32)
        np.testing.assert_allclose(found, expected(om, nv12(seed)).reshape(-1), rtol=1e-5)
    summary = json.loads(only(tmp_path / "out", f"{AIS_STAMP}_summary.json").read_text())
    listed = summary["filesinfo"]
    assert [listed[str(at)]["infiles"] for at in range(3)] == [
        [str(tmp_path / "in" / f"{seed}.bin")] for seed in range(3)
    ]
    assert listed["2"]["outfiles"] == [str(folder / "2_0.bin")]
    assert summary["host_compute_time_ms"]["min"] > 0


def test_msame_is_understood_as_it_is_written(om: Path, tmp_path: Path) -> None:
    """One dash or two, and the names, lines and averages of its outputs; zeros without input."""
    zeros = expected(om, np.zeros_like(nv12(0)))
    for at, (model, rest) in enumerate(
        [
            ("--model", ("--output", "--outfmt", "--loop")),
            ("-model", ("-output", "-outfmt", "-loop")),
            ("-m", ("-o", "-f", "-l")),
        ]
    ):
        out = tmp_path / f"out{at}"
        done = fleet_here("msame", model, om, rest[0], out, rest[1], "TXT", rest[2], 5)
        assert done.returncode == 0, done.stderr
        assert len(re.findall(r"^Inference time: [\d.]+ms$", done.stdout, re.MULTILINE)) == 5
        assert re.search(r"^Inference average time: \d+\.\d{6} ms$", done.stdout, re.MULTILINE)
        assert "Inference average time without first time: " in done.stdout
        assert "[INFO] Execute sample success.\n" in done.stdout
        text = (only(out, MSAME_STAMP) / "made_output_0.txt").read_text()
        np.testing.assert_allclose(np.array(text.split(), float), zeros.reshape(-1), rtol=1e-5)
        assert text.count("\n\n") == BATCH - 1


def test_random_input_is_the_same_each_time(om: Path, tmp_path: Path) -> None:
    """So that two runs can be compared; zeros on request."""
    found = []
    for at, fill in enumerate(["random", "random", "zero"]):
        out = tmp_path / str(at)
        fleet_here("infer", "--model", om, "--output", out, "--pure-data-type", fill)
        found.append((only(out, AIS_STAMP) / "pure_infer_data_0.bin").read_bytes())
    assert found[0] == found[1] != found[2]


def test_what_the_host_did_is_not_called_the_chips(om: Path) -> None:
    """The times are measured here; the chip's is called modelled; --debug describes the model."""
    done = fleet_here("infer", "--model", om, "--debug", "--device", 3)
    assert "measured on this host" in done.stdout
    assert re.search(r"^modelled Ascend310 .* ms a batch at least", done.stdout, re.MULTILINE)
    assert "open device 3 success" in done.stdout
    assert "[DEBUG] input 0: images float32 [2, 3, 32, 64], 49152 bytes" in done.stdout
    assert "[DEBUG] output 0: output0 float32 [2, 7, 30], 1680 bytes" in done.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["infer", "--loop", "0"], "0 runs"),
        (["infer", "--device", "256"], "no device 256"),
        (["infer", "--outfmt", "XML"], "--outfmt XML is none of TXT, BIN, NPY"),
        (["infer", "--input", "short.bin"], "short.bin holds 5 bytes, and a batch of made is 2 NV12 of 64x32, 6,144 bytes"),
        (["infer", "--input", "false.npy"], "false.npy is no .npy file"),
        (["infer", "--input", "short.bin,short.bin"], "2 inputs are given, and made has 1"),
        (["infer", "--input", "empty"], "empty holds no files"),
        (["infer", "--input", ","], "One of the inputs has no name"),
        (["msame", "--loop", "101"], "msame takes 1 to 100"),
        (["msame", "--outfmt", "NPY"], "msame writes no NPY"),
        (["msame", "--dymBatch", "2"], "A batch of 2 is chosen, and made takes one size"),
        (["infer", "--dym-batch", "2"], "A batch of 2 is chosen, and made takes one size"),
        (["msame", "--dymHW", "32,64"], "--dymHW 32,64 is for models of changing sizes"),
        (["msame", "--profiler", "true"], "--profiler is refused"),
        (["msame", "--dump", "true"], "--dump is refused"),
        (["msame", "--debug", "yes"], "--debug yes is neither true nor false"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(om: Path, tmp_path: Path, options: list[str], said: str) -> None:
    """With what was asked and what is there."""
    (tmp_path / "short.bin").write_bytes(b"short")
    (tmp_path / "false.npy").write_bytes(b"short")
    (tmp_path / "empty").mkdir()
    done = fleet_here(options[0], "--model", om, *options[1:], folder=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_network_that_is_not_compiled_is_refused(tmp_path: Path) -> None:
    """With the command that compiles it."""
    (tmp_path / "raw.om").write_bytes(colour_network())
    done = fleet_here("msame", "--model", tmp_path / "raw.om")
    assert done.returncode == 2
    assert "is not a compiled model. Compile it first" in done.stderr


@given(st.integers(1, 4), st.integers(1, 350), st.integers(0, 2**32 - 1))
def test_the_text_holds_every_number(items: int, an_item: int, seed: int) -> None:
    """100 a line, items apart by an empty line, six digits of each."""
    values = np.random.default_rng(seed).normal(0, 1e3, (items, an_item)).astype(np.float32)
    text = text_of(values)
    np.testing.assert_allclose(np.array(text.split(), float), values.reshape(-1), rtol=1e-5)
    assert max(len(line.split()) for line in text.splitlines()) <= 100
    if an_item > 1:
        parts = text.split("\n\n")
        assert [len(part.split()) for part in parts] == [an_item] * items


@given(st.lists(st.floats(1e-4, 10), min_size=1, max_size=40))
def test_the_figures_are_those_of_the_times(seconds: list[float]) -> None:
    """As NumPy has them; the first run counts in all but its own average."""
    times = Times(tuple(seconds))
    rest = seconds[1:] or seconds
    assert times.mean_s == pytest.approx(np.mean(seconds))
    assert times.mean_without_first_s == pytest.approx(np.mean(rest))
    assert times.p99_s == pytest.approx(np.percentile(seconds, 99))
    assert times.median_s == pytest.approx(np.median(seconds))
    assert times.per_s(2) == pytest.approx(2 / np.mean(rest))


def test_the_folders_are_called_as_the_tools_call_them() -> None:
    """The one pads nothing, the other everything."""
    moment = datetime(2021, 1, 2, 3, 4, 5, 67, UTC)
    assert Form.MSAME.folder(moment) == "202112_3_4_5_67"
    assert Form.AIS_BENCH.folder(moment) == "2021_01_02-03_04_05"
