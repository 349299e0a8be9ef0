"""Start codes are searched for in one place, and at most once in a packet."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from exact import index_of, sharded
from generate import CODECS, Clip, Container, cached

import fleet
from fleet.core.access_unit import START_CODE
from fleet.video.h26x import annexb
from fleet.video.sampling import Sampling

LENGTH_PREFIXED: tuple[Container, ...] = ("mp4", "mp4-fragmented", "mov", "mkv")
WITH_START_CODES: tuple[Container, ...] = ("ts", "m2ts", "avi", "raw")
SEARCHES = {"find", "rfind", "index", "rindex", "split", "count", "partition"}


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Note what is searched for start codes."""
    found: list[bytes] = []
    search = annexb.find_offsets

    def noted(data: bytes) -> tuple[int, ...]:
        found.append(data)
        return search(data)

    monkeypatch.setattr(annexb, "find_offsets", noted)
    return found


def clips(containers: tuple[Container, ...]) -> list[Clip]:
    """List a clip of either codec in each container, with pictures that may be left out."""
    return [
        Clip(codec=codec, container=container, b_frames=3)
        for container in containers
        for codec in CODECS
        if (codec, container) != ("h265", "avi")
    ]


def decode(clip: Clip, folder: Path, searched: list[bytes]) -> tuple[int, bytes]:
    """Decode a third of a clip's frames; return the packets fetched, and the parameter sets."""
    index = index_of(cached(clip, folder))
    searched.clear()
    seen, fetched, fed = sharded(
        index, [0, len(index.cuts)], Sampling("every", step=3).wanted(index)
    )
    assert len(seen) == 10
    assert fed < fetched, "some packets were looked at and left out"
    return fetched, index.stream.parameter_sets


@pytest.mark.parametrize("clip", clips(LENGTH_PREFIXED), ids=repr)
def test_a_packet_with_lengths_is_not_searched(
    clip_folder: Path, searched: list[bytes], clip: Clip
) -> None:
    """Where its NAL units lie is known; the parameter sets are searched once a shard."""
    _, parameter_sets = decode(clip, clip_folder, searched)
    assert searched == [parameter_sets]


@pytest.mark.parametrize("clip", clips(WITH_START_CODES), ids=repr)
def test_a_packet_with_start_codes_is_searched_once(
    clip_folder: Path, searched: list[bytes], clip: Clip
) -> None:
    """By the demuxer; what decides about the packet afterwards, and the decoder, take its word."""
    fetched, parameter_sets = decode(clip, clip_folder, searched)
    assert searched[0] == parameter_sets
    assert len(searched) == fetched + 1


def test_nothing_else_searches_for_start_codes() -> None:
    """The code has one literal of them, and one function that looks for it."""
    spelled, searching = set(), set()
    for path in Path(fleet.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
                if node.value == START_CODE:
                    spelled.add(path.name)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                names = {arg.id for arg in node.args if isinstance(arg, ast.Name)}
                if node.func.attr in SEARCHES and "START_CODE" in names:
                    searching.add(path.name)
    assert (spelled, searching) == ({"access_unit.py"}, {"annexb.py"})
