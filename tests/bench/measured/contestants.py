"""Who is measured, and how each of them is started: Fleet in its modes, and the peers that are here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measured import cases
from measured.afar import Place, places
from measured.cases import Case
from measured.material import FLEET, ROOT, Material
from measured.process import Command

SCRIPTS = ROOT / "tests" / "bench" / "peers"
PEERS = ROOT / "build" / "peers"
DEVICES = 2
"""How many devices or processes each has, and how many cores: Daft takes all that it may use."""
QUIET = {"RAY_AUTH_MODE": "disabled", "DAFT_ANALYTICS_ENABLED": "0", "DO_NOT_TRACK": "1"}
MODES = {
    cases.FLEET: (),
    cases.ON_RAY: ("--on", "ray"),
    cases.IN_PROCESSES: ("--on", "processes"),
    cases.INLINE: ("--on", "inline"),
    cases.ONE_DEVICE: ("--devices", "1"),
    cases.TWO_CORES: ("--devices", "1", "--cores-per-device", "2"),
}
LOOPS = {
    cases.BARE: ("pyav_loop.py", "bare"),
    cases.PLAIN: ("pyav_loop.py", "plain"),
    cases.RAY_DATA: ("ray_data.py",),
    cases.DAFT: ("daft_frames.py",),
}
NEEDS = {
    cases.RAY_DATA: "import ray.data, pandas",
    cases.DAFT: "import daft",
    cases.DECORD: "import decord",
    cases.TORCHCODEC: "from torchcodec.decoders import VideoDecoder; VideoDecoder(sys.argv[1])",
}
"""What a peer's Python must be able to do."""
SAMPLES = {"all": "all", "keyframes": "keyframes", "all,first=1": "first"}
"""A case's sample, as the peers' scripts call it; one a second is every=N there."""


@dataclass(frozen=True)
class Checkout:
    """A version of Fleet."""

    folder: Path
    """Its root."""
    model: Path
    """The network as that version compiled it."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes its code the one that is run, with the packages of this one."""
        return {**QUIET, "PYTHONPATH": str(self.folder)}


def checkout_at(folder: Path, material: Material) -> Checkout:
    """Return a version with its model, compiled anew; refuse one whose code is not what would run."""
    model = material.folder / f"model-of-{folder.name}"
    found = Checkout(folder, model.with_suffix(".om"))
    environment = {**os.environ, **found.environment}
    code = [sys.executable, "-c", "import fleet; print(fleet.__file__)"]
    said = subprocess.run(
        code, cwd=folder, env=environment, check=False, capture_output=True, text=True
    )
    if not Path(said.stdout.strip() or "/").is_relative_to(folder):
        sys.exit(f"{folder} is not what runs there: {said.stdout}{said.stderr}")
    line = [str(FLEET), *material.compile_line, "--output", str(model)]
    subprocess.run(line, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return found


def peers_python() -> tuple[str, dict[str, str]]:
    """Return the Python of the peers, and what it needs of the environment; ours where none is set up."""
    python = PEERS / "bin" / "python"
    if not python.is_file():
        return sys.executable, QUIET
    return str(python), {**QUIET, "LD_LIBRARY_PATH": str(PEERS / "libraries"), "PYTHONPATH": ""}


def missing_peers(clip: Path) -> dict[str, str]:
    """Return the peers that cannot be measured here, and why."""
    python, environment = peers_python()
    found = {}
    for name, code in NEEDS.items():
        line = [python, "-c", f"import sys; {code}", str(clip)]
        said = subprocess.run(
            line, env={**os.environ, **environment}, check=False, capture_output=True, text=True
        )
        if said.returncode:
            found[name] = (said.stderr.strip().splitlines() or ["it cannot be imported"])[-1][:120]
    return found


def fleet_command(
    checkout: Checkout, case: Case, name: str, videos: Path | str, out: str
) -> Command:
    """Return `fleet run` of the job detect, in a mode."""
    mode = MODES[name]
    devices = () if "--devices" in mode else ("--devices", str(DEVICES))
    job = checkout.folder / "jobs" / "detect.toml"
    line = ("run", job, "--input", videos, "--model", checkout.model, "--output", out)
    asked = ("--sample", case.sample, *devices, *mode)
    return Command(
        tuple(map(str, (FLEET, *line, *asked))), checkout.environment, str(checkout.folder), out
    )


def demo_command(checkout: Checkout, out: str) -> Command:
    """Return `fleet demo` into a new folder."""
    line = (str(FLEET), "demo", "--output", out)
    return Command(line, checkout.environment, str(checkout.folder))


def decode_command(checkout: Checkout, case: Case, videos: Path, out: str) -> Command:
    """Return what decodes with Fleet and does nothing else."""
    script = ROOT / "tests" / "bench" / "measured" / "decode_alone.py"
    line = (sys.executable, str(script), out, case.sample, str(videos))
    return Command(line, checkout.environment, str(checkout.folder))


def peer_command(case: Case, name: str, videos: Path, out: str, material: Material) -> Command:
    """Return the command of a peer, or of Ray alone."""
    python, environment = peers_python()
    if name == cases.RAY_ALONE:
        # It is compared with Fleet's own start of the same Ray.
        return Command((sys.executable, str(SCRIPTS / "ray_alone.py")), QUIET)
    if name in (cases.DECORD, cases.TORCHCODEC):
        clip = min(videos.iterdir())
        line = (python, str(SCRIPTS / "sparse_decode.py"), name, str(material.every), str(clip))
        return Command(line, environment)
    script, *which = LOOPS[name]
    processes = 1 if case.name == "one" else DEVICES
    sample = SAMPLES.get(case.sample, f"every={material.every}")
    told = (out, material.network, sample, processes, videos)
    return Command((python, str(SCRIPTS / script), *which, *map(str, told)), environment)


class Lane:
    """What starts the contestants of one case, one after the other, each with an output of its own."""

    def __init__(self, case: Case, material: Material, where: Mapping[str, Place]) -> None:
        self._case, self._material, self._where = case, material, where
        self.who = tuple(name for name in case.who if case.name != "far" or name in where)
        """Who can take part."""

    def command(self, name: str, checkout: Checkout, out: str) -> Command:
        """Return the command of one."""
        case = self._case
        if case.name == "far":
            place = self._where[name]
            run = fleet_command(
                checkout,
                case,
                cases.ONE_DEVICE,
                place.videos,
                f"{place.output}/{Path(out).name}" if place.output else out,
            )
            return Command(
                run.line, {**run.environment, **place.environment}, run.folder, run.output
            )
        if name == cases.DEMO:
            return demo_command(checkout, out)
        videos = self._material.videos(case.videos)
        if case.name == "decode" and name == cases.FLEET:
            return decode_command(checkout, case, videos, out)
        if name in MODES:
            return fleet_command(checkout, case, name, videos, out)
        return peer_command(case, name, videos, out, self._material)


@contextmanager
def lane_of(case: Case, material: Material) -> Iterator[Lane]:
    """Make what a case is measured on, and give what starts its contestants."""
    if case.name == "far":
        with places(material.videos(case.videos)) as where:
            yield Lane(case, material, where)
        return
    if case.videos != "none":
        material.videos(case.videos)
    yield Lane(case, material, {})
