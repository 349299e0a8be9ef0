"""Videos made by hand that claim the absurd: sizes, counts, times, and streams that change midway."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import numpy as np
from damage import Damaged, ReadClip
from generate import Clip
from handmade import BitWriter

PLAIN = Clip(container="mp4-front", frames=40, gop=10, b_frames=0)
REORDERED = Clip(container="mp4-front", frames=30, gop=6, b_frames=3, gop_kind="open")
FRAGMENTED = Clip(container="mp4-fragmented", frames=32, gop=8, b_frames=1)


def absurdities(library: ReadClip) -> list[Damaged]:
    """All of them."""
    movie, fragmented = library(PLAIN), library(FRAGMENTED)
    made = [
        Damaged(f"bomb {columns}x{rows}", bomb(columns, rows), ".h264") for columns, rows in BOMBS
    ]
    made += [Damaged(about, patched(movie, *patch)) for about, patch in _PATCHES.items()]
    made += [
        Damaged(about, patched(fragmented, *patch)) for about, patch in _FRAGMENT_PATCHES.items()
    ]
    made += [Damaged(f"times {about}", muxed(rule)) for about, rule in _TIMES.items()]
    made += [
        Damaged(f"times {about}, mkv", muxed(rule, "matroska"), ".mkv")
        for about, rule in _TIMES.items()
    ]
    wrapping = muxed(lambda n: (_WRAPPING + n * 3600,) * 2, "mpegts")
    made += [
        Damaged("times wrapping, ts", wrapping, ".ts"),
        Damaged("index only", movie[: movie.index(b"mdat") - 4]),
        Damaged("payload only", movie[movie.index(b"mdat") - 4 :]),
        Damaged("index missing", movie.replace(b"moov", b"free")),
        Damaged("index twice", index_of(movie) + movie),
        Damaged("index compressed", movie.replace(index_of(movie), compressed(index_of(movie)))),
        Damaged("index compressed to a bomb", compressed(bytes(300_000_000))),
        Damaged("runs without end", endless_runs(fragmented)),
        Damaged("table in user data", stray_table(movie)),
        Damaged("size changes, raw", changing("h264"), ".h264"),
        Damaged("size changes, ts", changing("mpegts"), ".ts"),
        Damaged("size changes, mkv", changing("matroska"), ".mkv"),
        Damaged("size grows to a bomb", changing("h264") + bomb(1000, 1000), ".h264"),
        Damaged("wrong extension", library(Clip(container="mkv", frames=20)), ".avi"),
        Damaged("two in one", movie + library(REORDERED)),
    ]
    return made


BOMBS = ((1000, 1000), (256, 256), (1, 1), (1024, 8), (65535, 1))
"""Macroblocks: pictures of 16000 x 16000, 4096 x 4096 in sixty times, and shapes that are none."""

# The table, how far behind its name, and what is put there.
_PATCHES: dict[str, tuple[bytes, int, bytes]] = {
    "samples 2^31": (b"stsz", 12, b"\x80\0\0\0"),
    "samples 2^31 of one size": (b"stsz", 8, b"\0\0\0\1\x80\0\0\0"),
    "a sample of 4 GB": (b"stsz", 20, b"\xff\xff\xff\xff"),
    "times 2^31": (b"stts", 12, b"\x80\0\0\0"),
    "time steps 2^32": (b"stts", 16, b"\xff\xff\xff\xff"),
    "time steps 0": (b"stts", 16, b"\0\0\0\0"),
    "chunks 2^31": (b"stsc", 16, b"\x7f\xff\xff\xff"),
    "chunk beyond the end": (b"stco", 12, b"\xff\xff\xff\xf0"),
    "keys 2^31": (b"stss", 8, b"\x80\0\0\0"),
    "no keys": (b"stss", 8, b"\0\0\0\0"),
    "time scale 0": (b"mdhd", 16, b"\0\0\0\0"),
    "time scale 2^32": (b"mdhd", 16, b"\xff\xff\xff\xff"),
    "duration 2^32": (b"mvhd", 20, b"\xff\xff\xff\xff"),
    "size 0": (b"avc1", 28, b"\0\0\0\0"),
    "size 65535": (b"avc1", 28, b"\xff\xff\xff\xff"),
    "configuration gone": (b"avcC", 4, bytes(40)),
    "codec unknown": (b"avc1", 0, b"zzzz"),
    "edit for ever": (b"elst", 12, b"\xff\xff\xff\xff\x7f\xff\xff\xff"),
    "edit far off": (b"elst", 16, b"\x7f\xff\xff\xff"),
    "track number negative": (b"tkhd", 16, b"\xff\xff\xff\xff"),
    "box larger than all": (b"stbl", -4, b"\x7f\xff\xff\xff"),
    "box of size 0": (b"stbl", -4, b"\0\0\0\0"),
    "box of size 1": (b"stbl", -4, b"\0\0\0\1"),
    "index of 4 GB": (b"moov", -4, b"\xff\xff\xff\xff"),
}
_FRAGMENT_PATCHES: dict[str, tuple[bytes, int, bytes]] = {
    "run of 2^31": (b"trun", 8, b"\x80\0\0\0"),
    "run that lies far off": (b"trun", 12, b"\x7f\xff\xff\xff"),
    "fragment at the end of time": (b"tfdt", 8, b"\x7f\xff\xff\xff\xff\xff\xff\xff"),
    "fragment of another track": (b"tfhd", 8, b"\0\0\0\x09"),
    "no such track": (b"trex", 8, b"\0\0\0\x09"),
}
# By picture number: its dts and pts in 1/90000 s.
_TIMES: dict[str, Callable[[int], tuple[int, int]]] = {
    "negative": lambda n: (n * 3600 - 10_000_000,) * 2,
    "huge": lambda n: ((1 << 40) + n * 3600,) * 2,
    "a century apart": lambda n: (n * 90_000 * 3600 * 24 * 365 * 100,) * 2,
    "all the same": lambda n: (n, 1000),
    "falling": lambda n: (n, (100 - n) * 3600),
    "to and fro": lambda n: (n * 3600, (n ^ 5) * 3600 + 18_000),
    "a million a second": lambda n: (n, n),
}
_WRAPPING = (1 << 33) - 20 * 3600


def patched(data: bytes, table: bytes, at: int, patch: bytes) -> bytes:
    """Write over some bytes behind the first box of a name."""
    start = data.index(table) + at
    return data[:start] + patch + data[start + len(patch) :]


def index_of(movie: bytes) -> bytes:
    """The moov box."""
    at = movie.index(b"moov") - 4
    return movie[at : at + int.from_bytes(movie[at : at + 4], "big")]


def _box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def compressed(index: bytes) -> bytes:
    """An index as QuickTime 3 compressed it."""
    packed = len(index).to_bytes(4, "big") + zlib.compress(index)
    return _box(b"moov", _box(b"cmov", _box(b"dcom", b"zlib") + _box(b"cmvd", packed)))


def endless_runs(fragmented: bytes) -> bytes:
    """A fragment of many runs, each of as many samples as the file has bytes, described by none."""
    at = fragmented.index(b"moof") - 4
    runs = b"".join(_box(b"trun", bytes(4) + (30_000).to_bytes(4, "big")) for _ in range(2000))
    track = _box(b"traf", _box(b"tfhd", b"\0\2\0\x38" + b"\0\0\0\1" + b"\0\0\0\1" * 3) + runs)
    return fragmented[:at] + _box(b"moof", _box(b"mfhd", bytes(8)) + track) + fragmented[at:]


def stray_table(movie: bytes) -> bytes:
    """A sample table among the user's data, where libav finds it all the same."""
    sizes = _box(b"stsz", bytes(4) + b"\0\0\0\1" + b"\x0f\xff\xff\xff")
    extra = _box(b"udta", sizes)
    index = index_of(movie)
    track = index.index(b"trak") - 4
    size = int.from_bytes(index[track : track + 4], "big")
    body = index[8:track] + _box(b"trak", index[track + 8 : track + size] + extra)
    return movie.replace(index, _box(b"moov", body + index[track + size :]))


