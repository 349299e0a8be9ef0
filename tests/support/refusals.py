"""What a refusal of the device comes to, in tests of its engines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fleet.errors import DeviceError


def code_of(call: Callable[[], object], engine: str = "") -> int:
    """Return the number with which a call is refused, by a row about an `engine`, with a way out."""
    with pytest.raises(DeviceError) as caught:
        call()
    assert caught.value.way_out
    assert f"Rule: docs/chip.md#{engine}" in str(caught.value)
    return caught.value.code
