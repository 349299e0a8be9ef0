"""Pair the videos of the truth with those of an output, which may lie in other places."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from itertools import takewhile

from fleet.errors import UsageError


def match_videos(output: Collection[str], truth: Collection[str]) -> dict[str, str]:
    """Return the output's URI for each URI of the truth.

    The same URI is the same video. Else the file name decides, and where several files have that
    name, the folders above them, from the file upwards. Videos without a partner are left out.
    Raises UsageError where there is no pair at all, and where names leave open which video is
    meant.
    """
    by_name: dict[str, list[str]] = defaultdict(list)
    for uri in sorted(output):
        by_name[_parts(uri)[0]].append(uri)
    pairs = {uri: _partner(uri, by_name.get(_parts(uri)[0], [])) for uri in sorted(truth)}
    matched = {uri: partner for uri, partner in pairs.items() if partner is not None}
    if not matched:
        raise UsageError(
            "Truth and output are of different archives: no video of the one is in the other "
            f"(such as {_example(truth)} in the truth, {_example(output)} in the output).",
            "Give the truth of the videos that the output was made from; file names must agree.",
        )
    _check_single(matched)
    return matched


def _partner(uri: str, candidates: list[str]) -> str | None:
    if uri in candidates or not candidates:
        return uri if candidates else None
    likeness = [_alike(uri, candidate) for candidate in candidates]
    best = max(likeness)
    if likeness.count(best) > 1:
        both = [c for c, alike in zip(candidates, likeness, strict=True) if alike == best][:2]
        message = f"{uri} of the truth may be {both[0]} or {both[1]} of the output."
        raise UsageError(message, "Name the folders in the truth as they are in the output.")
    return candidates[likeness.index(best)]


def _check_single(pairs: dict[str, str]) -> None:
    taken: dict[str, str] = {}
    for uri, partner in pairs.items():
        other = taken.setdefault(partner, uri)
        if other != uri:
            message = f"{other} and {uri} of the truth may both be {partner} of the output."
            raise UsageError(message, "Name the folders in the truth as they are in the output.")


def _parts(uri: str) -> list[str]:
    """Return the parts of a location, the file name first."""
    return uri.replace("\\", "/").split("/")[::-1]


def _alike(one: str, other: str) -> int:
    pairs = zip(_parts(one), _parts(other), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _example(uris: Collection[str]) -> str:
    return _parts(min(uris))[0] if uris else "nothing"
