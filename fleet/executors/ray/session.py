"""Coming to a Ray cluster: one that is there, or one of this run's own."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import ray
from ray._private import worker
from ray.exceptions import AuthenticationError
from ray.job_config import JobConfig

from fleet.errors import JobFailedError
from fleet.executors.ray.access import check_ray_address
from fleet.executors.ray.actor import OMP
from fleet.executors.ray.listed import Listed
from fleet.executors.ray.token import check_token, refused
from fleet.executors.ray.whereabouts import check_answers, short_folder

OBJECT_STORE_BYTES = 128 * 1024 * 1024
"""Pixels never cross Ray: leases and receipts are small."""
_SIGACTION_BYTES = 256
"""More than Linux's `struct sigaction` has on any processor."""
_PRINTING = "print_to_stdstream"
KNOWN = ("2.60.",)
"""How the versions of Ray begin whose services are known, see own_node.py."""


def join_ray(listed: Listed) -> int | None:
    """Connect to the cluster that RAY_ADDRESS names, or that this process is connected to.

    `listed`: as what the run is listed there, unless this process is connected already.

    Gives how many NPUs it has just now, which may be none where nodes come as they are asked for;
    None where there is no cluster to join. Raises JobFailedError where it cannot be reached, and
    UsageError where its address carries credentials or is none of a cluster.
    """
    _quiet()
    if not ray.is_initialized():
        if not os.environ.get("RAY_ADDRESS"):
            return None
        check_ray_address(os.environ)
        check_answers(os.environ["RAY_ADDRESS"], os.environ)
        if "://" not in (address := os.environ["RAY_ADDRESS"]) and ":" in address:
            check_token(address)
        try:
            with _sigterm_left_as_found():
                ray.init(
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    job_config=JobConfig(metadata=listed.to_metadata()),
                )
        except AuthenticationError as error:
            raise refused(os.environ["RAY_ADDRESS"], error) from None
        except ConnectionError as error:
            message = f"The Ray cluster at {os.environ['RAY_ADDRESS']} cannot be joined: {error}"
            raise JobFailedError(message) from error
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(resources.get("NPU", 0))


def start_ray(devices: int, cores_per_device: int = 1) -> None:
    """Start Ray on this machine, with `devices` NPUs, and as many CPUs as they ask for."""
    _quiet()
    with _sigterm_left_as_found(), _needed_alone(), _one_thread_for_libraries():
        ray.init(
            # Or it would join whatever Ray runs on this machine.
            address="local",
            num_cpus=max(devices * cores_per_device, len(os.sched_getaffinity(0))),
            resources={"NPU": devices},
            include_dashboard=False,
            logging_level=logging.ERROR,
            log_to_driver=False,
            object_store_memory=OBJECT_STORE_BYTES,
            _temp_dir=short_folder(os.environ),
        )


@contextmanager
def ray_left_as_found() -> Iterator[None]:
    """Leave the cluster at the end, and end it where it was started meanwhile.

    What Ray prints of each worker that dies, however it is asked to be quiet, is not printed: what
    becomes of a device is said in a line of ours. Nothing else comes that way.
    """
    if ray.is_initialized():
        yield
        return
    # A private name: a Ray that has it no longer prints what it prints.
    printing = getattr(worker, _PRINTING, None)
    if printing is not None:
        setattr(worker, _PRINTING, _unprinted)
    try:
        yield
    finally:
        ray.shutdown()
        if printing is not None:
            setattr(worker, _PRINTING, printing)


@contextmanager
def _one_thread_for_libraries() -> Iterator[None]:
    """Have what is started take one thread for libraries, unless the user says otherwise.

    Ray takes the number of an actor's CPUs where nothing is said.
    """
    if OMP in os.environ:
        yield
        return
    os.environ[OMP] = "1"
    try:
        yield
    finally:
        os.environ.pop(OMP, None)


def _needed_alone() -> AbstractContextManager[None]:
    """Return what has a Ray consist of what a run needs, where Ray is known; else of all it has."""
    if not ray.__version__.startswith(KNOWN):
        return nullcontext()
    # Names of Ray's that are private: another Ray may not have them.
    from fleet.executors.ray.own_node import needed_alone  # noqa: PLC0415

    return needed_alone()


def _unprinted(*_: object, **__: object) -> None:
    """Print nothing."""


@contextmanager
def _sigterm_left_as_found() -> Iterator[None]:
    """Put back what SIGTERM does: Ray's own handlers print a stack of C++ and end the process."""
    before = signal.getsignal(signal.SIGTERM)
    libc = ctypes.CDLL(None)
    kept = ctypes.create_string_buffer(_SIGACTION_BYTES)
    libc.sigaction(signal.SIGTERM, None, kept)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)
    # In another thread Python does not do it, where what Ray has set in C++ stands all the same.
    libc.sigaction(signal.SIGTERM, kept, None)


def _quiet() -> None:
    # Without Ascend's own library Ray's detection logs an error and a traceback, twice.
    logging.getLogger("ray._private.accelerators.npu").setLevel(logging.CRITICAL)
