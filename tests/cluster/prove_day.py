"""A stranger's day, from the pages alone: README.md and cluster/README.md, followed to the letter.

    python tests/cluster/prove_day.py

The tracked files of this checkout, as they are, are copied into a new folder; there every block of
cluster/README.md, and what it sends its reader to in README.md, is typed as it stands, and what is printed
is compared with what the page shows (tests/support/page_reader.py has the rules). A block that is neither
run nor marked with why is a failure. Ends with 1 where anything is not as the pages say.
"""

from __future__ import annotations

import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from checkout import a_checkout, as_a_stranger
from page_reader import DayError, PageReader
from pages import PageError, blocks

PAGES = ("README.md", "cluster/README.md")
"""In their order; the second is followed from its beginning."""
MOST_S = 600.0
"""What the whole may take on a machine that does nothing else, the set-up not counted."""


def main() -> int:
    """Follow the pages, and print how long each command took."""
    say = partial(print, flush=True)
    with tempfile.TemporaryDirectory(prefix="fleet-day-") as folder:
        checkout = a_checkout(Path(folder) / "fleet")
        began_s = time.monotonic()
        try:
            pages = [block for page in PAGES for block in blocks(checkout, page)]
            with PageReader(checkout, as_a_stranger(checkout, Path(folder)), say) as reader:
                reader.follow([block for block in pages if block.page == PAGES[-1]])
                reader.end()
        except (DayError, PageError) as error:
            say(f"NOT AS THE PAGE SAYS: {error}")
            return 1
        took_s = time.monotonic() - began_s
    missed = reader.missed(pages)
    for block in missed:
        say(f"NOT RUN, and no marker says why: {block.place}")
    excused = sum(bool(block.excuse) for block in pages)
    say(
        f"{len(reader.followed)} blocks run, {excused} marked as not for here, {len(missed)} missed, "
        f"in {took_s / 60:.1f} min (meant to take {MOST_S / 60:.0f} at most)"
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
