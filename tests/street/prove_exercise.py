"""`make prove-exercise`: the third exercise over the whole archive of the demo; prints figures.

The street detector in Caffe's form, by ATC's options with aipp_nv12.cfg; msame, a hundred times; a
run over the archive, whose rows and AP are those of the ONNX file.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from command import fleet_here
from exercise import (
    COMPILED,
    MOST_AP_APART,
    ROOT,
    detect,
    farthest,
    maps_of,
    msame,
    write_exercise,
)

RUN = ("--inline", "--sample", "every=2", "--set", "threshold=0.05")
"""As the demo looks at its archive, on one device after the other."""


def prove(folder: Path, archive: Path) -> bool:
    """Go through the exercise and return whether all of it held."""
    write_exercise(folder)
    street = fleet_here("street", "--output", archive)
    assert street.returncode == 0, street.stderr
    for command in COMPILED.values():
        done = fleet_here(*command, folder=folder)
        assert done.returncode == 0, done.stderr
    done, numbers = msame(folder, "ended.om")
    average = re.search(r"Inference average time without first time: .*", done.stdout)
    assert average
    holds = numbers == maps_of("ended")
    print(f"msame, 100 runs, TXT: {average[0]}; {sum(numbers.values()):,} numbers written")
    wanted, *others = (detect(folder, archive, name, *RUN) for name in COMPILED)
    print(
        f"onnx:  {len(wanted.rows):,} rows, AP@0.5 {wanted.ap50:.4f}, AP@0.5:0.95 {wanted.ap:.4f}"
    )
    for name, found in zip([*COMPILED][1:], others, strict=True):
        apart = farthest(found, wanted)
        near = abs(found.ap - wanted.ap) <= MOST_AP_APART and apart <= 1
        near = near and abs(found.ap50 - wanted.ap50) <= MOST_AP_APART
        print(
            f"{name + ':':<6} {len(found.rows):,} rows, AP@0.5 {found.ap50:.4f}, "
            f"AP@0.5:0.95 {found.ap:.4f}; rows {apart:.3f} of the tolerance of 1e-3 apart at most"
        )
        holds = holds and near
    return holds


def main() -> int:
    """Run it in a folder of its own; the archive is that of `make demo`, kept for the next time."""
    archive = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build" / "demo" / "archive"
    with TemporaryDirectory() as folder:
        holds = prove(Path(folder), archive)
    print("holds" if holds else "DOES NOT HOLD")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
