"""Every Nth frame of a video, decoded alone, on one thread, by a library that seeks.

Both give RGB, and what converting takes counts, 2 to 14 % of it; Fleet gives NV12, as the chip does.
Both feed all packets from a key to the frame, and some behind it until the decoder gives it;
torchcodec by the same libav as Fleet, decord by that of FFmpeg 4.1.

python sparse_decode.py {decord|torchcodec} EVERY VIDEO
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from told import tell


def by_decord(video: str, every: int) -> int:
    """Decode with decord; return how many frames."""
    from decord import VideoReader, cpu

    reader = VideoReader(video, ctx=cpu(0), num_threads=1)
    return sum(reader[at].asnumpy().size > 0 for at in range(0, len(reader), every))


def by_torchcodec(video: str, every: int) -> int:
    """Decode with torchcodec, whose approximate mode trusts the header as Fleet's index does."""
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(video, num_ffmpeg_threads=1, seek_mode="approximate")
    return sum(decoder[at].numel() > 0 for at in range(0, len(decoder), every))


WAYS: dict[str, Callable[[str, int], int]] = {"decord": by_decord, "torchcodec": by_torchcodec}


def main() -> None:
    """Decode twice: the second time nothing is imported any more, and only that counts."""
    which, every, video = sys.argv[1:]
    WAYS[which](video, int(every))
    began_s = time.process_time()
    frames = WAYS[which](video, int(every))
    tell(frames, decode_cpu_s=time.process_time() - began_s)


if __name__ == "__main__":
    main()
