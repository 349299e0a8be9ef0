"""Prove that a submitted job outlives the head of its cluster, whose memory is in a Redis.

    python tests/hosts/prove_head.py [--kills 5] [--seed N]

Nodes finish and commit what they hold while there is no head; once it is back the job goes on by
itself, and its rows are those of an undisturbed run. Ends with 1 where they are not.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from functools import partial
from pathlib import Path

from hosts import missing_for_hosts
from lasting import missing_redis
from losing_heads import prove

from fleet.core.format import plural


def main() -> int:
    """Run the proof, and print what was seen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    if reason := missing_for_hosts() or missing_redis():
        print(reason)
        return 1
    say = partial(print, flush=True)
    say(f"{plural(options.kills, 'kill')}, seed {options.seed}")
    chance = random.Random(options.seed)  # noqa: S311 - it is to come from its seed
    with tempfile.TemporaryDirectory(prefix="fleet-head-") as folder:
        whole = prove(Path(folder), options.kills, chance, say)
    say("The rows are those of an undisturbed run." if whole else "ROWS DIFFER.")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
