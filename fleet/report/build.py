"""From an output to its page: everything is read, nothing is changed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.core.format import duration, plural, size
from fleet.report.activity import Activity, clock_time, laid_out, works_of
from fleet.report.cards import MOST_PER_LABEL, OTHERS, Card, in_order, make_cards, rule
from fleet.report.coverage import covered
from fleet.report.findings import Choice, has_scores
from fleet.report.found import find
from fleet.report.page import Effort, Origin, Page, render
from fleet.storage import Folder
from fleet.table.diaries.diaries import Noted
from fleet.table.state.read import open_tables
from fleet.table.state.state import TableState
from fleet.table.state.video_table import name_of
from fleet.table.status import Status, read_status
from fleet.table.table import Table
from fleet.version import __version__

MOST_BYTES = 8_000_000
"""A page is not larger, whatever the output holds."""
PAGE = "report.html"
"""Its name beside the tables of an output."""
STRIPS = 200
"""Videos whose strip is drawn."""
THRESHOLD = 0.5
"""Where neither the caller nor the job says it."""
_NO_PICTURES = 3_500_000
"""So large the rest of a page may be before strips are left out."""


@dataclass(frozen=True)
class Asked:
    """What a report is asked for."""

    output: str
    threshold: float | None = None
    """Boxes of this score or more count as sure; None for the job's own threshold."""
    seed: int = 0
    """Chooses the pictures."""
    price_per_device_hour: float | None = None


@dataclass(frozen=True)
class Report:
    """A report that was made."""

    html: bytes
    rows: int
    pictures: int
    left_out: int

    def said(self, place: str) -> str:
        """Return a line on a report that was put in some place."""
        pictures = plural(self.pictures, "picture")
        return f"{place}: {plural(self.rows, 'row')}, {pictures}, {size(len(self.html))}"


def make_report(asked: Asked, clock: Clock = SYSTEM_CLOCK) -> Report:
    """Return the report of an output, whether its job is over or goes on.

    Raises UsageError where there is no output, OutputCorruptError where it is damaged, StorageError
    where it cannot be read, or its parts are exchanged meanwhile.
    """
    table = Table.open(asked.output)
    state = table.state()
    status = read_status(table, clock, state)
    tables = open_tables(table.folder, table.job, state)
    videos = list(table.videos().values())
    choice = _choice(asked, status)
    zone = str(table.job.fields.get("time_zone") or "UTC")
    known_s = {name_of(video.uri): video.video_s for video in videos}
    found = find(tables, known_s, choice, zone)
    diaries = table.runs.diaries.read()
    activity = laid_out(works_of(state, diaries), _nodes(status, diaries))
    schema = tables.table(table.job.table).schema
    page = Page(
        title=f"Report of the job {table.job.fields.get('job', table.job.table)}",
        made=f"Made {clock_time(clock.unix_s())} UTC by Fleet {__version__}.",
        coverage=covered(status, tables, videos),
        findings=found,
        zone=zone,
        recorded_from=_recorded_from(status),
        threshold=choice.threshold,
        least=choice.threshold if choice.is_recorded_below and has_scores(schema) else 0.0,
        rule=rule(found, choice, tables),
        cards=(),
        left_out=0,
        strips=found.strips,
        activity=activity,
        effort=_effort(asked, status, activity),
        origin=_origin(asked, status, state, choice),
    )
    return _fitted(page, make_cards(tables, found, choice))


def put_report(asked: Asked, clock: Clock = SYSTEM_CLOCK) -> str:
    """Put the report of an output beside its tables, and return where it lies and what it holds.

    Raises what `make_report` raises.
    """
    made, folder = make_report(asked, clock), Folder(asked.output)
    folder.put(PAGE, made.html)
    return made.said(f"{folder.uri}/{PAGE}")


def _choice(asked: Asked, status: Status) -> Choice:
    recorded = _recorded_from(status)
    threshold = asked.threshold
    if threshold is None:
        threshold = THRESHOLD if recorded is None else recorded
    return Choice(
        seed=asked.seed,
        threshold=threshold,
        is_recorded_below=recorded is None or recorded < threshold,
        per_label=MOST_PER_LABEL,
        others=OTHERS,
        strips=STRIPS,
    )


def _recorded_from(status: Status) -> float | None:
    """Return the job's own threshold; None where it has none."""
    params = status.job.fields.get("params")
    try:
        return float(params["threshold"]) if isinstance(params, dict) else None
    except (KeyError, ValueError, TypeError):
        return None


