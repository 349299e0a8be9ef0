"""Providers that are packages of their own: OpenVINO's, where it is installed and finds a device."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from networks import colour_network, compiled

from fleet.errors import UsageError
from fleet.models.plugins import _loaded, choose
from fleet.models.providers import Provider, read_providers
from fleet.models.session import open_session

PACKAGE = "onnxruntime_ep_openvino"
NAME = "OpenVINOExecutionProvider"
MODEL = compiled(colour_network())
DEVICES = (
    SimpleNamespace(ep_name="CPUExecutionProvider", ep_metadata={}),
    SimpleNamespace(ep_name=NAME, ep_metadata={"ov_device": "CPU"}),
    SimpleNamespace(ep_name=NAME, ep_metadata={"ov_device": "GPU"}),
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of a package of that name, whatever is installed; what it holds, a test writes."""
    (tmp_path / PACKAGE).mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    _loaded.cache_clear()
    yield tmp_path / PACKAGE / "__init__.py"
    sys.modules.pop(PACKAGE, None)
    _loaded.cache_clear()


def opened(*given: dict[str, object]) -> onnxruntime.InferenceSession:
    """Open the model with providers."""
    return open_session(MODEL, "made.om", providers=read_providers(list(given)))


def test_a_network_computes_on_it() -> None:
    """What the processor's own provider computes, but for the last digits."""
    if find_spec(PACKAGE) is None:
        pytest.skip(f"{PACKAGE} is not installed: pip install 'ascend-fleet[openvino]'")
    try:
        session = opened({"name": "OpenVINO", "device_type": "CPU"})
    except UsageError as refusal:
        if "finds no device" not in refusal.message:
            raise
        pytest.skip(refusal.message)
    assert NAME in session.get_providers()
    feed = {"images": np.random.default_rng(0).random((1, 3, 32, 64), np.float32)}
    (found,), (wanted,) = session.run(None, feed), opened({"name": "CPU"}).run(None, feed)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "chosen"),
    [((), 1), ((("device_type", "CPU"),), 1), ((("device_type", "gpu"),), 2)],
)
def test_the_device_that_is_asked_for_is_chosen(
    options: tuple[tuple[str, str], ...], chosen: int
) -> None:
    """By its kind, in any case; else the first that is the provider's."""
    assert choose(DEVICES, Provider("OpenVINO", options), NAME) is DEVICES[chosen]


@pytest.mark.parametrize(
    ("devices", "options", "said"),
    [
        (DEVICES, (("device_type", "NPU"),), "no device of the device_type NPU here. It finds: CPU, GPU."),
        (DEVICES[:1], (), "OpenVINO is installed, and finds no device here. OpenVINO's runs on"),
    ],
)  # fmt: skip
def test_a_device_that_is_not_there_is_refused(
    devices: tuple[SimpleNamespace, ...], options: tuple[tuple[str, str], ...], said: str
) -> None:
    """With those that are."""
    with pytest.raises(UsageError) as refusal:
        choose(devices, Provider("OpenVINO", options), NAME)
    assert said in str(refusal.value)


def test_one_that_is_not_installed_names_its_extra() -> None:
    """As others are refused, with the way to it."""
    if find_spec(PACKAGE) is not None:
        pytest.skip(f"{PACKAGE} is installed")
    with pytest.raises(UsageError, match=r"no provider OpenVINO.*pip install 'ascend-fleet\[open"):
        opened({"name": "OpenVINO"}, {"name": "CPU"})


def test_a_library_that_cannot_be_loaded_is_refused_with_the_reason(package: Path) -> None:
    """Such as one for another ONNX Runtime; ONNX Runtime itself says why."""
    package.write_text(
        "def get_library_path(): return '/nowhere/libopenvino_plugin.so'\n"
        f"def get_ep_name(): return '{NAME}'\n"
    )
    with pytest.raises(UsageError, match=rf"(?s){PACKAGE} is there, and cannot be loaded.*nowhere"):
        opened({"name": "OpenVINO"})


def test_a_package_that_finds_no_device_is_refused(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As OpenVINO's does on processors that are not Intel's."""
    loads: list[str] = []
    monkeypatch.setattr(
        onnxruntime, "register_execution_provider_library", lambda _, path: loads.append(path)
    )
    package.write_text(
        f"def get_library_path(): return 'lib.so'\ndef get_ep_name(): return 'None{NAME}'\n"
    )
    for _ in range(2):
        with pytest.raises(UsageError, match="OpenVINO is installed, and finds no device here"):
            opened({"name": "OpenVINO"}, {"name": "CPU", "threads": 2})
    assert loads == ["lib.so"]


def test_it_stands_beside_the_processor_alone(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime does not take providers of both kinds."""
    package.write_text("")
    there = ["AbacusExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: there)
    with pytest.raises(UsageError, match="OpenVINO is a package of its own, beside which Abacus"):
        opened({"name": "OpenVINO"}, {"name": "Abacus"})
