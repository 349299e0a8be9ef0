"""Whether a header may have pictures turned or cropped is told by its own bytes.

Only where they say so is libav asked how, which takes a sixth of what a short header does.
"""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from clean_aperture import cropped
from generate import Clip, cached
from hypothesis import given
from hypothesis import strategies as st

from fleet.video.containers import isobmff
from fleet.video.containers.display_matrix import Turn, read_turn
from fleet.video.containers.isobmff_boxes import IndexCheck
from fleet.video.containers.reader import Ranges

ONE = 1 << 16
PLAIN = (ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)
TURNED = (0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30)
MATRIX_AT = {b"mvhd": 36, b"tkhd": 40}


class Held:
    """A file in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes as `RangeReader.read` does."""
        return self._data[offset : offset + length]


def written(matrix: tuple[int, ...]) -> bytes:
    """A matrix as it lies in a box."""
    return b"".join(number.to_bytes(4, "big", signed=True) for number in matrix)


def may_turn(path: Path) -> bool:
    """What the bytes of a file's header say."""
    return isobmff.sparse(str(path), Ranges(Held(path.read_bytes()))).turns


def turn_by_libav(path: Path) -> Turn:
    """What libav says."""
    with av.open(str(path)) as container:
        return read_turn(container.streams.video[0])


def with_matrix(source: Path, path: Path, kind: bytes, matrix: tuple[int, ...]) -> Path:
    """Write an MP4 file again with another matrix in one of its headers."""
    data = bytearray(source.read_bytes())
    at = data.index(kind) + 4 + MATRIX_AT[kind]
    assert data[at : at + 36] == written(PLAIN)
    data[at : at + 36] = written(matrix)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", MATRIX_AT)
def test_a_matrix_of_the_track_or_of_the_movie_is_found(
    clip_folder: Path, tmp_path: Path, kind: bytes
) -> None:
    """Wherever libav finds a turn; and none is found in the clip as it was."""
    plain = cached(Clip(container="mp4"), clip_folder)
    assert (may_turn(plain), turn_by_libav(plain)) == (False, Turn())
    turned = with_matrix(plain, tmp_path / "turned.mp4", kind, TURNED)
    assert may_turn(turned)
    assert turn_by_libav(turned).rotation


def test_cropping_is_found(clip_folder: Path, tmp_path: Path) -> None:
    """It lies in the description of the samples."""
    path = cropped(cached(Clip(container="mp4"), clip_folder), tmp_path / "cropped.mp4")
    assert may_turn(path)
    assert turn_by_libav(path).aperture is not None


def box(kind: bytes, body: bytes) -> bytes:
    """A box."""
    return (8 + len(body)).to_bytes(4, "big") + kind + body


@pytest.mark.parametrize("holder", [b"udta", b"edts", b"tref", b"sinf"])
def test_a_matrix_is_found_wherever_libav_finds_it(
    clip_folder: Path, tmp_path: Path, holder: bytes
) -> None:
    """Also in a box that holds something else as a rule."""
    plain = cached(Clip(container="mp4"), clip_folder)
    turned = with_matrix(plain, tmp_path / "turned.mp4", b"tkhd", TURNED)
    data = bytearray(turned.read_bytes())
    at = data.index(b"tkhd") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    data[at : at + size] = box(holder, bytes(data[at : at + size]))
    for outer in (b"trak", b"moov"):
        begin = data.index(outer) - 4
        longer = int.from_bytes(data[begin : begin + 4], "big") + 8
        data[begin : begin + 4] = longer.to_bytes(4, "big")
    turned.write_bytes(data)
    assert turn_by_libav(turned).rotation
    assert may_turn(turned)


@given(
    st.sampled_from(sorted(MATRIX_AT)),
    st.sampled_from([0, 1]),
    st.lists(st.integers(-(1 << 31), (1 << 31) - 1), min_size=9, max_size=9),
)
def test_every_other_matrix_counts_as_a_turn(kind: bytes, version: int, matrix: list[int]) -> None:
    """In headers of both versions."""
    for numbers in (PLAIN, tuple(matrix)):
        ahead = bytearray(MATRIX_AT[kind] + 12 * version)
        ahead[0] = version
        # A clock that ticks, and a track that has a number.
        at = 20 if version else 12
        ahead[at : at + 4] = b"\0\0\3\xe8"
        check = IndexCheck("clip.mp4", 1 << 20)
        check.add(box(b"moov", box(kind, bytes(ahead) + written(numbers))))
        assert check.turns == (numbers != PLAIN)
