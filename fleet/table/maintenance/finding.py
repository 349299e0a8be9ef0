"""Something that is wrong with an output, as `fleet verify` tells it."""

from __future__ import annotations

from dataclasses import dataclass

AGAIN = "Run the job's command again: it does what is missing, and clears what does not count."
"""The way out where a run mends it."""


@dataclass(frozen=True)
class Finding:
    """`kind`: what is wrong, the same for all alike. `where`, `detail`: with what. `way_out`."""

    kind: str
    where: str
    detail: str = ""
    way_out: str = ""
