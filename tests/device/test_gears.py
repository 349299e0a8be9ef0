"""Networks that take batches of several sizes: which one is run, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from caffe_nets import caffemodel
from classic import classic, weights
from command import fleet_here
from generate import Clip, write
from hypothesis import given, settings
from hypothesis import strategies as st
from loaded import CHIP, found, network, picture
from networks import BLUE, GREEN, LABELS, RED, colour_network, compiled
from onnx import helper

import fleet
from fleet.device import Device
from fleet.errors import DeviceError, ModelRefusedError
from fleet.models.card import ModelCard, read_card
from fleet.models.compiler.compile import describe

DETECT = Path(__file__).parents[2] / "jobs" / "detect.toml"
OPEN = colour_network(lengths=("n", 32, 64))
GEARS = (1, 2, 4)


def smallest(count: int, gears: tuple[int, ...]) -> list[int]:
    """Return the batches that so many pictures are run in."""
    runs = []
    while count > 0:
        runs.append(min((gear for gear in gears if gear >= count), default=gears[-1]))
        count -= runs[-1]
    return runs


@settings(max_examples=40, deadline=None)
@given(
    gears=st.sets(st.integers(1, 9), min_size=2, max_size=4).map(lambda some: tuple(sorted(some))),
    colours=st.lists(st.sampled_from([RED, GREEN, BLUE]), min_size=1, max_size=12),
)
def test_pictures_are_run_in_the_smallest_gear_that_holds_them(
    gears: tuple[int, ...], colours: list[tuple[int, int, int]]
) -> None:
    """Padded; the rows are those of one picture at a time, and the time is that of the gears."""
    with Device(CHIP) as device:
        wanted = found(network(device, OPEN), *(picture(device, yuv) for yuv in colours))
        one_s = device.clock.snapshot().chip_s["model"] / len(colours)
        before_s = device.clock.snapshot().chip_s["model"]
        geared = network(device, OPEN, gears=gears)
        rows = found(geared, *(picture(device, yuv) for yuv in colours))
        taken_s = device.clock.snapshot().chip_s["model"] - before_s
    for column in ("picture", "xyxy", "score", "class_id"):
        np.testing.assert_array_equal(getattr(rows, column), getattr(wanted, column))
    assert taken_s == pytest.approx(one_s * sum(smallest(len(colours), gears)))


def test_the_card_carries_them() -> None:
    """The largest counts for memory; a model of one size has another card and digest."""
    card, plain = card_of(compiled(OPEN, gears=GEARS)), card_of(compiled(OPEN, batch=4))
    assert (card.gears, card.batch, card.batch_sizes) == (GEARS, 4, GEARS)
    assert (plain.gears, plain.batch_sizes) == ((), (4,))
    assert card.memory_bytes == plain.memory_bytes
    assert card.macs == plain.macs
    assert card.digest != plain.digest
    assert "gears" not in plain.to_json()
    assert "batch 1 or 2 or 4, float32" in describe(card)


def card_of(om: bytes) -> ModelCard:
    """Read a card."""
    return read_card(om, "made.om")


def test_other_batches_are_answered_as_by_the_chip(device: Device) -> None:
    """145013 for no gear, 145021 for another shape, 145022 for another type."""
    geared = network(device, OPEN, gears=GEARS)
    for gear in GEARS:
        tensor = geared.convert(np.zeros((gear, 48, 64), np.uint8))
        (out,) = geared.execute(tensor)
        assert out.shape[0] == len(tensor) == gear
    for shape, dtype, code in [
        ((3, 3, 32, 64), np.float32, 145013), ((5, 3, 32, 64), np.float32, 145013),
        ((0, 3, 32, 64), np.float32, 145013), ((2, 3, 32, 32), np.float32, 145021),
        ((2, 32, 64), np.float32, 145021), ((2, 3, 32, 64), np.float16, 145022),
    ]:  # fmt: skip
        with pytest.raises(DeviceError) as refusal:
            geared.execute(np.zeros(shape, dtype))
        assert refusal.value.code == code
    with pytest.raises(ValueError, match="AIPP takes"):
        geared.convert(np.zeros((3, 48, 64), np.uint8))


def test_a_run_has_the_rows_of_one_picture_at_a_time(tmp_path: Path) -> None:
    """Seven frames, of which the job looks at four at a time and then at three."""
    write(Clip(frames=7), tmp_path / "clip.mp4")
    tables = []
    for name, options in (("one", {}), ("geared", {"gears": GEARS})):
        (tmp_path / f"{name}.om").write_bytes(compiled(OPEN, **options))
        job = ("run", DETECT, "--input", "clip.mp4", "--model", f"{name}.om", "--output", name)
        asked = ("--inline", "--sample", "all", "--set", "threshold=0.1")
        done = fleet_here(*job, *asked, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        table = fleet.read(str(tmp_path / name)).table("detections").to_table()
        tables.append(table.sort_by([("frame", "ascending"), ("class_id", "ascending")]))
    assert tables[0]["frame"].to_pylist() == list(range(7))
    assert tables[0].equals(tables[1])


def baked() -> bytes:
    """A network with an open batch, one layer of which holds a batch of 4."""
    model = onnx.load_model_from_string(OPEN)
    last = model.graph.node[-1]
    last.output[0] = "loose"
    shape = np.array([4, 7, 1], np.int64)
    model.graph.initializer.append(onnx.numpy_helper.from_array(shape, "fixed"))
    model.graph.node.append(helper.make_node("Reshape", ["loose", "fixed"], ["output0"]))
    content: bytes = model.SerializeToString()
    return content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (colour_network(), "batches of 1, 2, 4 are asked for, and its own is fixed at 1"),
        (baked(), "does not run it with open batches"),
    ],
)
def test_a_network_of_one_batch_is_refused(content: bytes, said: str) -> None:
    """By its input, or by a layer that shows only when it is run."""
    with pytest.raises(ModelRefusedError, match=said):
        compiled(content, gears=GEARS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the classic network in Caffe's form, and one in ONNX."""
    made = tmp_path_factory.mktemp("gears")
    (made / "net.prototxt").write_text(classic())
    (made / "net.caffemodel").write_bytes(caffemodel(weights(0)))
    (made / "net.onnx").write_bytes(OPEN)
    (made / "labels.txt").write_text("\n".join(LABELS))
    return made


