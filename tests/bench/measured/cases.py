"""What is measured: the cases, who takes part in each, and by what figures they are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

Metric = Literal["wall_s", "frames_per_s", "first_rows_s", "decode_cpu_s"]
"""`wall_s`: the whole process, from cold. `frames_per_s`: warm, from when the first device, or process,
was ready. `first_rows_s`: from then to the first commit. `decode_cpu_s`: CPU seconds of decoding alone."""
HIGHER_IS_BETTER: frozenset[Metric] = frozenset({"frames_per_s"})

BARE, PLAIN, RAY_DATA, DAFT = "bare loop", "plain script", "Ray Data", "Daft"
DECORD, TORCHCODEC, RAY_ALONE = "decord", "torchcodec", "Ray alone"
FLEET, ON_RAY, IN_PROCESSES, INLINE = "Fleet", "Fleet on Ray", "Fleet in processes", "Fleet inline"
ONE_DEVICE = "Fleet, one device"
TWO_CORES = "Fleet, one device of two cores"
DISK, NEAR, READ_AFAR, ALL_AFAR = "disk", "store here", "read afar", "all afar"
DEMO = "fleet demo"


@dataclass(frozen=True)
class Case:
    """One piece of work, done by several in turn."""

    name: str
    """What `--only` calls it."""
    title: str
    """What it is, in words."""
    sample: str
    """The frames, as Fleet's `--sample` names them."""
    videos: Literal["four", "one", "tiny", "long", "none"]
    """What it is done on; see `material.py`."""
    who: tuple[str, ...]
    """Who takes part, in the order of the first round."""


ALL_PEERS = (BARE, PLAIN, RAY_DATA, DAFT)
ALL_MODES = (FLEET, ON_RAY, INLINE)
CASES = (
    Case(
        "startup",
        "one video's key frames, beside Ray started and ended alone",
        "keyframes",
        "one",
        (RAY_ALONE, ON_RAY, IN_PROCESSES, INLINE),
    ),
    Case("dense", "four videos, every frame", "all", "four", (*ALL_PEERS, *ALL_MODES)),
    Case("sparse", "four videos, one frame a second", "fps=1", "four", (*ALL_PEERS, *ALL_MODES)),
    Case("keyframes", "four videos, key frames", "keyframes", "four", (*ALL_PEERS, *ALL_MODES)),
    Case(
        "one", "one video, every frame", "all", "one", (PLAIN, DAFT, ONE_DEVICE, TWO_CORES, FLEET)
    ),
    Case("tiny", "many clips of 2 s, a frame each", "all,first=1", "tiny", (PLAIN, FLEET, ON_RAY)),
    Case(
        "decode",
        "one frame a second decoded and nothing else, one thread",
        "fps=1",
        "one",
        (DECORD, TORCHCODEC, FLEET),
    ),
    Case(
        "far",
        "a long video's key frames, one device, the store 50 ms away",
        "keyframes",
        "long",
        (DISK, NEAR, READ_AFAR, ALL_AFAR),
    ),
    Case("demo", "`fleet demo`, whole", "", "none", (DEMO,)),
)
PARTS = {
    "infer": "`fleet infer` against a bare loop of ONNX Runtime",
    "leases": "leases a second and the driver's CPU",
    "stages": "CPU a frame by stage",
    "growth": "what status, verify and compact take as outputs grow",
    "pruning": "what readers skip of compacted parts",
    "slow": "one of eight devices five times as slow",
}
"""Measurements with a page of their own, by the name of their script; they are printed, not kept."""


def chosen(only: str) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """Return the cases and parts that a list of names asks for, all where it is empty."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    known = {case.name for case in CASES} | set(PARTS)
    unknown = sorted(set(names) - known)
    if unknown:
        raise ValueError(
            f"There is no {', '.join(unknown)}: --only takes {', '.join(sorted(known))}."
        )
    wanted = set(names) or known
    return (
        tuple(case for case in CASES if case.name in wanted),
        tuple(name for name in PARTS if name in wanted),
    )


Entry = TypeVar("Entry")


def rotated(who: tuple[Entry, ...], turn: int) -> tuple[Entry, ...]:
    """Return the order of a round: each begins with another, so that none always follows the same start."""
    at = turn % len(who) if who else 0
    return who[at:] + who[:at]
