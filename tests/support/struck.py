"""A command, in a process of its own, that a signal strikes just before one of its changes.

`python struck.py NTH SIGNAL WORD...`: the words of a command of Fleet's. Struck before nothing (NTH
is 0), it prints on its last line how many changes of folders it has made.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from typing import Any

from fleet.cli import main
from fleet.storage import Folder

CHANGES = ("put", "create", "replace", "delete")


def strike_before(nth: int, signal: int) -> Any:
    """Have a signal strike this process before its change of that number; return the counter."""
    numbers = count(1)

    def struck(change: Any) -> Any:
        def change_after_all(*words: Any) -> Any:
            if next(numbers) == nth:
                os.kill(os.getpid(), signal)
            return change(*words)

        return change_after_all

    for name in CHANGES:
        setattr(Folder, name, struck(getattr(Folder, name)))
    return numbers


if __name__ == "__main__":
    numbers = strike_before(int(sys.argv[1]), int(sys.argv[2]))
    sys.argv[1:] = sys.argv[3:]
    try:
        main()
    finally:
        print(next(numbers) - 1, flush=True)  # noqa: T201 - the parent reads it
