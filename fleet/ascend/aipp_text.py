"""The text of an AIPP configuration: blocks of `name : value` lines, read and written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from fleet.ascend.aipp_config import refuse_aipp
from fleet.ascend.aipp_op import INPUT_FORMATS, TO_BGR, TO_YUV, AippOp

_COMMENT = re.compile(r"#[^\n]*")
_BLOCK = re.compile(r"\s*aipp_op\s*:?\s*\{([^{}]*)\}\s*")
_LINE = re.compile(r"\s*([A-Za-z_]\w*)\s*:\s*(\"[^\"]*\"|[^\s:{},;]+)\s*[,;]?\s*")
_WORDS = {"true": True, "1": True, "false": False, "0": False}
_MODES = {"static": "static", "1": "static", "dynamic": "dynamic", "2": "dynamic"}
_NUMBERS = {str(number): name for name, number in INPUT_FORMATS.items()}

MATRIX = tuple(f"matrix_r{row}c{column}" for row in range(3) for column in range(3))
CHANNELED: Mapping[str, int] = {
    "input_bias": 3,
    "output_bias": 3,
    "mean_chn": 4,
    "min_chn": 4,
    "var_reci_chn": 4,
}
"""Fields of which each channel has a line, and how many there are."""
_INDEXED = {f"{name}_{index}": (name, index) for name, n in CHANNELED.items() for index in range(n)}
_PLAIN = {field.name: field for field in fields(AippOp) if field.name not in {"matrix", *CHANNELED}}
KNOWN = frozenset({*_PLAIN, *_INDEXED, *MATRIX})
"""Every line that a block may have."""


def blocks(text: str) -> list[dict[str, tuple[str, ...]]]:
    """Return the lines of each block, by name; a line that stands twice has two values.

    Raises ModelRefusedError (E10052) for what is no such text, a name that does not exist, and a
    second line of a field that has one.
    """
    text, at = _COMMENT.sub("", text), 0
    found = []
    while text[at:].strip():
        block = _BLOCK.match(text, at)
        if not block:
            break
        found.append(_lines(block[1]))
        at = block.end()
    if not found or text[at:].strip():
        refuse_aipp("the file is not one aipp_op block.", "Write aipp_op { name : value ... }.")
    return found


def read_aipp(text: str) -> tuple[AippOp, ...]:
    """Return the blocks of a file; raises ModelRefusedError (E10052) where a rule is broken."""
    ops = tuple(_op(lines) for lines in blocks(text))
    seen: set[object] = set()
    for op in ops:
        edges = op.input_edge_idx or (0,)
        of = op.related_input_name or op.related_input_rank or 0
        for edge in edges:
            if (of, edge) in seen:
                refuse_aipp(f"two aipp_op are for the input {of}.", "Leave one of them out.")
            seen.add((of, edge))
    return ops


def write_aipp(ops: Sequence[AippOp]) -> str:
    """Return the text of blocks, which reads back as equal ones; defaults are left out."""
    return "".join(f"aipp_op {{\n{''.join(_written(op))}}}\n" for op in ops)


def _lines(body: str) -> dict[str, tuple[str, ...]]:
    given: dict[str, tuple[str, ...]] = {}
    at = 0
    while rest := body[at:].strip():
        line = _LINE.match(body, at)
        if not line:
            refuse_aipp(f"cannot read {rest.splitlines()[0]!r}.", "Write one name : value a line.")
        name, at = line[1], line.end()
        if name not in KNOWN:
            refuse_aipp(f"there is no field {name}.", "Leave it out.")
        if name in given and name != "input_edge_idx":
            refuse_aipp(f"{name} stands there twice.", "Leave one of them out.")
        given[name] = (*given.get(name, ()), line[2].strip('"'))
    return given


def _op(given: Mapping[str, tuple[str, ...]]) -> AippOp:
    if "aipp_mode" not in given:
        refuse_aipp("aipp_mode is missing.", "Write aipp_mode : static.")
    known: dict[str, Any] = {
        name: _value(name, _PLAIN[name].type, words)
        for name, words in given.items()
        if name in _PLAIN
    }
    for name, count in CHANNELED.items():
        lines = [f"{name}_{index}" for index in range(count)]
        if any(line in given for line in lines):
            usual: Any = next(field.default for field in fields(AippOp) if field.name == name)
            known[name] = tuple(
                _number(line, given[line][0], whole=isinstance(usual[0], int))
                if line in given
                else usual[index]
                for index, line in enumerate(lines)
            )
    if any(line in given for line in MATRIX):
        matrix = TO_BGR if known.get("input_format") == "YUV420SP_U8" else TO_YUV
        known["matrix"] = tuple(
            _number(line, given[line][0], whole=True) if line in given else matrix[index]
            for index, line in enumerate(MATRIX)
        )
    return AippOp(**known)


def _value(name: str, kind: object, words: tuple[str, ...]) -> object:
    word = words[0]
    if name == "aipp_mode":
        return _MODES.get(word, word)
    if name == "input_format":
        return _NUMBERS.get(word, word)
    if name == "input_edge_idx":
        return tuple(_number(name, each, whole=True) for each in words)
    if kind == "str":
        return word
    if kind == "bool":
        if word not in _WORDS:
            refuse_aipp(f"{name} is {word}.", "Write true or false.")
        return _WORDS[word]
    return _number(name, word, whole=kind != "float")


def _number(name: str, word: str, *, whole: bool) -> float:
    if whole:
        if not re.fullmatch(r"[+-]?\d+", word):
            refuse_aipp(f"{name} is {word}.", "Write a whole number.")
        return int(word)
    try:
        return float(word)
    except ValueError:
        refuse_aipp(f"{name} is {word}.", "Write a number.")


def _written(op: AippOp) -> list[str]:
    lines = []
    for field in fields(AippOp):
        held = getattr(op, field.name)
        if field.default is not MISSING and held == field.default:
            continue
        if field.name == "matrix":
            named = zip(MATRIX, held, strict=True)
        elif field.name in CHANNELED:
            named = zip((f"{field.name}_{i}" for i in range(len(held))), held, strict=True)
        elif field.name == "input_edge_idx":
            named = zip([field.name] * len(held), held, strict=True)
        else:
            named = zip([field.name], [held], strict=True)
        lines += [f"    {name} : {_word(name, value)}\n" for name, value in named]
    return lines


def _word(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if name == "related_input_name" else str(value)