def bomb(columns: int, rows: int, frames: int = 60) -> bytes:
    """Raw H.264 whose pictures take 13 bytes each in the file, and 1.5 x 256 x `columns` x `rows`."""
    sps = BitWriter().u(77, 8).u(0, 8).u(51, 8).ue(0, 0, 0).ue(2)
    sps.ue(16).u(0, 1).ue(columns - 1, rows - 1).u(1, 1).u(1, 1).u(0, 2)
    pps = BitWriter().ue(0, 0).u(0, 2).ue(0, 0, 0).u(0, 3).se(0, 0, 0).u(0, 3)
    first = BitWriter().ue(0, 7, 0).u(0, 4).ue(0).u(0, 6).u(0, 2).se(0)
    for _ in range(min(4, columns * rows)):
        first.ue(25).align().samples(bytes([90]) * 256 + bytes([128]) * 128)
    units = [sps.nal(0x67) + pps.nal(0x68) + first.nal(0x65)]
    for number in range(1, frames):
        skipped = BitWriter().ue(0, 5, 0).u(number % 16, 4).u(2 * number % 64, 6).u(0, 3).se(0)
        units.append(skipped.ue(columns * rows).nal(0x61))
    return b"".join(units)


def _pictures(size: tuple[int, int], numbers: range) -> Iterator[av.VideoFrame]:
    width, height = size
    y, x = np.mgrid[0 : height * 3 // 2, 0:width]
    for number in numbers:
        planes = ((x * 3 + y * 2 + number * 7) % 220 + 16).astype(np.uint8)
        picture = av.VideoFrame.from_ndarray(planes, "yuv420p")
        picture.pts = number
        picture.time_base = Fraction(1, 25)
        yield picture


def _encoded(size: tuple[int, int], numbers: range) -> list[av.Packet[av.stream.Stream]]:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = *size, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.thread_count = Fraction(1, 25), Fraction(25), 1
    encoder.options = {
        "preset": "veryfast",
        "x264-params": "keyint=8:scenecut=0:bframes=0:threads=1",
    }
    packets = [packet for picture in _pictures(size, numbers) for packet in encoder.encode(picture)]
    return packets + encoder.encode(None)


def muxed(rule: Callable[[int], tuple[int, int]], muxer: str = "mp4") -> bytes:
    """Thirty pictures whose dts and pts are what `rule` says, in 1/90000 s."""
    return _mux(_encoded((160, 128), range(30)), muxer, rule)


def changing(muxer: str) -> bytes:
    """A stream of 160 x 128 that goes on as 320 x 192, then as it was."""
    packets = _encoded((160, 128), range(16)) + _encoded((320, 192), range(16, 32))
    packets += _encoded((160, 128), range(32, 48))
    return _mux(packets, muxer, lambda number: (number * 3600,) * 2)


def _mux(
    packets: list[av.Packet[av.stream.Stream]], muxer: str, rule: Callable[[int], tuple[int, int]]
) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=muxer, options={"avoid_negative_ts": "disabled"}) as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuv420p"
        stream.time_base = Fraction(1, 90_000)
        for number, packet in enumerate(packets):
            packet.stream = stream
            packet.time_base = Fraction(1, 90_000)
            packet.dts, packet.pts = rule(number)
            output.mux(packet)
    return file.getvalue()
