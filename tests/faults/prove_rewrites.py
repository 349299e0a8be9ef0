"""`make prove-kill`, its first half: `compact` and `requeue` killed and stopped beside a run.

Each at 20 moments spread over the changes that it makes. Prints what came of each; ends with 1
where rows differ, or the output cannot be proven.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import get_args

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np
from rewrites import Archive, Blow, Rewrite, changes_of, make_archive, strike

MOMENTS = 20


def prove(rewrite: Rewrite, blow: Blow, archive: Archive, folder: Path) -> int:
    """Strike a rewrite at all its moments; return how often it held."""
    changes = changes_of(rewrite, archive, folder)
    moments = np.linspace(1, changes, MOMENTS).round().astype(int).tolist()
    held = 0
    for nth in moments:
        wrong = strike(rewrite, blow, nth, archive, folder)
        held += not wrong
        about = f"fleet {rewrite} {blow} before change {nth} of {changes}"
        print(f"{about:<52} {wrong or 'rows the same'}", flush=True)
    return held


def main() -> None:
    """Run all cases."""
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = make_archive(folder)
        cases: list[tuple[Rewrite, Blow]] = [
            (rewrite, blow) for rewrite in get_args(Rewrite) for blow in get_args(Blow)
        ]
        held = sum(prove(rewrite, blow, archive, folder) for rewrite, blow in cases)
    count = len(cases) * MOMENTS
    print(f"{held} of {count} cases hold; took {time.monotonic() - began_s:.0f} s")
    sys.exit(held != count)


if __name__ == "__main__":
    main()
