"""What decoding the frames of a sample costs Fleet: a job that looks at nothing, in this process.

python decode_alone.py OUTPUT SAMPLE FOLDER
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measured.cpu_watch import CpuWatch
from measured.seen import Seen

import fleet


def main() -> None:
    """Run it twice: the second time nothing is imported any more, and only that counts.

    Peers are measured so as well, see `peers/sparse_decode.py`.
    """
    output, sample, folder = sys.argv[1:]
    with tempfile.TemporaryDirectory() as before:
        fleet.run(fleet.Job(Seen(), (folder,), before, sample=sample), on="inline")
    watch = CpuWatch()
    job = fleet.Job(Seen(), (folder,), output, sample=sample)
    report = fleet.run(job, on="inline", observer=watch)
    frames = report.this_run.frames
    print(json.dumps({"frames": frames, "decode_cpu_s": watch.last_s - watch.ready_s}))


if __name__ == "__main__":
    main()
