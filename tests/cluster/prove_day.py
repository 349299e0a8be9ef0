"""A stranger's day, from the pages alone: README.md and cluster/README.md, followed to the letter.

    python tests/cluster/prove_day.py [--altered]

The tracked files of this checkout, as they are, are copied into a new folder, and set up there; every block of
cluster/README.md, and what it sends its reader to in README.md, is typed as it stands, and what is printed
is compared with what the page shows (tests/support/page_reader.py has the rules). A block that is neither
run nor marked with why is a failure. Ends with 1 where anything is not as the pages say.

With --altered it shows that it can fail: pages with one word altered are followed, in copies that need no
set-up, and each has to be found out, at the block that was altered.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from altered_pages import ALTERATIONS, follow_altered
from checkout import a_checkout, as_a_newcomer
from interrupts import heed_interrupts
from page_reader import PageReader, Say
from page_steps import DayError
from pages import PageError, blocks

PAGES = ("README.md", "cluster/README.md")
"""In their order; the second is followed from its beginning."""
MOST_S = 600.0
"""What the whole may take on a machine that does nothing else."""


def main() -> int:
    """Follow the pages as they are, or altered."""
    heed_interrupts()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--altered", action="store_true")
    say: Say = partial(print, flush=True)
    well = prove_altered(say) if parser.parse_args().altered else prove_pages(say)
    return 0 if well else 1


def prove_pages(say: Say) -> bool:
    """Follow the pages, print how long each command took, and return whether all was as they say."""
    with tempfile.TemporaryDirectory(prefix="fleet-day-") as folder:
        checkout = a_checkout(Path(folder) / "fleet")
        began_s = time.monotonic()
        try:
            pages = [block for page in PAGES for block in blocks(checkout, page)]
            with PageReader(checkout, as_a_newcomer(Path(folder)), say) as reader:
                reader.follow([block for block in pages if block.page == PAGES[-1]])
                reader.end()
        except (DayError, PageError) as error:
            say(f"NOT AS THE PAGE SAYS: {error}")
            return False
        took_s = time.monotonic() - began_s
    missed = reader.missed(pages)
    for block in missed:
        say(f"NOT RUN, and no marker says why: {block.place}")
    excused = sum(bool(block.excuse) for block in pages)
    say(
        f"{len(reader.followed)} blocks run, {excused} marked as not for here, {len(missed)} missed, "
        f"in {took_s / 60:.1f} min (meant to take {MOST_S / 60:.0f} at most)"
    )
    return not missed


def prove_altered(say: Say) -> bool:
    """Follow pages that are altered, and return whether each was found out."""
    found = 0
    for alteration in ALTERATIONS:
        with tempfile.TemporaryDirectory(prefix="fleet-day-") as folder:
            place, told = follow_altered(alteration, Path(folder), PAGES[-1])
        at_its_block = told.startswith(f"{place}: ")
        found += at_its_block
        say(f"{place}, {alteration}: {'found out' if at_its_block else 'NOT FOUND OUT'}")
        say("".join(f"    {line}\n" for line in (told or "nothing was amiss").splitlines()))
    say(
        f"{found} of {len(ALTERATIONS)} altered pages were found out, at the block that was altered"
    )
    return found == len(ALTERATIONS)


if __name__ == "__main__":
    sys.exit(main())
