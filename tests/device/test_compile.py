"""Compiling: what an .om holds, and every reason why there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from networks import colour_network, compiled, plain_network
from onnx import TensorProto

from fleet.ascend.aipp_config import AippConfig
from fleet.ascend.soc import soc
from fleet.core.frames import ChannelOrder
from fleet.core.geometry import Fit, Size
from fleet.errors import ModelRefusedError
from fleet.models.card import CARD_KEY, read_card
from fleet.models.compiler.compile import describe, read_labels

CHIP = soc("Ascend310")
FLOAT = TensorProto.FLOAT


def test_the_real_detector_compiles(fastestdet_onnx: Path, coco_names: Path) -> None:
    """FastestDet: 0.24 M parameters, 0.12 G multiply-accumulates, squeezed, BGR, 1/255."""
    labels = read_labels(coco_names.read_text(), "coco.names")
    om = compiled(fastestdet_onnx.read_bytes(), head="fastestdet", labels=labels, name="fastestdet")
    card = read_card(om, "fastestdet.om")
    assert (card.name, card.head, card.labels[:2]) == (
        "fastestdet",
        "fastestdet",
        ("person", "bicycle"),
    )
    assert (card.input_name, card.size, card.batch, card.dtype) == (
        "input.1",
        Size(352, 352),
        1,
        "float32",
    )
    assert (card.fit, card.iou, card.per_class, card.opset) == (Fit.STRETCH, 0.45, False, 11)
    assert card.aipp == AippConfig(order=ChannelOrder.BGR, var_reci_chn=(1 / 255, 1 / 255, 1 / 255))
    assert card.soc == "Ascend310"
    assert card.macs == 121_491_744
    assert card.weight_bytes // 2 == pytest.approx(240_000, rel=0.02)
    assert card.output_bytes == 85 * 22 * 22 * 4
    assert card.input_bytes == 352 * 352 * 3 // 2


def test_a_compiled_model_is_an_onnx_file_with_a_card() -> None:
    """The checker of onnx passes it; other metadata stays; compiling it again replaces the card."""
    model = onnx.load_model_from_string(colour_network())
    onnx.helper.set_model_props(model, {"author": "someone"})
    om = compiled(compiled(model.SerializeToString()), name="again")
    again = onnx.load_model_from_string(om)
    onnx.checker.check_model(again)
    assert [item.key for item in again.metadata_props] == ["author", CARD_KEY]
    assert read_card(om, "made.om").name == "again"


def test_work_is_counted_from_the_graph() -> None:
    """One 1 x 1 convolution of 3 to 3 channels over 64 x 32, whatever the batch."""
    for batch in (1, 2):
        card = read_card(compiled(colour_network(lengths=(batch, 32, 64))), "made.om")
        assert card.macs == 64 * 32 * 9
        assert card.chip_s(CHIP) == pytest.approx(batch * 64 * 32 * 9 * 2 / 11.14112e12)
        assert card.workspace_bytes == batch * 2 * 64 * 32 * 3 * 2
        assert card.output_bytes == batch * 7 * 4
        assert card.memory_bytes == (
            card.weight_bytes + card.workspace_bytes + card.output_bytes + batch * 64 * 32 * 3 // 2
        )


def test_the_same_arguments_give_the_same_bytes() -> None:
    """And the digest covers graph and configuration, not the name."""
    om = compiled()
    assert compiled() == om
    digest = read_card(om, "made.om").digest
    assert len(digest) == 64
    assert read_card(compiled(name="other"), "made.om").digest == digest
    others = [
        compiled(colour_network(boxes=[(9.0, 9.0, 2.0, 2.0)])),
        compiled(labels=("a", "b", "c")),
        compiled(order=ChannelOrder.BGR),
        compiled(fit=Fit.STRETCH),
        compiled(soc=replace(CHIP, name="Ascend910A")),
    ]
    digests = {read_card(other, "made.om").digest for other in others}
    assert len(digests | {digest}) == len(others) + 1


def test_open_lengths_are_fixed() -> None:
    """Batch, height and width; what shape inference cannot tell is taken from the trial run."""
    om = compiled(colour_network(lengths=("n", "h", "w")), size=Size(96, 64), batch=3)
    card = read_card(om, "made.om")
    assert (card.size, card.batch, card.macs) == (Size(96, 64), 3, 96 * 64 * 9)
    entry = onnx.load_model_from_string(om).graph.input[0].type.tensor_type
    assert [length.dim_value for length in entry.shape.dim] == [3, 3, 64, 96]
    assert read_card(compiled(colour_network(lengths=("n", 32, 64))), "made.om").batch == 1


@pytest.mark.parametrize(
    ("dtype", "name"),
    [(FLOAT, "float32"), (TensorProto.FLOAT16, "float16"), (TensorProto.UINT8, "uint8")],
)
def test_three_kinds_of_input_are_taken(dtype: int, name: str) -> None:
    """What AIPP can feed."""
    assert read_card(compiled(colour_network(dtype=dtype)), "made.om").dtype == name


def test_an_aipp_file_replaces_the_heads_own() -> None:
    """And makes the size of the pictures that are fed."""
    aipp = AippConfig(
        src_image_size_w=80, src_image_size_h=40, crop=True, load_start_pos_w=8, mean_chn=(1, 2, 3)
    )
    card = read_card(compiled(aipp=aipp), "made.om")
    assert card.aipp == aipp
    assert card.source == Size(80, 40)


@pytest.mark.parametrize(
    ("content", "options", "said", "way_out"),
    [
        (b"", {}, "not an ONNX file", "Export"),
        (b"not a model at all", {}, "not an ONNX file", "Export"),
        (plain_network(("sound", FLOAT, (1, 16000))), {}, r"sound is float \[1, 16000\], not an image", "pictures"),
        (plain_network(("x", FLOAT, (1, 1, 32, 64))), {}, r"\[1, 1, 32, 64\], not an image", "pictures"),
        (plain_network(("x", FLOAT, (1, 32, 64, 1))), {}, "not an image", "pictures"),
        (plain_network(("x", FLOAT, (1, "c", 32, 64))), {}, r"\[1, \?, 32, 64\], not an image", "pictures"),
        (plain_network(("x", TensorProto.INT64, (1, 3, 32, 64))), {}, "is int64", "uint8"),
        (plain_network(("x", FLOAT, (1, 3, 8, 8)), ("mask", FLOAT, (1,))), {}, r"2 inputs \(x, mask\)", "one"),
        (colour_network(lengths=(1, "h", "w")), {}, "not fixed", "--size 320x320"),
        (colour_network(lengths=(1, "h", 64)), {"size": Size(32, 32)}, r"fixed at 64x\?", "32x32"),
        (colour_network(), {"size": Size(320, 320)}, "fixed at 64x32", "320x320"),
        (colour_network(), {"batch": 4}, "batch is fixed at 1", "dynamic batch"),
        (colour_network(lengths=("n", 32, 64)), {"batch": 0}, "batch of 0", "1 or more"),
        (colour_network(lengths=(1, "h", "w"), only=Size(64, 64)), {"size": Size(96, 64)}, "does not run", "another --size"),
        (colour_network(opset=10 + 9), {}, "opset is 19.*11 to 18", "opset_version=18"),
        (plain_network(("x", FLOAT, (1, 3, 32, 32)), operator="Marvel", domain="made.up"), {}, "ONNX Runtime.*Marvel", "standard operators"),
        (colour_network(), {"labels": ("a", "b")}, "3 classes and there are 2 labels", "trained"),
        (colour_network(), {"labels": ()}, "labels are missing", "one label a class"),
        (colour_network(), {"labels": ("a", "", "c")}, "one is empty", "one label a class"),
        (colour_network(), {"head": "fastestdet"}, r"\[1, 7, 1\] does not fit the head fastestdet", "yolov8"),
        (colour_network(lengths=(1, 33, 64)), {}, "64x33 cannot be", "even"),
        (colour_network(lengths=(1, "h", "w")), {"size": Size(100_000, 100_000)}, "pictures of 100000x100000", "4096x4096"),
        (colour_network(lengths=(1, "h", "w")), {"size": Size(64, 4)}, "pictures of 64x4", "10x6"),
        (colour_network(), {"aipp": AippConfig(), "order": ChannelOrder.RGB}, "both", "one of them"),
        (colour_network(), {"aipp": AippConfig(src_image_size_w=80, src_image_size_h=40)}, "E10052.*80x40", "does not scale"),
        (colour_network(), {"soc": replace(CHIP, memory_bytes=2**10)}, "Ascend310 has 0", "smaller"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused(
    content: bytes, options: dict[str, Any], said: str, way_out: str
) -> None:
    """With what is wrong and the way out."""
    with pytest.raises(ModelRefusedError, match=said) as refused:
        compiled(content, **options)
    assert way_out in refused.value.way_out


def test_an_unknown_head_is_refused() -> None:
    """The way out lists the heads."""
    with pytest.raises(ModelRefusedError, match=r"sdd.*fastestdet, .*yolov3, .*yolov8"):
        compiled(head="sdd")


def test_outputs_that_are_no_tensors_are_refused() -> None:
    """A sequence of tensors, as some exports end with."""
    model = onnx.load_model_from_string(plain_network(("x", FLOAT, (1, 3, 32, 32))))
    model.graph.node.append(onnx.helper.make_node("SequenceConstruct", ["out", "x"], ["list"]))
    model.graph.output[0].CopyFrom(onnx.helper.make_tensor_sequence_value_info("list", FLOAT, None))
    with pytest.raises(ModelRefusedError, match="not tensors"):
        compiled(model.SerializeToString())


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    """Only whole files travel to the devices."""
    model = onnx.load_model_from_string(colour_network())
    path = tmp_path / "split.onnx"
    onnx.save(model, path, save_as_external_data=True, size_threshold=0)
    with pytest.raises(ModelRefusedError, match="another file"):
        compiled(path.read_bytes())


@pytest.mark.parametrize("content", [b"", b"plain text", colour_network()])
def test_what_is_not_compiled_has_no_card(content: bytes) -> None:
    """The way out is the command that compiles."""
    with pytest.raises(ModelRefusedError, match=r"a\.onnx is not a compiled model.*fleet compile"):
        read_card(content, "a.onnx")


def test_a_card_of_another_format_says_to_compile_again() -> None:
    """A later Fleet's, or a damaged one."""
    model = onnx.load_model_from_string(compiled())
    (entry,) = model.metadata_props
    for broken in (entry.value.replace('"format":1', '"format":99'), "{"):
        entry.value = broken
        with pytest.raises(ModelRefusedError, match="Compile it again"):
            read_card(model.SerializeToString(), "made.om")