CAFFE = ("--framework=0", "--model=net.prototxt", "--weight=net.caffemodel")
ONNX = ("--framework=5", "--model=net.onnx", "--head=yolov8", "--labels=labels.txt")
CAFFE_SHAPE = "--input_shape=data:-1,3,64,64;img_info:-1,4"
ONNX_SHAPE = "--input_shape=images:-1,3,32,64"


@pytest.mark.parametrize(
    ("network", "shape"), [(CAFFE, CAFFE_SHAPE), (ONNX, ONNX_SHAPE)], ids=["caffe", "onnx"]
)
def test_atc_and_msame_take_them_by_their_own_names(
    folder: Path, network: tuple[str, ...], shape: str
) -> None:
    """Each gear gives the first picture what a model of one picture gives it."""
    usual = ("atc", *network, "--soc_version=Ascend310")
    made = fleet_here(*usual, shape, "--dynamic_batch_size=4,1,2", "--output=geared", folder=folder)
    assert made.returncode == 0, made.stderr
    assert read_card((folder / "geared.om").read_bytes(), "geared.om").gears == GEARS
    one = shape.replace("-1", "1")
    assert fleet_here(*usual, one, "--output=one", folder=folder).returncode == 0
    source = read_card((folder / "one.om").read_bytes(), "one.om").source
    picture = np.random.default_rng(0).integers(0, 256, source.pixels * 3 // 2, np.uint8).tobytes()
    (folder / "one.bin").write_bytes(picture)
    alone = outputs(folder, "one", "one.bin")
    for gear in GEARS:
        (folder / "some.bin").write_bytes(picture * gear)
        several = outputs(folder, "geared", "some.bin", "--dym-batch", gear)
        assert len(several) == len(alone)
        for first, whole in zip(alone, several, strict=True):
            for own in np.split(whole, gear):
                np.testing.assert_allclose(own, first, rtol=1e-5, atol=1e-6)
        done = fleet_here(
            "msame", "-m", "geared.om", "--dymBatch", gear, "--loop", 2, folder=folder
        )
        assert done.returncode == 0, done.stderr
        assert f"batch {gear} (this host)" in done.stdout


def outputs(folder: Path, model: str, file: str, *options: object) -> list[np.ndarray]:
    """Run a model on a file, past inputs that have values of their own, and read what it wrote."""
    if "img_info" in (order := inputs_of(folder, model)) and order.index("img_info") == 0:
        card = read_card((folder / f"{model}.om").read_bytes(), model)
        rows = card.batch
        np.tile(np.array([64, 64, 64, 64], np.float32), (rows, 1)).tofile(folder / "info.bin")
        file = f"info.bin,{file}"
    out = folder / f"out-{model}-{len(list(folder.iterdir()))}"
    done = fleet_here(
        "infer", "--model", f"{model}.om", "--input", file, "--output", out, *options, folder=folder
    )
    assert done.returncode == 0, done.stderr
    files = sorted(path for path in out.rglob("*.bin"))
    return [np.fromfile(path, np.float32) for path in files]


def inputs_of(folder: Path, model: str) -> list[str]:
    """Return the names of a model's inputs in the order in which they are fed."""
    found = onnx.load(folder / f"{model}.om").metadata_props
    listed = [item.value for item in found if item.key == "fleet.inputs"]
    return listed[0].splitlines() if listed else []


@pytest.mark.parametrize(
    ("gears", "shape", "said"),
    [
        ("all", ONNX_SHAPE, "is no list of gears"),
        ("1,,2", ONNX_SHAPE, "is no list of gears"),
        ("4", ONNX_SHAPE, "has 1 gears, or one of them twice"),
        ("1,2,2", ONNX_SHAPE, "or one of them twice"),
        (",".join(map(str, range(1, 102))), ONNX_SHAPE, "has 101 gears"),
        ("0,1", ONNX_SHAPE, "a gear is 1 to 2048"),
        ("1,2049", ONNX_SHAPE, "a gear is 1 to 2048"),
        ("1,2", "--input_shape=images:1,3,32,64", "no input has an open batch"),
        ("1,2", "", "no input has an open batch"),
        ("1,2", "--input_shape=images:-1,3,-1,64", "E10008: --input_shape: images has an open length"),
        (None, ONNX_SHAPE, "E10008: --input_shape: images has an open length"),
    ],
)  # fmt: skip
def test_gears_that_atc_does_not_take_are_refused(
    folder: Path, gears: str | None, shape: str, said: str
) -> None:
    """2 to 100 different ones of 1 to 2048, and N open in the shape."""
    asked = () if gears is None else (f"--dynamic_batch_size={gears}",)
    given = (shape,) if shape else ()
    done = fleet_here(
        "atc", *ONNX, "--soc_version=Ascend310", *asked, *given, "--output=no", folder=folder
    )
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert not (folder / "no.om").exists()


def test_a_gear_is_chosen_where_there_are_several(folder: Path) -> None:
    """And is none of a model of one size."""
    usual = ("atc", *ONNX, "--soc_version=Ascend310")
    fleet_here(*usual, ONNX_SHAPE, "--dynamic_batch_size=1,2,4", "--output=two", folder=folder)
    fleet_here(*usual, "--input_shape=images:1,3,32,64", "--output=fixed", folder=folder)
    for model, options, said in [
        ("two", (), "two takes batches of 1, 2, 4, and none is chosen"),
        ("two", ("--dymBatch", 3), "two takes batches of 1, 2, 4, and 3 is none of them"),
        ("fixed", ("--dymBatch", 1), "A batch of 1 is chosen, and fixed takes one size"),
    ]:
        done = fleet_here("msame", "-m", f"{model}.om", *options, folder=folder)
        assert done.returncode == 2
        assert said in " ".join(done.stderr.split())
