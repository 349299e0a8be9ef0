"""A program that Ray runs in the place of an agent of which a run of one's own asks nothing.

Ray's node waits until its agents have said where they listen, and ends when one of them ends. This
one says that it listens nowhere, as Ray's own agents do of what they lack, and ends with the node.
It is run by its path: what it imports is all that is waited for.
"""

from __future__ import annotations

import os
import sys
import time

LOOK_S = 0.5
"""How often it is looked whether the node is still there."""


def main(session: str, node: str, *services: str) -> None:
    """Say of each service that it listens nowhere, and wait for the end of the parent process."""
    parent = os.getppid()
    for service in services:
        path = os.path.join(session, f"{service}_{node}")  # noqa: PTH118 - pathlib takes long
        # Read as soon as it is there: it gets its name when it is whole.
        with open(f"{path}.new", "w", encoding="ascii") as file:  # noqa: PTH123 - likewise
            file.write("-1")
        os.replace(f"{path}.new", path)  # noqa: PTH105 - likewise
    while os.getppid() == parent:
        time.sleep(LOOK_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
