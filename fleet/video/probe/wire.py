"""An index as bytes, to pass between processes; the reader need not trust them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.core.json_text import read_json
from fleet.core.source import Source
from fleet.video.index import PacketTable, VideoIndex
from fleet.video.probe.serialize import stream_from_json, stream_to_json


def index_to_bytes(index: VideoIndex) -> bytes:
    """Return an index as bytes, without its source, which the reader has."""
    head = {
        "container": index.container,
        "origin": index.origin,
        "bytes_read": index.bytes_read,
        "packets": len(index.packets),
        "stream": stream_to_json(index.stream),
    }
    columns = [getattr(index.packets, name) for name in PacketTable.DTYPES]
    text = json.dumps(head).encode()
    return b"".join([len(text).to_bytes(4, "big"), text, *(c.tobytes() for c in columns)])


def index_from_bytes(source: Source, data: bytes) -> VideoIndex:
    """Return the index of `index_to_bytes`; raise ValueError, KeyError or TypeError otherwise."""
    length = int.from_bytes(data[:4], "big")
    head: dict[str, Any] = read_json(data[4 : 4 + length])
    count, at = int(head["packets"]), 4 + length
    columns: dict[str, NDArray[Any]] = {}
    for name, dtype in PacketTable.DTYPES.items():
        columns[name] = np.frombuffer(data, dtype, count, at)
        at += columns[name].nbytes
    if at != len(data):
        raise ValueError(f"an index of {count} packets does not take {len(data)} bytes")
    return VideoIndex(
        source=source,
        container=str(head["container"]),
        stream=stream_from_json(head["stream"]),
        packets=PacketTable(**columns),
        origin="header" if head["origin"] == "header" else "scan",
        bytes_read=int(head["bytes_read"]),
    )
