"""The AscendCL numbers and the errors that they become."""

from __future__ import annotations

import pickle

import pytest

from fleet.ascend.codes import Code, raise_device_error
from fleet.errors import DeviceError, DeviceOutOfMemoryError


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (100000, "ACL_ERROR_INVALID_PARAM"),
        (100027, "ACL_ERROR_FORMAT_NOT_MATCH"),
        (145002, "ACL_ERROR_GE_EXEC_MODEL_PATH_INVALID"),
        (200006, "ACL_ERROR_FEATURE_UNSUPPORTED"),
        (207001, "ACL_ERROR_RT_MEMORY_ALLOCATION"),
        (207018, "ACL_ERROR_RT_DEVIDE_OOM"),
        (507010, "ACL_ERROR_RT_LOST_HEARTBEAT"),
        (0x10004, "ERR_VDM_DECODE_FAIL"),
        (0x10008, "ERR_BITSTREAM"),
    ],
)
def test_numbers_have_the_names_of_the_header_files(number: int, name: str) -> None:
    """Number and name belong together (docs/chip.md#codes-acl and docs/chip.md#codes-vdec)."""
    assert Code(number).name == name


@pytest.mark.parametrize("code", list(Code))
def test_every_code_becomes_an_error_that_survives_pickling(code: Code) -> None:
    """An error carries number, name, message and way out from worker to driver."""
    with pytest.raises(DeviceError) as caught:
        raise_device_error(code, "It is wrong.", "Do it right.")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert (again.code, again.name) == (int(code), code.name)
    assert str(again) == f"It is wrong. Do it right. ({int(code)} {code.name})"


def test_spent_memory_is_an_error_of_its_own() -> None:
    """207001 is also a MemoryError (docs/chip.md#codes-memory)."""
    with pytest.raises(DeviceOutOfMemoryError) as caught:
        raise_device_error(Code.ACL_ERROR_RT_MEMORY_ALLOCATION, "Too much.")
    assert isinstance(caught.value, MemoryError)
