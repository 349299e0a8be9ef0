"""`make bench-peers`: the peers in an environment of their own, build/peers, at pinned versions.

What does not install on this Python is named and left out; the rest is there all the same. It takes
5 GB, most of which are PyTorch and CUDA's libraries, for torchcodec.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PEERS = ROOT / "build" / "peers"
BASE = ("av==18.1.0", "onnxruntime==1.32.0", "numpy==2.4.6", "pyarrow==25.0.1")
"""What the peers' scripts import; pyarrow as new as Daft takes it."""
PINNED = {
    "Ray Data": ("ray[data]==2.60.0",),
    "Daft": ("daft==0.7.26",),
    "decord": ("decord==0.6.0",),
    # Its wheel is linked to CUDA's libraries even where only the processor decodes, so that PyTorch's
    # own release is wanted, not 2.13.0+cpu, which `==` would take as well.
    "torchcodec": ("torch===2.13.0", "torchcodec==0.17.0"),
}
LIBRARIES = "libraries"
"""The folder in `PEERS` that torchcodec's libraries are found by."""


def main() -> None:
    """Make the environment, and install one peer after the other."""
    if not (PEERS / "bin" / "python").is_file():
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
    if not installed("what all of them need", BASE):
        sys.exit("Nothing can be compared without these.")
    there = [name for name, packages in PINNED.items() if installed(name, (*packages, *BASE))]
    link_libraries()
    print(f"In {PEERS.relative_to(ROOT)}: {', '.join(there) or 'none of the peers'}.")


def installed(name: str, packages: tuple[str, ...]) -> bool:
    """Install packages; say so where it cannot be done, and by which line of pip's."""
    print(f"{name}: {' '.join(packages)}", flush=True)
    command = [str(PEERS / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages]
    ended = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if ended.returncode:
        errors = [line for line in ended.stdout.splitlines() if line.startswith("ERROR")]
        print(f"  left out: {(errors or ended.stdout.splitlines() or ['pip failed'])[-1]}")
    return not ended.returncode


def link_libraries() -> None:
    """Give FFmpeg's libraries, which PyAV's wheel brings, the names that torchcodec looks for."""
    folder = PEERS / LIBRARIES
    folder.mkdir(exist_ok=True)
    for library in PEERS.glob("lib/python*/site-packages/av.libs/*.so*"):
        found = re.fullmatch(r"(lib\w+)-[0-9a-f]+\.so\.(\d+)\..*", library.name)
        names = [library.name, *([f"{found[1]}.so.{found[2]}"] if found else [])]
        for name in names:
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(library)


if __name__ == "__main__":
    main()
