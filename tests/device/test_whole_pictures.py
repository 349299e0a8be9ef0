"""Networks that look at a whole picture, compiled: classifiers, vectors, and outputs left raw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import fleet_here
from networks import colour_network, compiled, plain_network, serialized
from onnx import TensorProto, helper
from whole_networks import COLOURS, NORMAL, means_network

import fleet
from fleet.ascend.soc import soc
from fleet.core.geometry import Fit, Size
from fleet.device import Device
from fleet.errors import ModelRefusedError
from fleet.models.card import ModelCard, read_card
from fleet.models.classes import Classes
from fleet.models.compiler.compile import compile_network, describe
from fleet.models.heads.whole import Classify, Embed

CHIP = soc("Ascend310")
JOBS = Path(__file__).parents[2] / "jobs"


def card_of(content: bytes, **options: Any) -> ModelCard:
    """Return the card of a compiled network."""
    return read_card(compile_network(content, name="made", soc=CHIP, **options).om, "made.om")


@pytest.mark.parametrize(
    ("last", "activation"),
    [
        ((), "softmax"),
        (("Relu",), "softmax"),
        (("Softmax",), "none"),
        (("Sigmoid", "Identity"), "none"),
        (("Softmax", "Flatten", "Identity"), "none"),
    ],
)
def test_what_stands_before_the_output_says_whether_it_is_a_score(
    last: tuple[str, ...], activation: str
) -> None:
    """A Softmax or Sigmoid, whatever only moves the numbers behind it; the card says which."""
    card = card_of(means_network(*last), head="classify", labels=COLOURS)
    assert card.settings.get("activation", "softmax") == activation
    said = "as they are" if activation == "none" else "by a softmax"
    assert f"classify, 3 labels (red, green, blue), scores {said}" in describe(card)
    assert card.fit is Fit.STRETCH
    assert card.aipp.min_chn == pytest.approx((123.675, 116.28, 103.53), rel=1e-3)


def test_ultralytics_classifiers_are_known_by_their_metadata() -> None:
    """Task, names and size; their pictures are 0..1, without a mean."""
    compiled_ = compile_network(
        means_network("Softmax", sides=("h", "w"), metadata=NORMAL), name="made", soc=CHIP
    )
    card = read_card(compiled_.om, "made.om")
    assert (card.head, card.labels, card.size) == ("classify", COLOURS, Size(64, 32))
    assert (card.aipp.min_chn, card.settings["activation"]) == ((0.0, 0.0, 0.0), "none")
    assert "Ultralytics' classifier of 3 classes" in compiled_.reading
    with pytest.raises(ModelRefusedError, match="no head knows them"):
        card_of(means_network("Softmax"), labels=COLOURS)


@pytest.mark.parametrize("flat", [True, False])
def test_a_vector_is_an_output_of_one_number_each(*, flat: bool) -> None:
    """[N, numbers] or [N, numbers, 1, 1]; it has no labels."""
    card = card_of(means_network(flat=flat), head="embed")
    assert (card.settings["dimensions"], card.labels) == (3, ())
    assert "embed, vectors of 3 numbers" in describe(card)


def several(*names: str) -> bytes:
    """A network with a vector by each name, of as many numbers as letters."""
    shape = (1, 3, 32, 64)
    nodes = [helper.make_node("Identity", [f"{name}_value"], [name]) for name in names]
    outputs = [(name, TensorProto.FLOAT, (1, len(name))) for name in names]
    values = {f"{name}_value": np.ones((1, len(name)), np.float32) for name in names}
    return serialized(nodes, [("images", TensorProto.FLOAT, shape)], outputs, values, 17)


def test_of_several_outputs_the_vector_is_the_one_called_so() -> None:
    """Else none is sure."""
    card = card_of(several("logits", "image_embeds"), head="embed")
    assert (card.settings["where"], card.settings["dimensions"]) == (1, len("image_embeds"))
    with pytest.raises(ModelRefusedError, match="of several the one called embedding, "):
        card_of(several("a", "bb"), head="embed")


@pytest.mark.parametrize(
    ("content", "labels", "said"),
    [
        (means_network(), ("a", "b"), "3 classes and there are 2 labels"),
        (several("abc", "def"), COLOURS, r"it reads one output \[N, 3\]"),
        (colour_network(), COLOURS, r"it reads one output \[N, 3\]"),
        (means_network(), None, "states the labels"),
    ],
)
def test_what_is_no_classifier_of_these_labels_is_refused(
    content: bytes, labels: tuple[str, ...] | None, said: str
) -> None:
    """With what it puts out."""
    with pytest.raises(ModelRefusedError, match=said):
        card_of(content, head="classify", labels=labels)


def test_the_best_classes_come_first_and_equal_ones_in_their_order() -> None:
    """As many as are asked for, and as there are."""
    scores = np.array([[0.1, 0.4, 0.4, 0.0], [1, 2, 3, 4]], np.float32)
    found = Classes.best(scores, 3, ("a", "b", "c", "d"))
    assert found.label == ["b", "c", "a", "d", "c", "b"]
    assert found.rank.tolist() == [1, 2, 3, 1, 2, 3]
    assert found.picture.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.score.tolist() == pytest.approx([0.4, 0.4, 0.1, 4, 3, 2])
    assert len(Classes.best(scores, 9, ("a", "b", "c", "d"))) == 8


@pytest.mark.parametrize("seed", range(50))
def test_scores_and_vectors_are_their_definition(seed: int) -> None:
    """Number by number: e^x over the sum of all, or as they are."""
    raw = np.random.default_rng(seed).normal(0, 20, (3, 7)).astype(np.float32)
    outputs = [np.zeros((3, 2), np.float32), raw.reshape(3, 7, 1, 1)]
    found = Classify(where=1).scores(outputs)
    for row, scores in zip(raw.astype(np.float64).tolist(), found, strict=True):
        powers = [np.exp(value - max(row)) for value in row]
        np.testing.assert_allclose(scores, [p / sum(powers) for p in powers], rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(Classify(where=1).scores(outputs, "none"), raw)
    np.testing.assert_array_equal(Classify(where=1, activation="none").scores(outputs), raw)
    np.testing.assert_array_equal(Embed(where=1, dimensions=7).rows(outputs), raw)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    """A device, and one network of each kind beside it."""
    made = {
        "boxes": compiled(),
        "classify": compiled(means_network(), head="classify"),
        "embed": compiled(means_network(), head="embed", labels=None),
        "raw": compiled(means_network(), head="raw", labels=None),
    }
    for name, om in made.items():
        (tmp_path / f"{name}.om").write_bytes(om)
    return Device(CHIP, read_file=lambda name: (tmp_path / f"{name}.om").read_bytes())


@pytest.mark.parametrize(
    ("kind", "job", "said"),
    [
        ("classify", "detect", "not read as boxes. It is a classifier: jobs/classify.toml"),
        ("embed", "detect", "It puts out vectors: jobs/embed.toml"),
        ("raw", "detect", "compiled without a head, for `fleet infer`"),
        ("boxes", "classify", "not compiled with --head classify, but yolov8. It finds boxes"),
        ("raw", "classify", "but raw. It is compiled without a head"),
        ("classify", "embed", "not compiled with --head embed, but classify. It is a classifier"),
    ],
)
def test_a_job_of_another_kind_is_refused_before_a_row_is_there(
    kind: str, job: str, said: str, town_hevc: Path, tmp_path: Path, device: Device
) -> None:
    """By the command, with the way out."""
    del device
    options = ["--input", town_hevc, "--model", tmp_path / f"{kind}.om", "--sample", "every=200"]
    output = ["--output", tmp_path / "out", "--inline"]
    done = fleet_here("run", JOBS / f"{job}.toml", *options, *output)
    assert done.returncode in {1, 2}
    assert said in " ".join(done.stderr.split())
    assert not list((tmp_path / "out").glob("*/part-*"))


def test_a_vector_of_another_length_is_refused(
    town_hevc: Path, tmp_path: Path, device: Device
) -> None:
    """With the length that it has."""
    del device
    options = ["--input", town_hevc, "--model", tmp_path / "embed.om", "--output", tmp_path / "out"]
    done = fleet_here("run", JOBS / "embed.toml", *options, "--inline")
    assert done.returncode in {1, 2}
    assert "vectors of 3 numbers, not of 512. Write --set dimensions=3." in done.stderr


def atc(folder: Path, content: bytes, *options: str) -> tuple[int, str, str]:
    """Run `fleet atc` over an ONNX network, without a head."""
    (folder / "net.onnx").write_bytes(content)
    usual = ("--framework=5", "--model=net.onnx", "--soc_version=Ascend310", "--output=net")
    done = fleet_here("atc", *usual, *options, folder=folder)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "content",
    [
        means_network(),
        colour_network(),
        plain_network(("x", TensorProto.FLOAT, (1, 3, 32, 64))),
        plain_network(("x", TensorProto.FLOAT, (2, 3, 32, 64))),
        serialized(
            [helper.make_node("Shape", ["x"], ["sides"])],
            [("x", TensorProto.FLOAT, (1, 3, 32, 64))],
            [("sides", TensorProto.INT64, (4,))],
            {},
            17,
        ),
    ],
)
def test_atc_converts_what_no_head_reads(tmp_path: Path, content: bytes) -> None:
    """The outputs stay raw, which is said; `fleet infer` runs it, `fleet compile` refuses."""
    code, out, err = atc(tmp_path, content, "--log=info")
    assert code == 0, err
    assert "they stay raw, for `fleet infer`" in " ".join(out.split())
    assert "head        none: raw outputs" in out
    run = fleet_here(
        "infer", "--model", "net.om", "--output", "out", "--outfmt", "NPY", folder=tmp_path
    )
    assert run.returncode == 0, run.stderr
    assert list((tmp_path / "out").rglob("*.npy"))
    assert fleet_here("compile", "net.onnx", "--output", "no", folder=tmp_path).returncode == 2


def test_atc_recognises_a_head_where_one_is_sure(tmp_path: Path) -> None:
    """By metadata and outputs, as `--head auto`; and what is asked for is not left raw."""
    code, _, err = atc(tmp_path, means_network("Softmax", metadata=NORMAL))
    assert code == 0, err
    assert read_card((tmp_path / "net.om").read_bytes(), "net.om").head == "classify"
    (tmp_path / "labels.txt").write_text("\n".join(COLOURS))
    code, _, err = atc(tmp_path, means_network(), "--labels=labels.txt")
    assert code == 2
    assert "no head knows them" in " ".join(err.split())


def test_classes_and_vectors_have_names_in_the_api() -> None:
    """For jobs of a user's."""
    assert fleet.Classes is Classes
    assert fleet.CLASSES.names == ["rank", "label", "class_id", "score"]
