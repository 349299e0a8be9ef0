"""Work spread over plain Ray actors, one a processor: what training has rendered for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from fleet.errors import FleetError, JobFailedError

OBJECT_STORE_BYTES = 128 * 1024 * 1024
"""Only names cross Ray; pictures go to the disk."""


class _Hand:
    def do(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Do one piece."""
        return work(*arguments)


def spread(
    work: Callable[..., Any], pieces: Sequence[tuple[Any, ...]], actors: int
) -> Iterator[Any]:
    """Call `work` with the arguments of each piece, on so many actors; gives results as they come.

    Starts Ray on this machine where the process is not connected to a cluster, and ends it then.
    Raises what the work raised if Fleet knows it, JobFailedError otherwise.
    """
    if not pieces:
        return
    started_here = not ray.is_initialized()
    if started_here:
        logging.getLogger("ray._private.accelerators.npu").setLevel(logging.CRITICAL)
        ray.init(
            address="local",
            num_cpus=actors,
            include_dashboard=False,
            logging_level=logging.ERROR,
            log_to_driver=False,
            object_store_memory=OBJECT_STORE_BYTES,
        )
    remote: Any = ray.remote
    # As many as were asked for, whatever processors are free.
    hands = [remote(num_cpus=0)(_Hand).remote() for _ in range(actors)]
    try:
        yield from _results(work, list(pieces)[::-1], hands)
    finally:
        for hand in hands:
            ray.kill(hand)
        if started_here:
            ray.shutdown()


def _results(
    work: Callable[..., Any], left: list[tuple[Any, ...]], hands: list[Any]
) -> Iterator[Any]:
    running = {hand.do.remote(work, left.pop()): hand for hand in hands[: len(left)]}
    while running:
        (ready,), _ = ray.wait(list(running), num_returns=1)
        hand = running.pop(ready)
        if left:
            running[hand.do.remote(work, left.pop())] = hand
        try:
            yield ray.get(ready)
        except RayTaskError as error:
            cause = error.cause
            raise cause if isinstance(cause, FleetError) else JobFailedError(str(error)) from error
        except RayError as error:
            raise JobFailedError(f"A renderer died: {error}") from error
