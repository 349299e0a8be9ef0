"""Sections 7.1, 7.3 and 10: the chips, the numbers, and where which call is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conformance_row import SECOND, TRAINING, Probe, Rows
from elementary import encoded, stream_info
from networks import LABELS, colour_network
from probing import HD, code, codes, painted, still

from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.soc import CHIPS
from fleet.ascend.vdec_settings import ChannelSettings
from fleet.ascend.venc import EncodeSettings
from fleet.core.access_unit import NalUnits
from fleet.core.geometry import Rect, Size
from fleet.core.pixel_format import PixelFormat as P
from fleet.device import Device
from fleet.errors import DeviceError
from fleet.models.compiler.compile import compile_model
from fleet.models.network import Network

CHIP = Rows("7.1 chips")
NUMBERS = Rows("7.3 numbers")
CHECKS = Rows("10 check-list")
MB = 1 << 20
TASK = 507018


@CHIP.row("D", "docs/chip.md#cores", expect=(2, 0), by_chip={SECOND: (8, 7), TRAINING: (32, 0)})
def cores(device: Device) -> object:
    """AI cores and vector cores."""
    return device.soc.cores.ai_cores, device.soc.cores.vector_cores


@CHIP.row("D", "docs/chip.md#cores", expect=4, by_chip={SECOND: 7})
def ai_cpus(device: Device) -> object:
    """AI CPUs."""
    return device.soc.cores.ai_cpus


@CHIP.row("D", "docs/chip.md#cores", expect=680, by_chip={SECOND: 1060, TRAINING: 1000})
def clock(device: Device) -> object:
    """MHz of the cores."""
    return device.soc.cores.clock_hz / 1e6


@CHIP.row("D", "docs/chip.md#cores", expect=8, by_chip={SECOND: 16, TRAINING: 32})
def l2(device: Device) -> object:
    """MB of L2."""
    return device.soc.cores.l2_bytes / MB


@CHIP.row(
    "D",
    "docs/chip.md#memory-visible",
    expect=(7759, 207001),
    by_chip={SECOND: (21534, 207001), TRAINING: (32768, 207001)},
)
def memory(device: Device) -> object:
    """MB that a program sees, and no byte more."""
    free = device.memory.budget_bytes - device.memory.used_bytes
    return device.soc.memory_bytes / MB, code(lambda: device.memory.allocate(free, "probe"))


@CHIP.row(
    "I",
    "docs/chip.md#clock-fp16",
    expect=(8, pytest.approx(11, rel=0.02)),
    by_chip={
        SECOND: (70, pytest.approx(69.5, rel=0.01)),
        TRAINING: (256, pytest.approx(262, rel=0.01)),
    },
)
def fp16(device: Device) -> object:
    """TFLOPS, published and by cores and clock."""
    return device.soc.fp16_tflops, device.soc.cores.peak_tflops


@CHIP.row("I", "docs/chip.md#cores", expect=16, by_chip={SECOND: 140, TRAINING: 512})
def int8(device: Device) -> object:
    """TOPS, published."""
    return device.soc.int8_tops


CHIP.left_out("power", "I", "8 W, 72 W, 310 W.", "nothing models power")
CHIP.left_out(
    "chips-per-card", "I", "4, 1, 1.", "a device is a chip; placing them on cards is Ray's"
)


@CHIP.row("D", "docs/chip.md#cores", expect=1024, by_chip={TRAINING: 2048})
def streams(device: Device) -> object:
    """Streams of tasks that may exist."""
    return device.soc.cores.most_streams


_NAMES = {
    "invalid-param": {100000: "INVALID_PARAM"},
    "life-cycle": {100001: "UNINITIALIZE", 100002: "REPEAT_INITIALIZE", 100037: "REPEAT_FINALIZE"},
    "files": {100003: "INVALID_FILE", 100004: "WRITE_FILE", 100005: "INVALID_FILE_SIZE", 100006: "PARSE_FILE"},
    "models": {100011: "INVALID_MODEL_ID", 100012: "DESERIALIZE_MODEL", 100013: "PARSE_MODEL", 100014: "READ_MODEL_FAILURE"},
    "model-facts": {100015: "MODEL_SIZE_INVALID", 100016: "MODEL_MISSING_ATTR", 100017: "MODEL_INPUT_NOT_MATCH", 100018: "MODEL_OUTPUT_NOT_MATCH", 100019: "MODEL_NOT_DYNAMIC"},
    "formats": {100026: "UNSUPPORTED_DATA_TYPE", 100027: "FORMAT_NOT_MATCH"},
    "report-threads": {100033: "REPEAT_SUBSCRIBE", 100034: "STREAM_NOT_SUBSCRIBE", 100035: "THREAD_NOT_SUBSCRIBE", 100036: "WAIT_CALLBACK_TIMEOUT"},
    "order-and-jpeg": {148051: "RELATIVE_RESOURCE_NOT_CLEARED", 148052: "UNSUPPORTED_JPEG"},
    "resources": {200000: "BAD_ALLOC", 200001: "API_NOT_SUPPORT", 200002: "INVALID_DEVICE", 200003: "MEMORY_ADDRESS_UNALIGNED"},
    "handles": {200004: "RESOURCE_NOT_MATCH", 200005: "INVALID_RESOURCE_HANDLE", 200006: "FEATURE_UNSUPPORTED"},
    "storage": {300000: "STORAGE_OVER_LIMIT"},
    "inner": {500000: "INTERNAL_ERROR", 500001: "FAILURE", 500002: "GE_FAILURE", 500003: "RT_FAILURE", 500004: "DRV_FAILURE"},
    "runtime-params": {107000: "RT_PARAM_INVALID", 107001: "RT_INVALID_DEVICEID", 107002: "RT_CONTEXT_NULL", 107003: "RT_STREAM_CONTEXT"},
    "runtime-waits": {107008: "RT_ADDR_UNALIGNED", 107012: "RT_THREAD_SUBSCRIBE", 107015: "RT_STREAM_NO_CB_REG", 107019: "RT_WAIT_TIMEOUT", 107020: "RT_TASK_TIMEOUT"},
    "runtime-features": {207000: "RT_FEATURE_NOT_SUPPORT", 207001: "RT_MEMORY_ALLOCATION", 207003: "RT_AICORE_OVER_FLOW", 207004: "RT_NO_DEVICE"},
    "runtime-resources": {207005: "RT_RESOURCE_ALLOC_FAIL", 207006: "RT_NO_PERMISSION", 207008: "RT_NO_STREAM_RESOURCE", 207009: "RT_NO_NOTIFY_RESOURCE", 207010: "RT_NO_MODEL_RESOURCE", 207018: "RT_DEVIDE_OOM"},
    "device-loss": {507001: "RT_TS_ERROR", 507008: "RT_SOC_VERSION", 507010: "RT_LOST_HEARTBEAT"},
    "tasks": {507011: "RT_MODEL_EXECUTE", 507012: "RT_REPORT_TIMEOUT", 507014: "RT_AICORE_TIMEOUT", 507015: "RT_AICORE_EXCEPTION", 507017: "RT_AICPU_TIMEOUT", 507018: "RT_AICPU_EXCEPTION"},
    "device-inner": {507033: "RT_DEV_SETUP_ERROR", 507046: "RT_STREAM_SYNC_TIMEOUT", 507899: "RT_DRV_INTERNAL_ERROR", 507900: "RT_AICPU_INTERNAL_ERROR", 507901: "RT_SOCKET_CLOSE"},
    "engine": {145000: "GE_PARAM_INVALID", 145001: "GE_EXEC_NOT_INIT", 145002: "GE_EXEC_MODEL_PATH_INVALID", 145003: "GE_EXEC_MODEL_ID_INVALID"},
    "engine-data": {145006: "GE_EXEC_MODEL_DATA_SIZE_INVALID", 145007: "GE_EXEC_MODEL_ADDR_INVALID", 145009: "GE_EXEC_LOAD_MODEL_REPEATED"},
    "dynamic": {145011: "GE_DYNAMIC_INPUT_ADDR_INVALID", 145012: "GE_DYNAMIC_INPUT_LENGTH_INVALID", 145013: "GE_DYNAMIC_BATCH_SIZE_INVALID"},
    "aipp": {145014: "GE_AIPP_BATCH_EMPTY", 145015: "GE_AIPP_NOT_EXIST", 145016: "GE_AIPP_MODE_INVALID"},
    "shapes": {145020: "GE_FORMAT_INVALID", 145021: "GE_SHAPE_INVALID", 145022: "GE_DATATYPE_INVALID"},
    "engine-memory": {245000: "GE_MEMORY_ALLOCATION", 245001: "GE_MEMORY_OPERATE_FAILED"},
    "engine-inner": {545000: "GE_INTERNAL_ERROR", 545001: "GE_LOAD_MODEL", 545009: "GE_UNLOAD_MODEL"},
}  # fmt: skip
_SPENT = {200000, 207001, 207018, 245000}


def _named(group: dict[int, str]) -> Probe:
    def probe(device: Device) -> object:
        """Each number has its name, becomes an error, and spent memory a MemoryError."""
        del device
        found = {}
        for number in group:
            with pytest.raises(DeviceError) as caught:
                raise_device_error(Code(number), "Refused.")
            assert isinstance(caught.value, MemoryError) == (number in _SPENT)
            found[caught.value.code] = caught.value.name.removeprefix("ACL_ERROR_")
        return found

    return probe


NUMBERS.left_out("success", "D", "0 is success.", "a call that is done raises nothing")
for _name, _group in _NAMES.items():
    _probe = _named(_group)
    _probe.__name__ = _name
    NUMBERS.row("D", "docs/chip.md#codes-acl", expect=_group)(_probe)


@CHECKS.row("D", "docs/chip.md#vdec-ids", expect=(0, 100000), by_chip={SECOND: (0, 0)})
def vdec_set_channel_id(device: Device) -> object:
    """0 to 31 on the 310 and the 910."""
    return codes(
        *(
            lambda n=n: device.open_vdec(stream_info(), ChannelSettings(channel_id=n)).close()
            for n in (31, 32)
        )
    )


@CHECKS.row(
    "D",
    "docs/chip.md#vdec-settings",
    expect=(200006,) * 3,
    left_out={SECOND: "the 310P can be told"},
)
def vdec_set_on_310(device: Device) -> object:
    """Reference frames, bit depth and matrix are refused."""
    told = [ChannelSettings(ref_frame_num=8), ChannelSettings(bit_depth=1)]
    told.append(ChannelSettings(csc_matrix=0))
    return codes(*(lambda t=t: device.open_vdec(stream_info(), t) for t in told))


@CHECKS.row(
    "D",
    "docs/chip.md#vdec-output-format",
    expect=100000,
    left_out={SECOND: "the 310P makes RGB"},
)
def vdec_set_format_on_310(device: Device) -> object:
    """NV12 and NV21 alone."""
    told = ChannelSettings(output_format=P.RGB_888)
    return code(lambda: device.open_vdec(stream_info(), told))


@CHECKS.row("D", "docs/chip.md#vdec-alive", expect=(100000, 0x10008))
def vdec_send_frame(device: Device) -> object:
    """A channel that is alive, and a start code."""
    clip = encoded("h264", "keyint=12:bframes=0", 2)
    unit = clip.units[0]
    bare = replace(unit, nals=NalUnits(unit.nals.data[4:], ()))
    closed, opened = device.open_vdec(clip.stream), device.open_vdec(clip.stream)
    closed.close()
    return codes(lambda: closed.send(unit), lambda: opened.send(bare))


@CHECKS.row(
    "I", "docs/chip.md#vdec-channel-error", expect=(16, 207005), by_chip={SECOND: (96, 207005)}
)
def vdec_create_channel(device: Device) -> object:
    """At most so many live channels of 1080p."""
    count = 0
    while True:
        number = code(lambda: device.open_vdec(stream_info(size=HD, reference_frames=1)))
        if number:
            return count, number
        count += 1


@CHECKS.row(
    "I", "docs/chip.md#vdec-refused", expect=(0x10006, 0x10004, 0x10004, 0x10004, 0x10009, 0)
)
def vdec_decoded_picture(device: Device) -> object:
    """128 to 4096, 4:2:0, the listed profiles, level 5.1 at most."""
    wrong: list[dict[str, object]] = [
        {"size": Size(126, 128)},
        {"chroma": "4:2:2"},
        {"profile": "High 10", "bit_depth": 10},
        {"level": "5.2"},
        {"codec": "vp9"},
        {},
    ]
    return codes(*(lambda w=w: device.open_vdec(stream_info(**w)) for w in wrong))


@CHECKS.row("D", "docs/chip.md#vpc-formats", expect=(100027, 100027))
def vpc_any(device: Device) -> object:
    """A format that VPC neither reads nor makes."""
    odd, plain = painted(device, Size(64, 64), P.YUV_440SP), painted(device, Size(64, 64))
    return codes(
        lambda: device.vpc.resize(odd, Size(32, 32)),
        lambda: device.vpc.resize(plain, Size(32, 32), pixel_format=P.YUYV),
    )


@CHECKS.row(
    "D", "docs/chip.md#vpc-operations", expect=200006, left_out={SECOND: "the 310P has them"}
)
def vpc_unsupported(device: Device) -> object:
    """An operation that the chip lacks."""
    picture = painted(device, Size(64, 64))
    return code(lambda: device.vpc.convert_colour(picture, P.NV21))


@CHECKS.row("I", "docs/chip.md#vpc-stride-error", expect=(100000, 100000))
def vpc_strides_and_sizes(device: Device) -> object:
    """A stride or size outside of the rules."""
    strided = painted(device, Size(64, 64), strides=(72, 64))
    plain = painted(device, Size(64, 64))
    return codes(
        lambda: device.vpc.resize(strided, Size(32, 32)),
        lambda: device.vpc.resize(plain, Size(8, 4)),
    )


@CHECKS.row("I", "docs/chip.md#vpc-paste", expect=(TASK, TASK, TASK))
def vpc_areas(device: Device) -> object:
    """A paste off the grid of 16, an area outside, one that is too small."""
    source, onto = painted(device, Size(64, 64)), painted(device, Size(64, 64))
    part = Rect(0, 0, 32, 32)
    return codes(
        lambda: device.vpc.crop_paste(source, part, onto, Rect(8, 0, 32, 32)),
        lambda: device.vpc.crop(source, Rect(40, 40, 32, 32)),
        lambda: device.vpc.crop_resize(source, Rect(0, 0, 8, 6), Size(32, 32)),
    )


@CHECKS.row("D", "docs/chip.md#vpc-even", expect=(TASK, 0), by_chip={SECOND: (TASK, 100000)})
def vpc_resize(device: Device) -> object:
    """A ratio out of range fails the task; odd sizes are cut on the 310."""
    source = painted(device, Size(64, 64))
    return codes(
        lambda: device.vpc.resize(source, Size(1026, 64)),
        lambda: device.vpc.resize(source, Size(33, 33)),
    )


@CHECKS.row("D", "docs/chip.md#jpegd", expect=(100000, 148052, 100000, 0))
def jpegd(device: Device) -> object:
    """SOI, baseline, 32 to 8192."""
    files = [b"no", still("JPEG", progressive=True), still("JPEG", Size(31, 31)), still("JPEG")]
    return codes(*(lambda d=d: device.jpegd.decode(d) for d in files))


@CHECKS.row("D", "docs/chip.md#jpege-input", expect=(100000, 100027))
def jpege(device: Device) -> object:
    """A stride, and a format."""
    strided = painted(device, Size(64, 64), strides=(72, 64))
    gray = painted(device, Size(64, 64), P.YUV_400)
    return codes(lambda: device.jpege.encode(strided), lambda: device.jpege.encode(gray))


def _compiled(chip: str) -> bytes:
    return compile_model(
        colour_network(), head="yolov8", labels=LABELS, name="probe", soc=CHIPS[chip]
    )


def _load(device: Device, om: bytes) -> Network:
    return Network(device.soc, device.memory, device.clock, device.vpc, om, "probe.om")


@CHECKS.row("D", "docs/chip.md#model-load", expect=(145002, 545001, 545001, 245000))
def model_load(device: Device) -> object:
    """No file, a model of another chip, no memory."""
    others = [_compiled(chip) for chip in CHIPS if chip != device.soc.name]
    own = _compiled(device.soc.name)
    full = codes(
        lambda: device.load("/no/such/model.om"),
        *(lambda o=o: _load(device, o) for o in others),
    )
    device.memory.allocate(device.memory.budget_bytes - device.memory.used_bytes - 128, "filler")
    return (*full, code(lambda: _load(device, own)))


CHECKS.missing(
    "model-execute-bytes",
    "I",
    "The input has the bytes that AIPP reads.",
    "execute takes the tensor behind AIPP, not the bytes before it (145021, 145022, 145003 are raised)",
)


@CHECKS.row(
    "D",
    "docs/chip.md#memory-context",
    expect=(107003, 107003, 107003, 107003, 107002),
    by_chip={TRAINING: (107003, 107003, 107003, 200006, 107002)},
)
def thread_context(device: Device) -> object:
    """Each engine given a picture of another device; a call on a device that is closed."""
    size = Size(640, 480)
    with Device(device.soc, 1) as other:
        foreign, own = painted(other, size), painted(device, size)
        found = codes(
            lambda: device.vpc.resize(foreign, Size(64, 64)),
            lambda: device.vpc.crop_paste(own, Rect(0, 0, 64, 64), foreign, Rect(0, 0, 64, 64)),
            lambda: device.jpege.encode(foreign),
            lambda: device.open_venc(EncodeSettings(0, size, 10)).send(foreign),
        )
        foreign.release()
        own.release()
    device.close()
    return (*found, code(lambda: device.memory.allocate(1, "probe")))


@CHECKS.row("D", "docs/chip.md#memory-limit", expect=(207001, 100000, 107002))
def memory_budget(device: Device) -> object:
    """Past the visible memory; a size of 0; on a closed device."""
    whole = device.memory.budget_bytes
    before = codes(
        lambda: device.memory.allocate(whole, "probe"), lambda: device.memory.allocate(0, "probe")
    )
    device.close()
    return (*before, code(lambda: device.memory.allocate(1, "probe")))


CHECKS.missing(
    "device-loss",
    "D",
    "507010, 507901 and 107001, injected.",
    "a worker that hangs is lost with 507010 (tests/ray); a lost link and a bad id are not injected",
)
