"""How many examples of each kind a proof has looked at, over all its processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

EXAMPLES: Counter[str] = Counter()
"""By `kind, container`, of this process; and of those whose counts were added."""


def count(kind: str, container: str) -> None:
    """Note an example: what is special about its video, and what the video lies in."""
    EXAMPLES[f"{kind}, {container}"] += 1


def table(examples: Mapping[str, int]) -> Iterator[str]:
    """Yield the lines of a table: kinds down, containers across, sums at the ends."""
    pairs = {tuple(name.split(", ", 1)): number for name, number in examples.items()}
    kinds = sorted({kind for kind, _ in pairs})
    containers = sorted({container for _, container in pairs})
    width = max(map(len, containers), default=0) + 2
    yield " " * 22 + "".join(f"{name:>{width}}" for name in (*containers, "all"))
    for kind in (*kinds, "all"):
        rows = [
            sum(n for (k, c), n in pairs.items() if c == container and kind in {k, "all"})
            for container in containers
        ]
        yield f"{kind:22}" + "".join(f"{number or '':>{width}}" for number in (*rows, sum(rows)))
