"""A network on a device: what it costs, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from loaded import CHIP, found, network, picture
from networks import LABELS, colour_network
from numpy.typing import NDArray

from fleet.ascend.soc import CHIPS
from fleet.device import Device
from fleet.errors import DeviceError, DeviceOutOfMemoryError, ModelRefusedError
from fleet.models.compiler.compile import compile_model
from fleet.models.network import Network


def test_both_clocks_are_kept(device: Device) -> None:
    """Modelled time by the batches run, full or not; CPU time by stage."""
    content = colour_network(lengths=("n", 32, 64))
    net = network(device, content, batch=2)
    found(net, picture(device), picture(device), picture(device))
    clock = device.clock.snapshot()
    assert clock.chip_s["model"] == pytest.approx(2 * net.card.chip_s(CHIP))
    assert clock.chip_s["vpc"] > 0
    assert set(clock.host_s) == {"vpc", "aipp", "model", "head"}


def test_memory_is_accounted_for_until_the_network_is_closed(device: Device) -> None:
    """Weights, workspace, input and output; pictures on the way are given back."""
    before = device.memory.used_bytes
    net = network(device)
    held = device.memory.by_holder()["model made"]
    assert net.card.memory_bytes <= held < net.card.memory_bytes + 128
    found(net, picture(device))
    assert device.memory.used_bytes == before + held
    net.close()
    net.close()
    assert device.memory.used_bytes == before
    with pytest.raises(DeviceError, match=r"closed.*145003"):
        net.execute(np.zeros((1, 3, 32, 64), np.float32))


def test_a_model_larger_than_the_memory_is_refused() -> None:
    """Compiled for the chip, and the chip is full."""
    om = compile_model(colour_network(), head="yolov8", labels=LABELS, name="made", soc=CHIP)
    small = replace(CHIP, memory_bytes=CHIP.vpc.command_bytes + 2**12)
    with (
        Device(small) as device,
        pytest.raises(DeviceOutOfMemoryError, match="model made asks for"),
    ):
        Network(device.soc, device.memory, device.clock, device.vpc, om, "made.om")


def test_a_model_of_another_chip_is_refused(device: Device) -> None:
    """545001, ACL_ERROR_GE_LOAD_MODEL."""
    with pytest.raises(DeviceError, match=r"for Ascend910A.*Ascend310.*545001"):
        network(device, soc=replace(CHIP, name="Ascend910A"))


@pytest.mark.parametrize("content", [b"", b"plain text", colour_network()])
def test_what_is_not_compiled_is_refused(device: Device, content: bytes) -> None:
    """The way out is the command that compiles."""
    with pytest.raises(
        ModelRefusedError, match=r"made\.onnx is not a compiled model.*fleet compile"
    ):
        Network(device.soc, device.memory, device.clock, device.vpc, content, "made.onnx")


@pytest.mark.parametrize(
    ("tensor", "code"),
    [
        (np.zeros((2, 3, 32, 64), np.float32), 145021),
        (np.zeros((1, 3, 64, 32), np.float32), 145021),
        (np.zeros((1, 3, 32, 64), np.uint8), 145022),
    ],
)
def test_an_input_of_another_form_is_refused(
    device: Device, tensor: NDArray[np.generic], code: int
) -> None:
    """With AscendCL's number for shape and type."""
    with pytest.raises(DeviceError, match=str(code)) as refused:
        network(device).execute(tensor)
    assert refused.value.code == code


def test_a_loaded_model_is_closed_with_its_device(tmp_path: Path) -> None:
    """Device.load and Device.close."""
    om = compile_model(colour_network(), head="yolov8", labels=LABELS, name="made", soc=CHIP)
    (tmp_path / "made.om").write_bytes(om)
    with Device(CHIP) as device:
        net = device.load(str(tmp_path / "made.om"))
        assert found(net, picture(device)).label == ["first"]
    assert device.memory.used_bytes == 0
    with pytest.raises(DeviceError, match="145003"):
        net.execute(np.zeros((1, 3, 32, 64), np.float32))


def test_a_model_of_one_chip_is_refused_by_every_other(device: Device) -> None:
    """545001, in each direction (docs/chip.md#model-load-soc)."""
    del device
    for chip, other in permutations(CHIPS.values(), 2):
        with Device(other) as opened, pytest.raises(DeviceError, match="545001"):
            network(opened, soc=chip)


def test_a_model_that_does_not_fit_has_a_number_of_its_own() -> None:
    """245000, a MemoryError as well (docs/chip.md#model-load-memory)."""
    with Device(CHIP) as opened:
        free = opened.memory.budget_bytes - opened.memory.used_bytes
        opened.memory.allocate(free - 128, "filler")
        with pytest.raises(DeviceOutOfMemoryError, match="245000"):
            network(opened)
