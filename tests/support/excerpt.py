"""The beginning of a real clip, for where all of it would only take longer."""

from __future__ import annotations

from pathlib import Path

import av


def excerpt(video: Path, frames: int, path: Path) -> Path:
    """Copy the packets of a clip's first frames into an MP4 file with its index at the front.

    Where `frames` ends a closed GOP, what is decoded of the copy is what is decoded of the clip.
    """
    options = {"movflags": "+faststart"}
    with av.open(str(video)) as source, av.open(str(path), "w", options=options) as output:
        stream = source.streams.video[0]
        copy = output.add_stream_from_template(stream)
        packets = source.demux(stream)
        for _ in range(frames):
            packet = next(packets)
            packet.stream = copy
            output.mux(packet)
    return path
