"""Files that are no video, or damaged: one clear sentence of ours, and bounded reading."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from generate import CODECS, CONTAINERS, Clip, cached, sound_only
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from truth import MemoryReader, extracted, probed, truth

from fleet.core.source import Source
from fleet.errors import BrokenVideoError, NotAVideoError, StorageError, VideoError
from fleet.video.containers.libav import opened
from fleet.video.probe.probe import probe

PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/passwd\n#EXT-X-ENDLIST\n"
CONCAT = b"ffconcat version 1.0\nfile '/etc/passwd'\n"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"a note, and then another\n" * 40, "text file"),
        (PLAYLIST, "playlist"),
        (CONCAT, "list of files"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "no video that Fleet knows"),
        (b"FLV\1\5" + bytes(500), "Flash"),
        (b"\0\0\1\xba" + bytes(500), "program stream"),
        (b"DHAV\xfd\1" + bytes(500), r"Dahua recorder.*`ffmpeg -i in -c copy out\.mp4`"),
        (b"DAHUA" + bytes(500), "Dahua recorder"),
        (b"IMKH\1\1\0\0\2\0" + bytes(500), r"Hikvision recorder.*`ffmpeg -i in -c copy out"),
        (b"\0\0\0\1\x41" + b"\x55" * 500, "no parameter sets"),
        (b"G" * 100, "text file"),
    ],
)
def test_what_is_no_video_is_named(data: bytes, says: str) -> None:
    """The sentence says what the file is instead, or what is missing, and the way out."""
    with pytest.raises(NotAVideoError, match=says) as caught:
        probed(data, "notes.mp4")
    assert str(caught.value).startswith("notes.mp4: ")
    assert caught.value.way_out
    assert "\n" not in str(caught.value)


def test_sound_alone_is_no_video() -> None:
    """An MP4 with audio only."""
    with pytest.raises(NotAVideoError, match="no video stream in it, only audio"):
        probed(sound_only())


@pytest.mark.parametrize(
    ("data", "demuxer", "options"),
    [
        (PLAYLIST, "hls", {}),
        (CONCAT, "concat", {}),
        (PLAYLIST, "hls", {"format_whitelist": "hls"}),
    ],
)
def test_libav_opens_nothing_but_the_bytes_it_is_given(
    data: bytes, demuxer: str, options: dict[str, str]
) -> None:
    """Demuxers that open other files may not run, and if they did, could open none."""
    with pytest.raises(NotAVideoError), opened("list.mp4", io.BytesIO(data), demuxer, **options):
        pytest.fail("a list of files was opened")


def test_recording_that_was_cut_off_says_so(clip_folder: Path) -> None:
    """The index of a plain MP4 stands at its end."""
    data = cached(Clip(), clip_folder).read_bytes()
    with pytest.raises(BrokenVideoError, match="ends before its index"):
        probed(data[: len(data) // 2])


def test_packets_that_were_cut_off_stay_in_the_table(clip_folder: Path) -> None:
    """With the index in front, what is missing at the end is known, and lost when it is fetched."""
    data = cached(Clip(container="mp4-front"), clip_folder).read_bytes()
    whole, cut = probed(data), probed(data[: len(data) * 3 // 4])
    assert cut.order.tolist() == whole.order.tolist()
    assert extracted(cut, data[: len(data) * 3 // 4], len(cut.packets) - 1) == b""


def test_fragmented_recording_that_was_cut_off_gives_what_it_has(clip_folder: Path) -> None:
    """Fragments up to the one that is cut."""
    data = cached(Clip(container="mp4-fragmented", frames=48, gop=8), clip_folder).read_bytes()
    last = data.rindex(b"moof")
    index = probed(data[: last + 40])
    assert len(index.order) == 40


def test_index_of_absurd_size_is_not_read() -> None:
    """A moov box that claims a terabyte is refused by its header."""
    head = (24).to_bytes(4, "big") + b"ftypisom" + bytes(12)
    moov = (1).to_bytes(4, "big") + b"moov" + (1 << 40).to_bytes(8, "big")

    class Huge(MemoryReader):
        @property
        def size(self) -> int:
            return 2 << 40

    reader = Huge(head + moov)
    with pytest.raises(BrokenVideoError, match="1,048,576 MiB"):
        probe(Source("huge", reader.size, "e"), reader)
    assert len(reader.ranges) == 1


@pytest.mark.parametrize(
    ("table", "at", "says"),
    [
        (b"stsz", 8, "a sample takes|claims"),
        (b"stsz", 12, "claims"),
        (b"stts", 12, "lists .* samples"),
        (b"ctts", 8, "claims"),
        (b"tkhd", 16, "negative"),
        (b"stbl", -4, "larger than the one around it"),
    ],
)
def test_counts_that_would_fill_the_memory_are_refused(
    clip_folder: Path, table: bytes, at: int, says: str
) -> None:
    """Four damaged bytes may claim billions of samples, or one of gigabytes."""
    data = bytearray(cached(Clip(), clip_folder).read_bytes())
    where = data.index(table) + at
    data[where : where + 4] = b"\xf0\0\0\0"
    with pytest.raises(BrokenVideoError, match=says):
        probed(bytes(data))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damage_of_any_kind_is_an_error_of_ours_or_an_index(
    clip_folder: Path, data: st.DataObject
) -> None:
    """Bytes changed, cut out, put in or cut off, in any container: never anything else."""
    container = data.draw(st.sampled_from(CONTAINERS))
    codec = "h264" if container == "avi" else data.draw(st.sampled_from(CODECS))
    clip = Clip(codec=codec, container=container, gop_kind="open")
    file = bytearray(cached(clip, clip_folder).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(file)))
        stop = start + data.draw(st.sampled_from((0, 1, 2, 4, 188, 3000)))
        file[start:stop] = data.draw(st.binary(max_size=8))
    try:
        index = probed(bytes(file))
    except VideoError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert len(index.order)
        assert (index.packets.size > 0).all()


def test_transport_stream_with_lost_packets_keeps_the_rest(
    clip_folder: Path, tmp_path: Path
) -> None:
    """A TS packet lost on the way costs its picture, not the file, and no later frame's place."""
    data = cached(Clip(container="ts", frames=40), clip_folder).read_bytes()
    whole = probed(data)
    victim = int(whole.packets.position[14]) // 188
    path = tmp_path / "lossy.ts"
    path.write_bytes(data[: victim * 188] + data[(victim + 1) * 188 :])
    index = probed(path.read_bytes())
    assert index.cuts.tolist() or index.packets.key.any()
    assert set(whole.packets.pts[20:].tolist()) <= set(index.packets.pts.tolist())
    real = truth(path)
    assert [extracted(index, path.read_bytes(), row) for row in range(30)][-5:] == real.data[25:30]


