"""`make prove-protocol`: 10,000 schedules of the commit protocol, none of which breaks a promise.

Then each fault that was mended is put back, and schedules are played until one finds it. Prints how
many schedules had which trouble, and of whatever is found the seed and the story. Ends with 1 where
a promise is broken, or a fault is not found.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.queues import Queue

import pyarrow as pa
from chance import Scripted
from generator import Found, play_seed
from mutations import MUTATIONS
from named import NAMED
from schedule import play
from shrinking import shrink
from simulation import simulated
from story import tell

_AT_A_TIME = 50
_AND = " + "
_MOST_SEEDS = 3000
"""So many schedules are played at most to find a fault."""


@dataclass
class Figures:
    """What some schedules came to."""

    schedules: int = 0
    steps: int = 0
    troubled: Counter[str] = field(default_factory=Counter)
    """How many schedules had each kind of trouble."""
    commands: Counter[str] = field(default_factory=Counter)
    """How often each command was given."""
    stories: list[str] = field(default_factory=list)
    """Of those that broke a promise."""

    def add(self, found: Found) -> None:
        """Count a schedule."""
        self.schedules += 1
        self.steps += found.played.steps
        self.troubled.update(found.played.befallen.keys())
        self.troubled.update([f"store: {found.setting.store}", f"past: {found.setting.past}"])
        self.commands.update(command.what for command in found.setting.commands)
        if found.played.violation is not None:
            self.stories.append(story_of(found))

    def merge(self, other: Figures) -> None:
        """Add up."""
        self.schedules += other.schedules
        self.steps += other.steps
        self.troubled.update(other.troubled)
        self.commands.update(other.commands)
        self.stories += other.stories


def story_of(found: Found) -> str:
    """Return the story of a schedule that breaks a promise, made as short as it can be."""
    shrunk = shrink(found.setting, found.decisions)
    return f"seed {found.seed}:\n{tell(shrunk.setting, shrunk.played)}"


def play_seeds(seeds: Sequence[int]) -> Figures:
    """Play the schedules of some seeds."""
    figures = Figures()
    with simulated():
        for seed in seeds:
            figures.add(play_seed(seed))
    return figures


def find_fault(name: str) -> tuple[str, str]:
    """Put a fault back, and return how it is found, with the story; raises LookupError where not."""
    with simulated():
        for named in NAMED:
            if named.faults == (name,):
                with MUTATIONS[name].applied():
                    played = play(named.setting, Scripted(named.rules), healed=named.healed)
                if played.violation is not None:
                    return f'the schedule "{named.name}"', tell(named.setting, played)
        with MUTATIONS[name].applied():
            for seed in range(_MOST_SEEDS):
                found = play_seed(seed)
                if found.played.violation is not None:
                    return f"seed {seed}", story_of(found)
    raise LookupError(f"{name}: not found in {_MOST_SEEDS} schedules")


def find_together(number: int) -> tuple[str, str]:
    """Put the faults of a named schedule back together; see `find_fault`."""
    named = NAMED[number]
    with simulated(), ExitStack() as ends:
        for fault in named.faults:
            ends.enter_context(MUTATIONS[fault].applied())
        played = play(named.setting, Scripted(named.rules), healed=named.healed)
    if played.violation is None:
        raise LookupError(f"{named.faults}: not found")
    return f'the schedule "{named.name}"', tell(named.setting, played)


def _chunks(first: int, count: int) -> Iterator[range]:
    for start in range(first, first + count, _AT_A_TIME):
        yield range(start, min(start + _AT_A_TIME, first + count))


def _prepare(cores: Queue[int]) -> None:
    # One thread for each process: the schedules themselves are what runs at the same time.
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    # Its actors take turns: on a core of their own, handing on wakes nobody elsewhere (a tenth of
    # the time); and modules that stay need not be looked through for garbage (another tenth).
    os.sched_setaffinity(0, {cores.get()})
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def prove(pool: ProcessPoolExecutor, first: int, count: int) -> bool:
    """Play schedules, print their figures, and return whether all kept the promises."""
    figures, started_s = Figures(), time.perf_counter()
    for future in as_completed([pool.submit(play_seeds, seeds) for seeds in _chunks(first, count)]):
        figures.merge(future.result())
    wall_s = time.perf_counter() - started_s
    print(
        f"{figures.schedules:,} schedules from seed {first} in {wall_s:.0f} s "
        f"({figures.schedules / wall_s:.1f} a second), {figures.steps:,} steps, "
        f"{len(figures.stories)} broke a promise"
    )
    print("commands:", ", ".join(f"{n:,} {what}" for what, n in sorted(figures.commands.items())))
    for kind, number in figures.troubled.most_common():
        print(f"  {number:6,} schedules had  {kind}")
    for story in figures.stories[:3]:
        print(story)
    return not figures.stories


def find_all(pool: ProcessPoolExecutor) -> bool:
    """Put faults back, print how each is found, and return whether all are."""
    alone = [name for name in MUTATIONS if name not in _only_together()]
    asked = {pool.submit(find_fault, name): name for name in alone}
    several = [number for number, named in enumerate(NAMED) if len(named.faults) > 1]
    asked |= {pool.submit(find_together, n): _AND.join(NAMED[n].faults) for n in several}
    missed = 0
    for future in as_completed(asked):
        try:
            how, story = future.result()
        except LookupError as error:
            missed += 1
            print(f"NOT FOUND  {error}")
            continue
        faults = asked[future].split(_AND)
        about = "; ".join(MUTATIONS[fault].about for fault in faults)
        print(f"\nput back: {asked[future]} ({about}); found by {how}\n{story}")
    print(f"\n{len(asked) - missed} of {len(asked)} faults are found")
    return not missed


def _only_together() -> set[str]:
    """The faults that do no harm by themselves: another safeguard stands behind what they break."""
    return {name for named in NAMED if len(named.faults) > 1 for name in named.faults} - {
        name for named in NAMED if len(named.faults) == 1 for name in named.faults
    }


def main() -> int:
    """Prove it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ours = sorted(os.sched_getaffinity(0))
    cores: Queue[int] = context.Queue()
    for core in ours:
        cores.put(core)
    with ProcessPoolExecutor(
        len(ours), mp_context=context, initializer=_prepare, initargs=(cores,)
    ) as pool:
        kept = prove(pool, arguments.first, arguments.schedules)
        found = find_all(pool)
    return 0 if kept and found else 1


if __name__ == "__main__":
    sys.exit(main())
