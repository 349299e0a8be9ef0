"""Files read by ranges, and what libav sees of them."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from fleet.video.containers.reader import BlockFile, CountedReader, Ranges, SparseFile


class Bytes:
    """An object in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        """See `RangeReader`; asking past the end would be a fault of the caller."""
        assert 0 <= offset <= offset + length <= self.size
        assert length > 0
        return self.data[offset : offset + length]


PLACES = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 120)), max_size=20)


@given(st.binary(max_size=250), PLACES, st.integers(0, 64))
def test_ranges_give_the_files_bytes(
    data: bytes, places: list[tuple[int, int]], ahead: int
) -> None:
    """Whatever is asked for in whatever order; nothing past the end is asked of the store."""
    ranges = Ranges(CountedReader(Bytes(data)))
    for offset, length in places:
        assert ranges.get(offset, length, ahead) == data[offset : offset + length]


def test_known_ranges_are_not_read_again() -> None:
    """What a read took ahead serves later requests."""
    counted = CountedReader(Bytes(bytes(1000)))
    ranges = Ranges(counted)
    ranges.get(0, 10, ahead=100)
    ranges.get(20, 80)
    assert (counted.reads, counted.bytes) == (1, 100)
    ranges.get(90, 20)
    assert (counted.reads, counted.bytes) == (2, 110)


@given(
    st.binary(min_size=1, max_size=250),
    st.lists(st.tuples(st.integers(0, 249), st.integers(1, 60)), max_size=6),
    st.integers(0, 100),
)
def test_sparse_file_is_real_where_known_and_zero_elsewhere(
    data: bytes, places: list[tuple[int, int]], beyond: int
) -> None:
    """To its given length, which may be more than the file has left."""
    ranges = Ranges(CountedReader(Bytes(data)))
    expected = bytearray(len(data) + beyond)
    for offset, length in places:
        known = ranges.get(offset, length)
        expected[offset : offset + len(known)] = known
    file = SparseFile(ranges, len(expected))
    read = b"".join(iter(lambda: file.read(37), b""))
    assert read == expected


@given(st.binary(max_size=300), PLACES, st.integers(1, 50), st.integers(1, 3))
def test_block_file_is_a_file(
    data: bytes, places: list[tuple[int, int]], block_bytes: int, blocks: int
) -> None:
    """Seeking, reading on and looking back give the file's bytes, whatever the blocks."""
    file = BlockFile(
        CountedReader(Bytes(data)), seekable=True, block_bytes=block_bytes, blocks=blocks
    )
    for offset, length in places:
        assert file.peek(offset, length) == data[offset : offset + length]
        assert file.seek(offset) == file.tell() == offset
        got = b""
        while len(got) < length and (part := file.read(length - len(got))):
            got += part
        assert got == data[offset : offset + length]
    assert file.seek(-1, io.SEEK_END) == max(0, len(data) - 1)


def test_block_file_reads_each_block_once_front_to_back() -> None:
    """A scan costs as many requests as the file has blocks."""
    counted = CountedReader(Bytes(bytes(1000)))
    file = BlockFile(counted, seekable=False, block_bytes=100, blocks=2)
    assert len(b"".join(iter(lambda: file.read(64), b""))) == 1000
    assert (counted.reads, counted.bytes) == (10, 1000)
    assert not file.seekable()