def _nodes(status: Status, diaries: Mapping[str, Sequence[Noted]]) -> dict[str, str]:
    seen = {device.name: device.node for run in status.runs for device in run.devices}
    noted = [item for several in diaries.values() for item in several if item.node]
    return seen | {item.device: item.node for item in noted}


def _fitted(page: Page, cards: Sequence[Card]) -> Report:
    """Return the page with as many strips and pictures as it has room for."""
    strips = list(page.strips)
    bare = render(page)
    while len(bare) > _NO_PICTURES and strips:
        strips = strips[: len(strips) // 2]
        page = replace(page, strips=strips)
        bare = render(page)
    kept: list[Card] = []
    room = MOST_BYTES - len(bare)
    for card in cards:
        taken = len(card.shown.jpeg) * 4 // 3 + 2_000
        if taken <= room:
            room -= taken
            kept.append(card)
    while True:
        ordered = in_order(kept)
        html = render(replace(page, cards=ordered, left_out=len(cards) - len(kept)))
        if len(html) <= MOST_BYTES or not kept:
            return Report(html, page.findings.rows, len(kept), len(cards) - len(kept))
        kept = kept[: len(kept) * 3 // 4]


def _effort(asked: Asked, status: Status, activity: Activity | None) -> Effort:
    total, runs = status.total, status.runs
    facts = [("leases committed", f"{status.leases:,}")]
    if activity is not None:
        busy = f"{duration(activity.busy_s)} of {plural(activity.devices, 'device')}"
        facts.append(("time at work", f"{busy}, within {duration(activity.wall_s)}"))
        per_s = status.total.frames / activity.wall_s if activity.wall_s else 0
        facts.append(("speed", f"{per_s:,.1f} frames/s"))
        if asked.price_per_device_hour is not None:
            price = activity.busy_s / 3600 * asked.price_per_device_hour
            each = f"at {asked.price_per_device_hour:g} a device hour"
            facts.append(("price", f"{price:,.2f}, {each}, of the time at work"))
    facts.append(("read", size(total.bytes_read)))
    facts.append(("packets", f"{total.fed:,} decoded of {total.fetched:,} fetched"))
    if runs:
        facts.append(("runs on record", f"{len(runs):,}"))
        facts.append(("backup tasks", f"{sum(run.backups for run in runs):,}"))
        wasted_s = sum(run.wasted_s for run in runs)
        facts.append(("spent in vain", f"{duration(wasted_s)} on attempts that came to nothing"))
        facts.append(("devices lost", f"{sum(run.devices_lost for run in runs):,}"))
    return Effort(facts, _longest(total.host_s), _longest(total.chip_s))


def _longest(seconds: object) -> list[tuple[str, float]]:
    assert isinstance(seconds, dict)
    return sorted(((n, s) for n, s in seconds.items() if s > 0), key=lambda item: -item[1])


def _origin(asked: Asked, status: Status, state: TableState, choice: Choice) -> Origin:
    job = status.job
    facts = [("output", status.uri), ("job", str(job.fields.get("job", job.table)))]
    facts.append(("job's digest", job.digest))
    params = job.fields.get("params")
    named = params.items() if isinstance(params, dict) else ()
    facts += [(f"parameter {name}", str(value)) for name, value in named]
    shown = ("sample", "soc", "partitions", "rotation", "providers", "start", "time_zone", "code")
    facts += [(name, str(job.fields[name])) for name in shown if job.fields.get(name)]
    versions = sorted({job.version, *state.records["version"].unique().to_pylist()})
    facts.append(("Fleet", ", ".join(versions)))
    for run in status.runs[-1:]:
        facts.append(("inputs", ", ".join(run.inputs)))
        facts.append(("last run", f"{run.holder}; {run.state}"))
    models: dict[str, str] = {}
    for text in state.records["models"].unique().to_pylist():
        models |= json.loads(text)
    again = ["fleet", "report", status.uri, "--seed", str(asked.seed)]
    again += ["--threshold", f"{choice.threshold:g}"] if asked.threshold is not None else []
    commands = [
        ("makes this page again", shlex.join([*again, "--out", "report.html"])),
        ("proves that all is there", shlex.join(["fleet", "verify", status.uri])),
        ("says how far it is", shlex.join(["fleet", "status", status.uri])),
    ]
    return Origin(facts, sorted(models.items()), commands)
