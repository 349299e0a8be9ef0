"""Schedules from seeds: each has some commands, some kinds of trouble, and its own pace."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from archive import GOPS, REFUSED, Archive, Damage, Hurt
from chance import Decisions, Kind, Replayed, Seeded
from commands import Command, What
from schedule import Played, Setting, play

_LATENCIES_S = (0.0, 0.1, 0.5)
_RATES = (0.005, 0.015, 0.05)
_HASTES = (0.01, 0.05, 0.2)
_HOSTS = ("north", "south")
_LISTS_ON = (0.1, 0.7)
"""How often inputs are listed on: where there is something, and where little or nothing is."""
_LOOKS_S = (0.0, 1.5, 6.0)
_STARTS_S = (0.0, 0.3, 0.6, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0, 70.0)
_SKEWS_S = (0.0, 0.0, 70.0, -70.0, 90_000_000.0, -90_000_000.0)
_TARGETS_BYTES = (6_000, 1 << 30)
_SOUND: tuple[Kind, ...] = (
    "fail", "lose", "late", "slow", "stall", "kill", "away", "lag", "swallow", "damage", "crash",
    "unread", "drain",
)  # fmt: skip
_CARELESS: tuple[Kind, ...] = ("fail", "lose", "slow", "kill", "unread", "drain")
"""In a store without conditional puts: nobody is given up for dead who is not."""


@dataclass(frozen=True)
class Found:
    """A schedule that was played, and all that was decided in it."""

    seed: int
    setting: Setting
    decisions: Decisions
    played: Played


def play_seed(seed: int) -> Found:
    """Play the schedule of a seed."""
    random = Random(seed)
    setting = draw_setting(random)
    # Drawn apart, so that all else in a schedule is what it was without.
    if Random(f"lists on {seed}").random() < _LISTS_ON[setting.past in {"nothing", "half"}]:
        setting = replace(setting, archive=replace(setting.archive, lists_on=True))
    kinds = _CARELESS if setting.store == "careless" else _SOUND
    some = [kind for kind in kinds if random.random() < 0.4]
    chance = Seeded(random.getrandbits(64), some, random.choice(_RATES), random.choice(_HASTES))
    played = play(setting, chance)
    return Found(seed, setting, chance.decisions, played)


def replay(setting: Setting, decisions: Decisions) -> Played:
    """Play a schedule as it was decided."""
    return play(setting, Replayed(decisions))


def draw_setting(random: Random) -> Setting:
    """Draw where a schedule begins, and what is done in it."""
    store = random.choices(("sound", "lagging", "careless"), (7, 2, 1))[0]
    past = random.choices(("nothing", "half", "all", "old"), (3, 3, 3, 1))[0]
    hurt = _draw_hurt(random)
    whole = Archive(
        (("a", "v1"), ("b", "v1"), *([(REFUSED, "v1")] * (random.random() < 0.1))), hurt
    )
    now, before = whole, whole
    if past in {"all", "old"}:
        now = random.choice((whole, _grown(whole), _replaced(whole)))
    if store == "careless":
        past, before = random.choice(("nothing", "old")), now
        return Setting(_few(random), now, past, before, store)
    latency_s = random.choice(_LATENCIES_S)
    now = replace(now, look_s=random.choice(_LOOKS_S))
    return Setting(_draw_commands(random), now, past, before, store, latency_s=latency_s)


def _draw_hurt(random: Random) -> tuple[Hurt, ...]:
    damages: tuple[Damage, ...] = ("loses", "kills", "raises")
    return tuple(
        (uri, random.randrange(GOPS[uri]), random.choices(damages, (4, 1, 4))[0])
        for uri in sorted(GOPS)
        if random.random() < 0.25
    )


def _grown(archive: Archive) -> Archive:
    return Archive((*archive.etags, ("c", "v1")), archive.hurt)


def _replaced(archive: Archive) -> Archive:
    return Archive(
        tuple((uri, "v2" if uri == "b" else etag) for uri, etag in archive.etags), archive.hurt
    )


def _draw_commands(random: Random) -> tuple[Command, ...]:
    wanted: list[tuple[str, What, float]] = [
        ("run A", "run", 1.0),
        ("run B", random.choice(("run", "join")), 0.5),
        ("compact", "compact", 0.5),
        ("requeue", "requeue", 0.3),
        ("retry", "retry", 0.3),
        ("verify", "verify", 0.25),
        ("reader 1", "read", 0.5),
        ("reader 2", "read", 0.3),
    ]
    return tuple(_draw(random, who, what) for who, what, share in wanted if random.random() < share)


def _draw(random: Random, who: str, what: What) -> Command:
    starts = (0.0,) if who == "run A" else _STARTS_S
    return Command(
        who,
        what,
        random.choice(starts),
        random.choice(_HOSTS),
        random.choice(_SKEWS_S),
        random.choice(_TARGETS_BYTES),
    )


def _few(random: Random) -> tuple[Command, ...]:
    """Draw commands for a store in which several cannot change an output."""
    wanted: list[tuple[str, What]] = [
        ("run A", "run"), ("compact", "compact"), ("requeue", "requeue"), ("reader 1", "read"),
    ]  # fmt: skip
    return tuple(_draw(random, *each) for each in wanted)
