"""What Ray itself takes: it is started, two actors answer, and it is ended. Nothing else is done.

python ray_alone.py
"""

from __future__ import annotations

import logging
from typing import Any

import ray
from told import tell

ACTORS = 2


class Actor:
    """Answers."""

    def answer(self) -> int:
        """Return something."""
        return 1


def main() -> None:
    """Start, ask, end."""
    ray.init(
        num_cpus=ACTORS, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
    )
    made: Any = ray.remote(Actor)
    actors = [made.remote() for _ in range(ACTORS)]
    answers = ray.get([actor.answer.remote() for actor in actors])
    ray.shutdown()
    tell(0, actors=sum(answers))


if __name__ == "__main__":
    main()
