"""What decodes frames is closed where its reader ends: it holds threads, and a device's memory."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FLEET = Path(__file__).parents[2] / "fleet"
DECODERS = {"annotated", "decode_frames", "frames_of", "frames_on"}
TEXTS = {path: path.read_text("utf-8") for path in sorted(FLEET.rglob("*.py"))}
CALLERS = [path for path, text in TEXTS.items() if any(f"{name}(" in text for name in DECODERS)]


def left_open(text: str) -> Iterator[int]:
    """Yield the lines of calls of what decodes frames that nothing closes.

    `yield from` passes on that it is closed, and who unpacks it reads it to its end.
    """
    tree = ast.parse(text)
    closed = {
        id(inner)
        for node in ast.walk(tree)
        for inner in (
            node.args
            if isinstance(node, ast.Call) and named(node) == "closing"
            else [node.value]
            if isinstance(node, ast.YieldFrom)
            else [node.value]
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple)
            else []
        )
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and named(node) in DECODERS and id(node) not in closed:
            yield node.lineno


def named(call: ast.Call) -> str:
    """Return what a call names, without what it is found in."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


@pytest.mark.parametrize("path", CALLERS, ids=lambda path: str(path.relative_to(FLEET)))
def test_whoever_decodes_frames_closes_what_decodes_them(path: Path) -> None:
    """Else a reader that ends early, as by an error, leaves it to chance when its device ends."""
    assert not list(left_open(TEXTS[path]))


@pytest.mark.parametrize(
    "text",
    [
        "for frame in frames_on(device, index, wanted, make): use(frame)",
        "frames = decode.frames_on(device, index, wanted, make)",
        "pairs = ((f.pts, f.made) for f in decode_frames(index, wanted, chip, make))",
    ],
)
def test_what_is_left_open_is_found(text: str) -> None:
    """In a loop, by a name, in an expression."""
    assert list(left_open(text)) == [1]
