"""Sections 7.1 and 7.3: the chips, and the numbers."""

from __future__ import annotations

import pytest
from conformance_row import SECOND, TRAINING, Probe, Rows
from probing import code

from fleet.ascend.codes import Code, raise_device_error
from fleet.device import Device
from fleet.errors import DeviceError

CHIP = Rows("7.1 chips")
NUMBERS = Rows("7.3 numbers")
MB = 1 << 20


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


@CHIP.row("D", "docs/chip.md#cores", expect=(1024, 207008), by_chip={TRAINING: (2048, 207008)})
def streams(device: Device) -> object:
    """Streams of tasks that may exist, and not one more."""
    count = 0
    while not (number := code(device.create_stream)):
        count += 1
    return count, number


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
