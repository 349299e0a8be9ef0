"""The proof that keys which expire cost a run nothing: `make prove-credentials`.

A run of ten minutes on two devices over an archive in SeaweedFS, with tokens of a minute from a
service on this machine, which fails each fourth time that a process comes back. A proxy refuses
what comes with a token that has expired. Ends with exit code 0 if the run does, if no request was
refused, if no process asked for more tokens than their life demands, and if the rows are those of a
run over local files.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from generate import Clip, write
from proxy import Proxy, proxy_before
from seaweed import find_weed, seaweed_running
from token_service import TokenService, token_service

import fleet

BUCKET = "archive"
DEVICES = 2
PAUSE_S = 0.1
VIDEO_FRAMES = 300
FAILS_EACH = 4
JOB = Path(__file__).parents[1] / "support" / "slow_digests.py"


def main() -> int:
    """Prove it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600.0, help="how long the run lasts")
    parser.add_argument("--life", type=float, default=60.0, help="how long a token is valid")
    asked = parser.parse_args()
    weed = find_weed()
    if weed is None:
        sys.exit("SeaweedFS is missing: make setup")
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory()))
        server = ends.enter_context(seaweed_running(weed, folder / "weed"))
        server.make_bucket(BUCKET)
        proxy = ends.enter_context(proxy_before(server.endpoint))
        service = ends.enter_context(token_service(asked.life, FAILS_EACH))
        proxy.breaks, proxy.signs = service.judge, server.signed
        settings = {**service.profile(folder, server), "AWS_ENDPOINT_URL": proxy.endpoint}
        ends.enter_context(environment(settings))
        videos = archive(folder / "in", asked.seconds)
        local = rows(fleet.run(job(folder / "in", folder / "out", 0.0), on="inline"))
        for video in videos:
            server.request("PUT", f"/{BUCKET}/in/{video.name}", video.read_bytes())
        began_s = time.monotonic()
        report = fleet.run(job(f"s3://{BUCKET}/in", f"s3://{BUCKET}/out", PAUSE_S))
        lasted_s = time.monotonic() - began_s
        found = rows(report)
    said = list(mistakes(service, lasted_s, asked.seconds))
    said += [f"the run ended with {report.exit_code}"] if report.exit_code else []
    said += [] if found == local else ["its rows are others than those of local files"]
    print(
        f"{lasted_s:.0f} s, {len(found):,} rows, tokens of {asked.life:g} s: {figures(proxy, service)}"
    )
    print("\n".join(said) or "Proven: nothing was refused, and no row is missing or another.")
    return 1 if said else 0


def archive(folder: Path, seconds: float) -> list[Path]:
    """Write as many videos as take the devices that long."""
    folder.mkdir()
    clip = write(Clip(frames=VIDEO_FRAMES, gop=12), folder / "0.mp4")
    count = max(DEVICES, round(seconds * DEVICES / PAUSE_S / VIDEO_FRAMES))
    for number in range(1, count):
        (folder / f"{number}.mp4").write_bytes(clip.read_bytes())
    return sorted(folder.iterdir())


def job(inputs: Path | str, output: Path | str, pause_s: float) -> fleet.Job:
    """Return the job; leases are short, so that there is always something to read and to write."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.toml"
        path.write_text(f'job = "{JOB}:SlowDigests"\n')
        settings: dict[str, Any] = {"input": [str(inputs)], "output": str(output)}
        settings |= {"devices": DEVICES, "lease_s": 0.05, "pause_s": pause_s}
        return fleet.load_job(path, settings)


def rows(report: fleet.RunReport) -> dict[tuple[str, int], str]:
    """Return the rows of an output, by the name of the video and the number of the frame."""
    table = fleet.read(report.output).table("digests").to_table().to_pylist()
    return {(row["uri"].rpartition("/")[2], row["frame"]): row["pixels"] for row in table}


def mistakes(service: TokenService, lasted_s: float, asked_s: float) -> Iterator[str]:
    """Yield what is not as it should be."""
    if lasted_s < 0.9 * asked_s:
        yield f"the run lasted {lasted_s:.0f} s only"
    if service.refused:
        first = service.refused[0]
        yield f"{len(service.refused)} requests were refused, such as {first.method} {first.path}"
    most = 2 + lasted_s / (0.7 * service.life_s)
    for process, given in service.given.items():
        if given > most:
            yield f"process {process} got {given} tokens, more than {most:.0f}"
        if service.failed[process] > 1 + given / (FAILS_EACH - 1):
            yield f"process {process} was refused {service.failed[process]} times: it insists"


def figures(proxy: Proxy, service: TokenService) -> str:
    """Return what was counted."""
    given, failed = service.given.total(), service.failed.total()
    return (
        f"{len(proxy.requests):,} requests, {len(service.refused)} refused; {given} tokens for "
        f"{len(service.given)} processes, {failed} times the service failed"
    )


@contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Set variables until the block ends; no other keys are in the environment then."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    sys.exit(main())
