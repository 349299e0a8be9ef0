"""Schedules with names: what was once seen to go wrong, written down call by call.

Each goes well, and goes wrong as it did before once the faults that it is about are put back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from archive import Archive
from chance import Rule, Trouble
from commands import Command
from schedule import Setting

_TWO = Archive((("a", "v1"), ("b", "v1")))
_DAMAGED = Archive((("a", "v1"), ("b", "v1")), (("b", 1, "loses"),))
_THREE = Archive((("a", "v1"), ("b", "v1"), ("c", "v1")))
_FAILED_ON = Archive((("a", "v1"), ("b", "v1")), (("a", 0, "raises"), ("b", 1, "loses")))
_YEARS_S = 90_000_000.0


@dataclass(frozen=True)
class Named:
    """A schedule, and the faults with which it goes wrong."""

    name: str
    setting: Setting
    rules: tuple[Rule, ...]
    faults: tuple[str, ...]
    """Names of mutations, all put back together."""
    kind: str
    """The kind of violation that comes of them."""
    healed: bool = True
    """Whether the job has to come to a good end after it."""
    is_refused: bool = False
    """Whether the commands are refused, so that nothing befalls them."""


def _stall(actor: str, verb: str, name: str, seconds: float, nth: int = 1) -> Rule:
    return Rule(actor, verb, name, Trouble("stall", seconds), nth)


NAMED = (
    Named(
        "a compaction stands still past its lock's expiry, and a run takes the output over",
        Setting(
            (Command("compact", "compact"), Command("run B", "run", 1.0, "south")),
            _THREE,
            "all",
            _TWO,
        ),
        (_stall("compact", "[cp]*t*", "_done/manifest-*", 150.0),),
        ("manifests overwritten", "guards blind"),
        "deleted",
    ),
    Named(
        "a store is away for every worker, for longer than a lease is tried",
        Setting((Command("run A", "run"),), _TWO),
        tuple(Rule("worker*", "work", "*", Trouble("unread"), nth) for nth in range(1, 9)),
        ("unreached is lost",),
        "given up",
    ),
    Named(
        "a store's versions are no etags, as on gs://",
        Setting((Command("run A", "run"),), _TWO),
        (),
        ("etags for versions",),
        "not healed",
    ),
    Named(
        "two runs, and the clock of the first is years behind",
        Setting(
            (
                Command("run A", "run", 0.0, "north", -_YEARS_S),
                Command("run B", "run", 1.0, "south"),
            ),
            _TWO,
        ),
        (),
        ("clocks compared", "epochs ignored"),
        "wrong",
    ),
    Named(
        "a run stands still past its lock's expiry, and goes on",
        Setting((Command("run A", "run"), Command("run B", "run", 1.0, "south")), _TWO),
        (_stall("run A", "poll", "*", 61.0, 3),),
        ("epochs ignored", "guards blind"),
        "wrong",
    ),
    Named(
        "two commands change an output whose store ignores conditions",
        Setting(
            (Command("compact", "compact"), Command("requeue", "requeue", 0.0, "south")),
            _DAMAGED,
            "old",
            store="careless",
        ),
        (
            _stall("compact", "create", "_REWRITE.json", 3.0),
            _stall("requeue", "[cp]*t*", "_done/manifest-*", 20.0),
        ),
        ("conditions believed",),
        "overwritten",
        is_refused=True,
    ),
    Named(
        "a worker that was given up for dead commits what another one has committed",
        Setting(
            (Command("run A", "run"), Command("requeue", "requeue", 90.0, "south")),
            _DAMAGED,
        ),
        (_stall("worker run A.0", "[cp]*t*", "frames/*", 65.0),),
        ("frames overwritten",),
        "overwritten",
    ),
    Named(
        "a listing shows what was there a minute ago",
        Setting(
            (Command("run A", "run"), Command("compact", "compact", 1.6, "south")),
            _TWO,
            store="lagging",
        ),
        tuple(Rule("compact", "list", "frames", Trouble("lag", 60.0), nth) for nth in (1,)),
        ("swept by listing",),
        "deleted",
    ),
    Named(
        "a listing lags between a run's look at the output and its start",
        Setting(
            (Command("run A", "run"), Command("run B", "run", 5.0, "south")), _TWO, store="lagging"
        ),
        (
            Rule("run A", "poll", "*", Trouble("kill"), 5),
            Rule("run B", "list", "frames", Trouble("lag", 70.0), 4),
        ),
        ("listings believed", "sealed unread"),
        "closed",
    ),
    Named(
        "a bit flips before a compaction reads it",
        Setting((Command("compact", "compact"),), _TWO, "all"),
        (Rule("compact", "read", "frames/*", Trouble("damage")),),
        ("damage rewritten",),
        "laundered",
    ),
    Named(
        "somebody verifies while a run looks at its second video",
        Setting(
            (Command("run A", "run"), Command("verify", "verify", 12.0, "south")),
            Archive((("a", "v1"), ("b", "v1")), look_s=15.0),
        ),
        (),
        ("window for all",),
        "proven",
    ),
    Named(
        "a run dies while it looks at its second video",
        Setting(
            (Command("run A", "run"), Command("verify", "verify", 12.0, "south")),
            Archive((("a", "v1"), ("b", "v1")), look_s=15.0),
        ),
        (Rule("run A", "poll", "*", Trouble("kill"), 2),),
        ("window for all",),
        "proven",
    ),
    Named(
        "somebody verifies while a run lists its second video",
        Setting(
            (Command("run A", "run"), Command("verify", "verify", 12.0, "south")),
            Archive((("a", "v1"), ("b", "v1")), look_s=15.0, lists_on=True),
        ),
        (),
        ("names for all",),
        "proven",
    ),
    Named(
        "a run dies while it lists its second video",
        Setting(
            (Command("run A", "run"), Command("verify", "verify", 12.0, "south")),
            Archive((("a", "v1"), ("b", "v1")), look_s=15.0, lists_on=True),
        ),
        (Rule("run A", "poll", "*", Trouble("kill"), 2),),
        ("names for all",),
        "proven",
    ),
    Named(
        "all that is listed is done, and more names are to come",
        Setting((Command("run A", "run"),), replace(_TWO, lists_on=True)),
        (),
        ("listed for all",),
        "closed",
        healed=False,
    ),
    Named(
        "a run that does again what a job failed on dies once the losses are taken out",
        Setting((Command("run A", "retry"),), _FAILED_ON, "all"),
        (Rule("run A", "replace", "_LOCK.json", Trouble("kill", 10.0), 3),),
        ("all retried",),
        "lost",
    ),
    Named(
        "two runs do again what a job failed on, and the first one stands still",
        Setting(
            (Command("run A", "retry"), Command("run B", "retry", 1.0, "south")),
            _FAILED_ON,
            "all",
        ),
        (_stall("run A", "[cp]*t*", "_done/manifest-*", 150.0),),
        ("none retried",),
        "not mended",
    ),
    Named(
        "a part of a lease is gone",
        Setting((Command("reader 1", "read"),), _TWO, "all", gone="detections/part-*"),
        (),
        ("torn counted",),
        "torn",
        healed=False,
    ),
)
