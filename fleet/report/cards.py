"""Which of the chosen frames become pictures, in which order, and what is said of them."""

from __future__ import annotations

import math
import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fleet.core.format import short
from fleet.report.boxes import Box
from fleet.report.choice import Chosen
from fleet.report.findings import BORDER, Choice, Findings, has_scores
from fleet.report.pictures import Shown, round_robin, show_frames
from fleet.report.rows import NONE, Key
from fleet.table.parts.schema import DETECTIONS
from fleet.table.state.read import Tables

LEAST_PER_LABEL, MOST_PER_LABEL, ALL_LABELS = 3, 6, 36
"""Pictures of a label, and of all labels together."""
OTHERS = 6
"""Pictures of frames with nothing found, and of borderline boxes, each."""
_MOST_SAID = 4
_LONGEST = 60
"""Characters of a label that a picture repeats."""
NOTHING = "nothing found"


@dataclass(frozen=True)
class Card:
    """A picture of the page, and what is said of it."""

    group: str
    """What it was chosen for."""
    place: int
    """Where it stands on the page: by the first thing that it was chosen for."""
    labels: tuple[int, ...]
    """The numbers of the labels that are in it; empty for a frame without a row."""
    shown: Shown
    said: str
    """What was found in it, in words."""
    paths: Mapping[str, str]
    """Column taken from paths -> the video's value."""
    command: str
    """Shows the frame."""
    focused: Callable[[Box], bool]
    """Whether a box is what the picture was chosen for, and stays whatever the filters say."""


@dataclass(frozen=True)
class _Group:
    title: str
    chosen: Sequence[Chosen]
    label: int = 0
    """The number of its label, where it is of one."""
    is_borderline: bool = False


def per_label(labels: int) -> int:
    """Return how many pictures each of so many labels gets."""
    return min(MOST_PER_LABEL, max(LEAST_PER_LABEL, ALL_LABELS // max(1, labels)))


def make_cards(tables: Tables, found: Findings, choice: Choice) -> list[Card]:
    """Return the pictures, those that are to stay where room is short first."""
    groups = _groups(found, choice)
    wanted: dict[Key, Chosen] = {}
    groups_of: defaultdict[Key, list[int]] = defaultdict(list)
    for chosen in round_robin([group.chosen for group in groups]):
        wanted.setdefault((found.uris[chosen.video], chosen.frame), chosen)
    for place, group in enumerate(groups):
        for chosen in group.chosen:
            groups_of[found.uris[chosen.video], chosen.frame].append(place)
    schema = tables.table(tables.job.table).schema
    has_boxes = tables.job.table == "detections" and set(DETECTIONS.names) <= set(schema.names)
    cards = []
    for shown in show_frames(tables, list(wanted.items())):
        places = groups_of[shown.uri, shown.frame]
        several = [groups[place] for place in places]
        cards.append(
            _card(shown, several, places[0], tables.uri, found, choice, has_boxes=has_boxes)
        )
    return cards


def in_order(cards: Sequence[Card]) -> list[Card]:
    """Return cards as they stand on the page: by what they were chosen for."""
    return sorted(cards, key=lambda card: card.place)


def rule(found: Findings, choice: Choice, tables: Tables) -> str:
    """Return in words how the pictures were chosen."""
    schema = tables.table(tables.job.table).schema
    count = per_label(len(found.labels))
    of = "each label" if found.labels[0] else "the frames with rows"
    sure = f" in boxes of {choice.threshold:g} or more" if has_scores(schema) else ""
    border = ""
    if has_scores(schema):
        edge, side = choice.threshold, "below" if choice.is_recorded_below else "above"
        border = f", {OTHERS} with a box within {BORDER:g} {side} {edge:g} (drawn dashed)"
        if not choice.is_recorded_below:
            border += ", as nothing below was recorded"
    return (
        f"A sample by chance, the same for the seed {choice.seed} however rows lie: up to {count} "
        f"frames of {of}{sure}, {OTHERS} in which nothing was found{border}."
    )


def _title(label: str, found: Findings) -> str:
    return short(label or found.table, _LONGEST)


def _groups(found: Findings, choice: Choice) -> list[_Group]:
    count = per_label(len(found.labels))
    groups = [
        _Group(_title(label, found), sample[:count], number)
        for number, (label, sample) in enumerate(zip(found.labels, found.samples, strict=True))
    ]
    side = "below" if choice.is_recorded_below else "above"
    groups.append(
        _Group(f"a box just {side} {choice.threshold:g}", found.borderline, is_borderline=True)
    )
    groups.append(_Group(NOTHING, found.nothing))
    return groups


def _card(
    shown: Shown,
    groups: Sequence[_Group],
    place: int,
    output: str,
    found: Findings,
    choice: Choice,
    *,
    has_boxes: bool,
) -> Card:
    numbers = {label: number for number, label in enumerate(found.labels)}
    last = len(found.labels) - 1
    labels = {numbers.get(box.label, last) for box in shown.boxes}
    if not labels and not any(group.title == NOTHING for group in groups):
        labels = {group.label for group in groups}
    is_borderline = any(group.is_borderline for group in groups)

    def focused(box: Box) -> bool:
        return is_borderline and box.score is not None and choice.is_next_to(box.score)

    return Card(
        ", ".join(dict.fromkeys(group.title for group in groups)),
        place,
        tuple(sorted(labels)),
        shown,
        _said(shown, choice) if has_boxes else "",
        {column: of.get(shown.uri, NONE) for column, of in found.path_of_video.items()},
        show_command(output if has_boxes else "", shown),
        focused,
    )


def _said(shown: Shown, choice: Choice) -> str:
    sure = [box for box in shown.boxes if box.score is None or box.score >= choice.threshold]
    counts = Counter(box.label for box in sure).most_common()
    words = [f"{short(label, _LONGEST)} {count}" for label, count in counts[:_MOST_SAID]]
    if len(counts) > _MOST_SAID:
        words.append(f"{len(counts) - _MOST_SAID} other labels")
    unsure = len(shown.boxes) - len(sure)
    if unsure:
        words.append(f"{unsure} below {choice.threshold:g}")
    return ", ".join(words) or NOTHING


def show_command(output: str, shown: Shown) -> str:
    """Return the line that opens a frame: with its boxes, or without an output the frame alone."""
    # A thousandth later than the frame may be: the moment before it shows another one.
    at = f"{math.ceil(shown.time_s * 1000) / 1000:.3f}".rstrip("0").rstrip(".")
    head = ["fleet", "show", output, "--uri", shown.uri] if output else ["fleet", "view", shown.uri]
    return shlex.join([*head, "--at", at, "--out", "frame.png"])
