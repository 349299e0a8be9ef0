"""Prove that a submitted job outlives the head of its cluster, whose memory is in a Redis or on its disk.

    python tests/hosts/prove_head.py [--memory redis|disk] [--kills 5] [--seed N]

Without --memory both are tried, one after the other. Nodes finish and commit what they hold while there is no head; once it is back the job goes on by
itself, and its rows are those of an undisturbed run. Ends with 1 where they are not.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hosts import missing_for_hosts
from lasting import Memory
from losing_heads import prove

from fleet.core.format import plural


def main() -> int:
    """Run the proof, and print what was seen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--memory", type=Memory, choices=list(Memory))
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    kinds = [options.memory] if options.memory else list(Memory)
    if reason := missing_for_hosts() or "".join(kind.missing for kind in kinds):
        print(reason)
        return 1
    say = partial(print, flush=True)
    whole = [proven(kind, options.kills, options.seed, say) for kind in kinds]
    return 0 if all(whole) else 1


def proven(memory: Memory, kills: int, seed: int, say: Callable[[str], None]) -> bool:
    """Return whether a job outlives a head with such a memory."""
    say(f"The head's memory: {memory}. {plural(kills, 'kill')}, seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - it is to come from its seed
    with tempfile.TemporaryDirectory(prefix="fleet-head-") as folder:
        whole = prove(Path(folder), memory, kills, chance, say)
    say("The rows are those of an undisturbed run." if whole else "ROWS DIFFER.")
    return whole


if __name__ == "__main__":
    sys.exit(main())
