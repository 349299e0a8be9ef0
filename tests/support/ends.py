"""In which order what decodes frames for an export ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest

from fleet.backend.kinds import open_device
from fleet.errors import StorageError
from fleet.show.decode import frames_on
from fleet.storage import Folder


def failing(monkeypatch: pytest.MonkeyPatch, opens: str, decodes: str) -> list[str]:
    """Let puts of pictures fail; return what has ended by then, as it ends: frames, a device.

    `opens`, `decodes`: the modules that open the device and decode the frames.
    """
    ended: list[str] = []
    put = Folder.put

    def refused(folder: Folder, name: str, *rest: Any) -> Any:
        if PurePosixPath(name).suffix in {".jpg", ".png"}:
            raise StorageError("the store is full")
        return put(folder, name, *rest)

    def frames(*arguments: Any) -> Iterator[Any]:
        try:
            yield from frames_on(*arguments)
        finally:
            ended.append("frames")

    def opened(*arguments: Any) -> Any:
        device = open_device(*arguments)
        close = device.close

        def closed() -> None:
            ended.append("device")
            close()

        monkeypatch.setattr(device, "close", closed)
        return device

    monkeypatch.setattr(Folder, "put", refused)
    # Else all frames of a short video are decoded before the first put.
    monkeypatch.setattr(f"{decodes}._PUT_AT_ONCE", 1)
    monkeypatch.setattr(f"{decodes}.frames_on", frames)
    monkeypatch.setattr(f"{opens}.open_device", opened)
    return ended
