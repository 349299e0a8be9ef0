"""The heads that a job's module registers, and those of a file that is named for compiling."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleet.errors import UsageError
from fleet.job.code import code_digest, load_file
from fleet.job.frame_job import FrameJob
from fleet.models.heads import Head
from fleet.models.heads.own import heads_in


def heads_of(work: FrameJob[Any]) -> dict[str, Head]:
    """Return the heads that a job's module registers or imports, by name.

    Raises UsageError where two have one name.
    """
    module = sys.modules.get(type(work).__module__)
    return heads_in(vars(module)) if module else {}


def head_digests(work: FrameJob[Any], heads: Mapping[str, Head]) -> dict[str, str]:
    """Return digests of the code of heads that the digest of the job's code does not cover.

    That covers whole modules, and of a script or notebook the class of the job alone.
    """
    if type(work).__module__ != "__main__":
        return {}
    return {name: code_digest(type(head), "decode") for name, head in heads.items()}


def read_head(text: str) -> tuple[str, dict[str, Head]]:
    """Return the name of a head that an option names, and the heads of its file.

    `FILE.py:NAME` is a head that a file registers; without a file it is one of Fleet's. Raises
    UsageError where there is no such file, it does not load, or registers no heads.
    """
    file, separator, name = text.rpartition(":")
    if not separator:
        return text, {}
    found = heads_in(vars(load_file(Path(file))))
    if name not in found:
        listed = f"It registers: {', '.join(found)}." if found else "It registers no head."
        way_out = f'{listed} Write @fleet.head("{name}") above a class that derives from Head.'
        raise UsageError(f"{file} has no head {name!r}.", way_out)
    return name, found
