"""The proof on mutated videos: `make prove-mutations`.

500 files of every codec and container here, each with some bytes changed, left out, or put in. What
Fleet gives of each is compared with a sequential decode by PyAV: the same pictures at the same
times, or a record that says why not. Ends with exit code 0 if there is no silent difference.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from mutated import FILES, SEED, compare


def main() -> int:
    """Prove it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--keep", type=Path, help="a folder for files with silent differences")
    asked = parser.parse_args()
    found = compare(asked.files, asked.seed, asked.keep)
    print(f"{asked.files} mutated files of {found.kinds} kinds:", dict(found.counts))
    print(f"{len(found.silent)} silent differences")
    print("\n".join(found.silent))
    return 1 if found.silent else 0


if __name__ == "__main__":
    sys.exit(main())
