"""What a far store costs: a long video on this disk, in a store here, and in one 50 ms away.

Through Ray, on one device, so that the store has a core. The store is SeaweedFS; the distance is
made by a relay that lets each request wait. Prints; asserts nothing. Read the ratios; every frame
takes some minutes, so that it is looked at once.

python tests/bench/far.py [ROUNDS]
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import Timed, compile_detector, run_fleet
from far_away import far_away
from long_video import repeat
from seaweed import find_weed, seaweed_running

from fleet.storage import Folder

LATENCY_S = 0.05
TIMES = 14
"""So often over is the clip long enough that its file takes more than 100 MB."""
ROUNDS = 3


@dataclass(frozen=True)
class PacketLocation:
    """Where the video lies and the output goes, and the environment that leads there."""

    name: str
    clips: str
    output: str
    environment: Mapping[str, str]

    def run(self, model: Path, sample: str) -> Timed:
        """Do the job there."""
        os.environ.update(self.environment)
        return run_fleet(model, sample, [self.clips], 1, self.output)


def compare(model: Path, sample: str, places: list[PacketLocation], rounds: int) -> None:
    """Print each place's rate, measured in turn, and the median of its ratio to the first's."""
    ratios: dict[str, list[float]] = {place.name: [] for place in places}
    for _ in range(rounds):
        rates = {place.name: place.run(model, sample).rate for place in places}
        here = rates[places[0].name]
        for name, rate in rates.items():
            ratios[name].append(rate / here)
        told = ", ".join(f"{name} {rate:.1f} ({rate / here:.3f})" for name, rate in rates.items())
        print(f"{sample:<10}frames/s: {told}", flush=True)
    medians = ", ".join(f"{name} {median(found):.3f}" for name, found in ratios.items())
    print(f"{sample:<10}median ratios: {medians}", flush=True)


def main() -> None:
    """Put the video into its places and compare them."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    data, weed = Path(os.environ.get("FLEET_TEST_DATA", "")).resolve(), find_weed()
    if not weed or not (data / "town_1080p.mp4").is_file():
        sys.exit("It needs FLEET_TEST_DATA, the folder of real clips, and SeaweedFS.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = compile_detector(data, folder)
        (folder / "clips").mkdir()
        video = repeat(data / "town_1080p.mp4", TIMES, folder / "clips" / "long.mp4")
        with seaweed_running(weed, folder / "store") as server:
            server.make_bucket("bench")
            os.environ.update(server.environment)
            Folder("s3://bench/clips").put(video.name, video.read_bytes())
            with far_away(server.endpoint, LATENCY_S) as far:
                away = {**server.environment, "AWS_ENDPOINT_URL": far}
                places = [
                    PacketLocation("disk", str(video), str(folder), {}),
                    PacketLocation(
                        "store here", "s3://bench/clips", "s3://bench/near", server.environment
                    ),
                    PacketLocation("read afar", "s3://bench/clips", str(folder / "half"), away),
                    PacketLocation("all afar", "s3://bench/clips", "s3://bench/far", away),
                ]
                print(
                    f"{video.stat().st_size / 1e6:.0f} MB, one device, {LATENCY_S * 1000:.0f} ms:"
                )
                compare(model, "keyframes", places, rounds)
                compare(model, "all", [places[0], places[-1]], 1)


if __name__ == "__main__":
    main()
