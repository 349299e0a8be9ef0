"""A cluster: whether it answers, lets us in, has devices, and has this machine's time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from fleet.core.format import plural
from fleet.doctor.finding import Finding, State, well
from fleet.doctor.stores import judge_clock
from fleet.executors.ray.access import check_ray_address, exposures
from fleet.executors.ray.whereabouts import check_answers
from fleet.submit.reachability import check_address

_SAFER = "Mend it before others use this cluster."


def examine_joined(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield whether the cluster answers that RAY_ADDRESS names; nothing where it names none."""
    address = environment.get("RAY_ADDRESS", "")
    if not address:
        return
    check_ray_address(environment)
    check_answers(address, environment)
    yield well("RAY_ADDRESS", f"a cluster answers at {address}")


def examine_dashboard(address: str) -> Iterator[Finding]:
    """Yield whether jobs can be submitted to a cluster, and what it has."""
    address = check_address(address)
    for exposure in exposures(address, os.environ):
        yield Finding("cluster", State.WARNING, exposure, _SAFER)
    from fleet.submit.ray_jobs import Jobs  # noqa: PLC0415 - takes seconds to import

    jobs = Jobs(address)
    seen = jobs.cluster()
    running = sum(not job.over for job in jobs.all())
    yield well("cluster", f"Ray {seen.ray_version} at {address}, {plural(running, 'job')} running")
    yield judge_devices(len(seen.hosts), seen.npus)
    if seen.clock_offset_s is not None:
        yield judge_clock("its clock", "the cluster's head", seen.clock_offset_s)


def judge_devices(nodes: int, npus: int) -> Finding:
    """Return what is to be said of a cluster that has so many nodes and NPUs now; pure."""
    said = f"{plural(nodes, 'node')}, {plural(npus, 'NPU')} just now"
    if npus:
        return well("devices", said)
    way_out = (
        "Where it grows by itself, say how far: --max-devices N. Else start its nodes with "
        "--resources='{\"NPU\": 1}'."
    )
    return Finding("devices", State.WARNING, said, way_out)