def test_the_description_says_what_was_compiled() -> None:
    """Modelled and simulated things are called so."""
    card = read_card(compiled(), "made.om")
    text = describe(card)
    assert "compiled for a simulated Ascend310" in text
    for part in (
        "64x32",
        "to RGB",
        "yolov8",
        "first, second, third",
        "modelled",
        card.digest,
        "opset 17",
    ):
        assert part in text
    assert "warning" not in text
    swapped = compiled(aipp=AippConfig(rbuv_swap_switch=True, matrix=(0,) * 9, mean_chn=(7, 8, 9)))
    text = describe(read_card(swapped, "made.om"))
    for part in ("warning", "NV21", "fixed matrix", "mean 7 8 9"):
        assert part in text


def test_a_rate_that_is_known_takes_the_place_of_the_bound() -> None:
    """Of a network that does 200 pictures a second a batch takes so long; it is the same model."""
    content = colour_network(lengths=("n", 32, 64))
    bound = read_card(compiled(content, batch=2), "made.om")
    known = read_card(compiled(content, batch=2, pictures_per_s=200.0), "made.om")
    assert known.chip_s(CHIP) == pytest.approx(2 / 200)
    assert bound.chip_s(CHIP) < known.chip_s(CHIP)
    assert known.digest == bound.digest
    assert "5.000 ms a picture by the rate given" in describe(known)
    assert "a picture at least" in describe(bound)


def test_labels_are_read_a_line_each() -> None:
    """Blanks around them and at the end do not count; a gap does."""
    assert read_labels("person\n traffic light \r\ncar\n\n", "l") == (
        "person",
        "traffic light",
        "car",
    )
    with pytest.raises(ModelRefusedError, match="Line 2 of the labels in l is empty"):
        read_labels("person\n\ncar\n", "l")
    with pytest.raises(ModelRefusedError, match="l holds no labels"):
        read_labels("\n", "l")
