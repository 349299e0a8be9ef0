"""Execution providers that are packages beside ONNX Runtime, as OpenVINO is one today.

Such a package is a library that ONNX Runtime loads once a process; it then lists the devices that
the library finds, of which a session takes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import onnxruntime

from fleet.errors import UsageError
from fleet.models.providers import Provider

PACKAGES: Mapping[str, str] = {"openvino": "onnxruntime_ep_openvino"}
"""The name of a provider, in small letters -> the package that brings it."""
EXTRAS: Mapping[str, str] = {"openvino": "openvino"}
"""The same -> the extra of Fleet's that installs it."""
KIND = "device_type"
"""The option that chooses a device; all others are the provider's own."""


class EpDevice(Protocol):
    """What ONNX Runtime tells of a device of a provider."""

    @property
    def ep_name(self) -> str:
        """The provider, by ONNX Runtime's name."""

    @property
    def ep_metadata(self) -> Mapping[str, str]:
        """What the provider says of it; OpenVINO: `ov_device`, which is CPU, GPU or NPU."""


def is_plugin(provider: Provider) -> bool:
    """Return whether an installed package brings a provider."""
    package = PACKAGES.get(provider.name.lower())
    return package is not None and find_spec(package) is not None


def use_plugin(options: onnxruntime.SessionOptions, provider: Provider) -> str:
    """Have sessions with these options use a provider of a package; return ONNX Runtime's name.

    Raises UsageError where its library cannot be loaded, or finds no device of the kind asked for.
    """
    name = _loaded(PACKAGES[provider.name.lower()])
    devices: Sequence[Any] = onnxruntime.get_ep_devices()
    own = {key: value for key, value in provider.options if key != KIND}
    options.add_provider_for_devices([choose(devices, provider, name)], own)
    return name


def choose(devices: Sequence[EpDevice], provider: Provider, name: str) -> EpDevice:
    """Return the first device of a provider, of the kind that its options ask for.

    `name` is ONNX Runtime's name of it. Raises UsageError where there is none.
    """
    asked = dict(provider.options).get(KIND)
    own = [device for device in devices if device.ep_name == name]
    kinds = [device.ep_metadata.get("ov_device", "") for device in own]
    if asked is None and own:
        return own[0]
    for device, kind in zip(own, kinds, strict=True):
        if asked is not None and kind.upper() == asked.upper():
            return device
    kind = f" of the {KIND} {asked}" if asked else ""
    listed = f"It finds: {', '.join(kinds)}." if own else "OpenVINO's runs on hardware of Intel."
    raise UsageError(f"{provider.name} is installed, and finds no device{kind} here.", listed)


@cache
def _loaded(package: str) -> str:
    """Load a package's library, once a process, and return ONNX Runtime's name of the provider."""
    module = import_module(package)
    try:
        path = module.get_library_path()
        onnxruntime.register_execution_provider_library(f"fleet.{package}", path)
    except Exception as error:  # libraries of others raise what they like
        message = f"The package {package} is there, and cannot be loaded: {error}"
        raise UsageError(message, "See which versions of ONNX Runtime it is for.") from error
    return str(module.get_ep_name())
