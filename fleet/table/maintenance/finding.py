"""Something that is wrong with an output, as `fleet verify` tells it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`kind`: what is wrong, the same for all alike. `where`, `detail`: with what. `way_out`."""

    kind: str
    where: str
    detail: str = ""
    way_out: str = ""
