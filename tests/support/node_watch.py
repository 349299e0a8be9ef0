"""How many nodes with a device a cluster has, while a command runs: node_watch.py COUNTS COMMAND...

COUNTS gets a line each time that the number changes, from before the command to when the last such
node is gone after it, or PATIENCE_S later. Ends as the command does.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from pathlib import Path

import ray

PATIENCE_S = 20.0
LOOK_EVERY_S = 0.2


def count() -> int:
    """Count the living nodes with a device."""
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return sum(bool(node["Alive"] and node["Resources"].get("NPU")) for node in nodes)


def main() -> int:
    """Run the command and watch."""
    counts_file, *command = sys.argv[1:]
    ray.init(logging_level=logging.ERROR, log_to_driver=False)
    with Path(counts_file).open("w", encoding="utf-8") as counts:
        last = -1

        def look() -> int:
            nonlocal last
            now = count()
            if now != last:
                counts.write(f"{now}\n")
                counts.flush()
            last = now
            return now

        look()
        with subprocess.Popen(command) as process:
            while process.poll() is None:
                look()
                time.sleep(LOOK_EVERY_S)
        until_s = time.monotonic() + PATIENCE_S
        while look() and time.monotonic() < until_s:
            time.sleep(LOOK_EVERY_S)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
