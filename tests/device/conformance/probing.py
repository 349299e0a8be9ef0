"""What the probes share: pictures of any format, and the number with which a call is refused."""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import numpy as np
import onnx
from networks import LABELS, colour_network
from onnx import helper
from PIL import Image

from fleet.ascend.surface import in_memory, planes
from fleet.core.frames import Colour, Picture
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat
from fleet.device import Device
from fleet.errors import DeviceError, ModelRefusedError, StreamRefusedError
from fleet.models.compiler.compile import compile_model
from fleet.models.network import Network
from fleet.models.session import INPUTS

HD, UHD, P720 = Size(1920, 1080), Size(3840, 2160), Size(1280, 720)
EIGHT_K = Size(7680, 4320)


def code(call: Callable[[], object]) -> int | str:
    """The number with which a call is refused, E... of a model; 0 where it is done."""
    try:
        result = call()
    except (DeviceError, StreamRefusedError) as error:
        # An error without a way out is no answer: the row fails.
        return (error.code or "no code") if error.way_out else f"no way out: {error}"
    except ModelRefusedError as error:
        return str(error).partition(":")[0]
    except ValueError:
        return "ValueError"
    if isinstance(result, Picture):
        result.release()
    return 0


def codes(*calls: Callable[[], object]) -> tuple[int | str, ...]:
    """The numbers of several calls."""
    return tuple(code(call) for call in calls)


def painted(
    device: Device,
    size: Size,
    pixel_format: PixelFormat = PixelFormat.NV12,
    strides: tuple[int, int] | None = None,
) -> Picture:
    """A picture of random samples in any format."""
    surface = av.VideoFrame(size.width, size.height, pixel_format.layout.surfaces[0])
    noise = np.random.default_rng(1)
    for plane in planes(surface):
        plane[:] = noise.integers(0, 256, plane.shape, np.uint8)
    args = (device.soc, device.memory, surface, Colour(), 0, "probe", pixel_format)
    return in_memory(*args, strides)


def taken(device: Device, size: Size, pixel_format: PixelFormat) -> int:
    """The bytes that a picture's buffer takes, without the 32 that an allocation adds."""
    before = device.memory.used_bytes
    picture = painted(device, size, pixel_format)
    bytes_ = device.memory.used_bytes - before - 32
    picture.release()
    return bytes_


def loaded(device: Device, further: str = "") -> Network:
    """A small network; `further`: one of its weights, which is then an input too."""
    content = compile_model(
        colour_network(), head="yolov8", labels=LABELS, name="probe", soc=device.soc
    )
    if further:
        model = onnx.load_from_string(content)
        weight = next(each for each in model.graph.initializer if each.name == further)
        info = helper.make_tensor_value_info(further, weight.data_type, list(weight.dims))
        model.graph.input.append(info)
        model.metadata_props.add(key=INPUTS, value=f"images\n{further}")
        content = model.SerializeToString()
    return Network(device.soc, device.memory, device.clock, device.vpc, content, "probe.om")


def still(kind: str, size: Size = Size(64, 48), mode: str = "RGB", **options: object) -> bytes:  # noqa: B008
    """A JPEG or PNG of random samples."""
    samples = np.random.default_rng(2).integers(0, 256, (size.height, size.width, 4), np.uint8)
    target = io.BytesIO()
    Image.fromarray(samples, "RGBA").convert(mode).save(target, kind, **options)
    return target.getvalue()
