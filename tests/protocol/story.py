"""A schedule as a story that a person can read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence

from schedule import Played, Setting
from world import Happened

_ROUTINE = re.compile(r"_probe-|_runs/|_LOCK\.json|_REWRITE\.json|schema\.parquet|_JOB\.json")
_LEASE_DIGITS = 10
_PAST = {
    "nothing": "The output is empty.",
    "half": "A run has died half way, long ago.",
    "all": "The job was done once.",
    "old": "The job was done by version 0.1.",
}
_TROUBLE = {
    "fail": "fails, undone",
    "lose": "is done, and the answer lost",
    "late": "is done {seconds} s later, and nobody is told",
    "slow": "is answered after {seconds} s",
    "stall": "comes after {process} stood still for {seconds} s",
    "kill": "never comes: {process} is killed",
    "away": "finds the store away, for {seconds} s",
    "lag": "shows what was there {seconds} s ago",
    "swallow": "is answered, and not done",
    "damage": "meets a flipped bit",
    "crash": "ends the process",
    "unread": "cannot read all of its input",
    "drain": "hears that a machine goes away in {seconds} s",
}
_Match = re.Match[str]
_SENTENCES: Sequence[tuple[str, str, Callable[[_Match, Happened], str]]] = (
    (r"put|create", r"_done/manifest-0*(\d+)\.json", lambda m, h: _manifest(m[1], h)),
    (
        r"create refused",
        r"_done/manifest-0*(\d+)\.json",
        lambda m, _: f"comes too late with manifest {m[1]}",
    ),
    (
        r"put|create",
        r"frames/part-(\w{32})\.parquet",
        lambda m, _: f"commits lease {m[1][:_LEASE_DIGITS]}",
    ),
    (
        r"create refused",
        r"frames/part-(\w{32})\.parquet",
        lambda m, _: f"finds lease {m[1][:_LEASE_DIGITS]} committed",
    ),
    (
        r"put|create",
        r"(\w+)/part-(\w{32})\S*",
        lambda m, _: f"puts {m[1]} of lease {m[2][:_LEASE_DIGITS]}",
    ),
    (r"put|create", r"(\w+)/part-pack-(\S+)\.parquet", lambda m, _: f"puts {m[1]} of pack {m[2]}"),
    (
        r"delete",
        r"(\w+)/part-(\w{32})\S*",
        lambda m, _: f"deletes {m[1]} of lease {m[2][:_LEASE_DIGITS]}",
    ),
    (r"begins", r"(\w+)", lambda m, _: f"begins: {m[1]}"),
)


def tell(setting: Setting, played: Played) -> str:
    """Tell what happened, a line a step; what every process does all the time is left out."""
    return "\n".join([*_opening(setting), *_steps(played), *_end(played)])


def _opening(setting: Setting) -> Iterator[str]:
    yield _PAST[setting.past] + (
        "" if setting.store == "sound" else f" The store is {setting.store}."
    )
    videos = ", ".join(f"{uri} ({etag})" for uri, etag in setting.archive.etags)
    yield f"The videos: {videos}." + "".join(
        f" GOP {gop} of {uri} {how}." for uri, gop, how in setting.archive.hurt
    )


def _steps(played: Played) -> Iterator[str]:
    since_s = played.log[0].now_s if played.log else 0.0
    for happened in played.log:
        routine = happened.what not in {"trouble", "violation"} and _ROUTINE.search(happened.about)
        if not routine:
            yield f"{happened.now_s - since_s:9.2f} s  {happened.who} {_sentence(happened)}"


def _sentence(happened: Happened) -> str:
    if happened.what == "trouble":
        kind, seconds, verb, *about = happened.about.split()
        process = happened.who.partition(" lock")[0].partition(" heartbeat")[0]
        how = _TROUBLE[kind].format(seconds=seconds, process=process)
        return f"would {verb} {' '.join(about)}: it {how}"
    for verb, name, write in _SENTENCES:
        found = re.fullmatch(name, happened.about)
        if found and re.fullmatch(verb, happened.what):
            return write(found, happened)
    return f"{happened.what} {happened.about}"


def _manifest(number: str, happened: Happened) -> str:
    record = json.loads(happened.data)
    if record.get("superseded"):
        return f"empties manifest {number}"
    state = "closed" if record["closed"] else "open"
    packs, leases = len(record["packs"]), len(record["leases"])
    return (
        f"puts manifest {number}: epoch {record['epoch']}, {packs} packs, {leases} leases, {state}"
    )


def _end(played: Played) -> Iterator[str]:
    if played.violation is not None:
        yield f"VIOLATION ({played.violation.kind}): {played.violation.about}"
