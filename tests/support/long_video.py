"""A long recording, made by copying the packets of a short one over and over."""

from __future__ import annotations

from pathlib import Path

import av


def repeat(clip: Path, times: int, target: Path) -> Path:
    """Write an MP4 of a clip `times` over, without encoding; its index lies at the end."""
    with av.open(str(target), "w", format="mp4") as output:
        copied = None
        shift = 0
        for _ in range(times):
            with av.open(str(clip)) as container:
                stream = container.streams.video[0]
                copied = copied or output.add_stream_from_template(stream)
                end = 0
                for packet in container.demux(stream):
                    if packet.dts is None or packet.pts is None:
                        continue
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = copied
                    output.mux(packet)
                shift += end
    return target
