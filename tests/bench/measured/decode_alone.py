"""What decoding the frames of a sample costs Fleet: a job that looks at nothing, in this process.

python decode_alone.py OUTPUT SAMPLE FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass

from seen import Seen

import fleet
from fleet.core.run_events import DeviceJoined, LeaseDone, RunEvent


@dataclass
class CpuWatch:
    """Notes the process's CPU seconds when the device was ready, and when the last part was there."""

    ready_s: float = 0.0
    last_s: float = 0.0

    def on_event(self, event: RunEvent) -> None:
        """Take the time of what matters."""
        if isinstance(event, DeviceJoined):
            self.ready_s = time.process_time()
        if isinstance(event, LeaseDone):
            self.last_s = time.process_time()


def main() -> None:
    """Run it, and tell."""
    output, sample, folder = sys.argv[1:]
    watch = CpuWatch()
    job = fleet.Job(Seen(), (folder,), output, sample=sample)
    report = fleet.run(job, on="inline", observer=watch)
    frames = report.this_run.frames
    print(json.dumps({"frames": frames, "decode_cpu_s": watch.last_s - watch.ready_s}))


if __name__ == "__main__":
    main()
