"""Processes of which the driver goes while they load what every job needs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from process_hands import gone, until_gone

DRIVER = """
import sys, time
from fleet.executors.processes.process import WorkerProcess
sys.path.insert(0, sys.argv[1])
print(WorkerProcess(print).pid, flush=True)
time.sleep(3600)
"""
ENDLESS = """
import os, time
open(os.path.join(os.path.dirname(__file__), "reached"), "w").close()
time.sleep(3600)
"""


def test_a_process_that_still_loads_ends_with_its_driver(tmp_path: Path) -> None:
    """However long that takes it."""
    os.mkfifo(tmp_path / "reached")
    (tmp_path / "numpy.py").write_text(ENDLESS)
    command = [sys.executable, "-c", DRIVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout
        pid = int(driver.stdout.readline())
        try:
            (tmp_path / "reached").read_bytes()
            assert not gone(pid)
            driver.kill()
            until_gone(pid)
        finally:
            driver.kill()
            if not gone(pid):
                os.kill(pid, signal.SIGKILL)
