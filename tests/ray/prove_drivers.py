"""Drivers of submitted jobs killed again and again: whole and equal each time.

    python tests/ray/prove_drivers.py [--on local|hosts] [--kills 20] [--each 2] [--seed N]

On cluster/local.py, and on hosts that namespaces play (root, iproute2); without --on, on both. Drivers
are killed at random moments; what was sent is gone while the next one starts, as where Ray has deleted
it. The rows of each job are compared with those of an undisturbed run. Ends with 1 where one differs, or
does not go on by itself.
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
from interrupts import heed_interrupts
from killed_drivers import prove
from places_of_drivers import PLACES

from fleet.core.format import plural


def main() -> int:
    """Run the proof, and print what was seen."""
    heed_interrupts()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--on", choices=list(PLACES))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--each", type=int, default=2)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    places = [options.on] if options.on else list(PLACES)
    if "hosts" in places and (reason := missing_for_hosts()):
        print(reason)
        return 1
    say = partial(print, flush=True)
    well = [proven(name, options.kills, options.each, options.seed, say) for name in places]
    return 0 if all(well) else 1


def proven(name: str, kills: int, each: int, seed: int, say: Callable[[str], None]) -> bool:
    """Return whether jobs outlive their drivers in one of the places."""
    say(f"On {name}: {plural(kills, 'kill')}, {each} a job at most, seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - it is to come from its seed
    with (
        tempfile.TemporaryDirectory(prefix="fleet-drivers-") as folder,
        PLACES[name](Path(folder) / "place") as place,
    ):
        return prove(Path(folder), place, kills, each, chance, say)


if __name__ == "__main__":
    sys.exit(main())
