"""An index between two processes, as bytes that the one who reads them need not trust."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.core.source import Source
from fleet.video.index import PacketTable, VideoIndex
from fleet.video.probe.serialize import stream_from_json, stream_to_json

_KINDS = {
    "position": np.int64,
    "span": np.int32,
    "skip": np.int32,
    "size": np.int32,
    "pts": np.int64,
    "key": np.bool_,
    "shown": np.bool_,
}


def index_to_bytes(index: VideoIndex) -> bytes:
    """Write an index down, but for the source, which the reader knows."""
    head = {
        "container": index.container,
        "origin": index.origin,
        "bytes_read": index.bytes_read,
        "packets": len(index.packets),
        "stream": stream_to_json(index.stream),
    }
    columns = [getattr(index.packets, name).astype(kind) for name, kind in _KINDS.items()]
    text = json.dumps(head).encode()
    return b"".join([len(text).to_bytes(4, "big"), text, *(c.tobytes() for c in columns)])


def index_from_bytes(source: Source, data: bytes) -> VideoIndex:
    """Read it back; raises ValueError, KeyError or TypeError where it is none."""
    length = int.from_bytes(data[:4], "big")
    head: dict[str, Any] = json.loads(data[4 : 4 + length])
    count, at = int(head["packets"]), 4 + length
    columns: dict[str, NDArray[Any]] = {}
    for name, kind in _KINDS.items():
        columns[name] = np.frombuffer(data, kind, count, at)
        at += columns[name].nbytes
    if at != len(data) or set(_KINDS) != {item.name for item in fields(PacketTable)}:
        raise ValueError(f"an index of {count} packets does not take {len(data)} bytes")
    return VideoIndex(
        source=source,
        container=str(head["container"]),
        stream=stream_from_json(head["stream"]),
        packets=PacketTable(**columns),
        origin="header" if head["origin"] == "header" else "scan",
        bytes_read=int(head["bytes_read"]),
    )