@pytest.mark.parametrize("frames", [5, 30])
def test_stripped_matroska_blocks_are_refused_with_a_way_out(
    clip_folder: Path, frames: int
) -> None:
    """Packets that are not in the file as they are decoded cannot be fetched."""
    data = cached(Clip(container="mkv", frames=frames), clip_folder).read_bytes()
    with pytest.raises(BrokenVideoError, match="ffmpeg -i in -c copy"):
        probed(stripped(data))


def stripped(data: bytes) -> bytes:
    """A Matroska file that says its blocks lack a first byte (55), which readers put back."""
    compression = bytes.fromhex("5034 88 425481 03 425581 55")
    encoding = b"\x62\x40" + bytes([0x80 | len(compression)]) + compression
    encodings = b"\x6d\x80" + bytes([0x80 | len(encoding)]) + encoding
    tracks = data.rindex(b"\x16\x54\xae\x6b", 0, data.index(b"V_MPEG4/ISO/AVC"))
    length, inside = _length(data, tracks + 4)
    entry = inside + (6 if data[inside] == 0xBF else 0)  # a checksum that would be wrong now
    entry_length, body = _length(data, entry + 1)
    grown = b"\xae" + _measured(data[body : body + entry_length] + encodings)
    return _unsized(data[: tracks + 4] + _measured(grown) + data[inside + length :])


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A Matroska length, and where what it measures begins."""
    width = 9 - data[at].bit_length()
    return int.from_bytes(data[at : at + width], "big") & (1 << 7 * width) - 1, at + width


def _measured(body: bytes) -> bytes:
    return (1 << 56 | len(body)).to_bytes(8, "big") + body


def _unsized(data: bytes) -> bytes:
    """The segment's length unknown, so that it may have grown."""
    at = data.index(bytes.fromhex("18538067")) + 4
    width = 9 - data[at].bit_length()
    unknown = ((1 << 7 * width + 1) - 1).to_bytes(width, "big")
    return data[:at] + unknown + data[at + width :]


def test_errors_of_the_store_pass_through(clip_folder: Path) -> None:
    """A store that fails is no broken video: trying again may help."""
    data = cached(Clip(container="mkv"), clip_folder).read_bytes()

    class Failing(MemoryReader):
        def read(self, offset: int, length: int) -> bytes:
            if self.ranges:
                raise StorageError("the store does not answer")
            return super().read(offset, length)

    with pytest.raises(StorageError, match="does not answer"):
        probe(Source("far", len(data), "e"), Failing(data), 0)
