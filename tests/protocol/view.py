"""What an output holds, by its objects alone: the rules of the format, written down a second time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reading import Loss, Parsed, Reader, bits
from simulated_store import Stored

SUCCESS = "_SUCCESS.json"
_MANIFEST = re.compile(r"_done/manifest-([0-9]{6})\.json")
_LEASE = re.compile(r"frames/part-([0-9a-f]{32})\.parquet")
_PACK = re.compile(r"frames/part-pack-([0-9]{6}-[0-9a-f]{16})\.parquet")
_EPOCH_DIGITS = 6


@dataclass
class View:
    """What counts."""

    manifest: Mapping[str, Any] = field(default_factory=dict)
    """The one with the highest number; empty where there is none."""
    counted: set[str] = field(default_factory=set)
    """The objects that count."""
    altered: set[str] = field(default_factory=set)
    """Those of them whose bytes are not those that their record names."""
    frames: dict[str, int] = field(default_factory=dict)
    """The frames that have rows, by video."""
    covered: dict[tuple[str, str], int] = field(default_factory=dict)
    """The frames that are covered, by video and version."""
    losses: list[Loss] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What may never be."""

    @property
    def number(self) -> int:
        """The number of the manifest, 0 for none."""
        return int(self.manifest.get("number", 0))

    @property
    def epoch(self) -> int:
        """The epoch, 0 for none."""
        return int(self.manifest.get("epoch", 0))

    @property
    def is_closed(self) -> bool:
        """Whether it says that all is there."""
        return bool(self.manifest.get("closed"))


def view_of(objects: Mapping[str, Stored], reader: Reader) -> View:
    """Return what the objects of an output come to."""
    return _Viewing(objects, reader).view


class _Viewing:
    """Looks at the objects, once."""

    def __init__(self, objects: Mapping[str, Stored], reader: Reader) -> None:
        self.view = View()
        self._objects = objects
        self._reader = reader
        self._superseded: set[str] = set()
        self._read_manifest()
        for pack in self._packs():
            self._add_pack(pack)
        for lease in self._leases():
            self._add_lease(lease)

    def _parse(self, name: str) -> Parsed | None:
        stored = self._objects.get(name)
        return None if stored is None else self._reader.parse(name, stored.data)

    def _read_manifest(self) -> None:
        numbers = [int(found[1]) for n in self._objects if (found := _MANIFEST.fullmatch(n))]
        if numbers:
            name = f"_done/manifest-{max(numbers):06}.json"
            parsed = self._parse(name)
            assert parsed is not None
            if parsed.record.get("superseded"):
                self.view.wrong.append(f"{name} is the last one, and says that it is superseded")
                return
            self.view.manifest = parsed.record
            self.view.counted.add(name)

    def _packs(self) -> Iterable[str]:
        if self.view.number:
            return list(self.view.manifest["packs"])
        found = {m[1] for n in self._objects if (m := _PACK.fullmatch(n)) and self._is_whole(n)}
        replaced: set[str] = set()
        leases: dict[str, set[str]] = {}
        for pack in found:
            parsed = self._parse(f"_done/pack-{pack}.parquet")
            assert parsed is not None
            replaced.update(parsed.replaces)
            leases[pack] = {
                n for record in parsed.leases for n in (record["lease"], *record["was"])
            }
        # Of packs that hold the same leases, one counts: that of the most.
        standing: list[str] = []
        for pack in sorted(found - replaced, key=lambda pack: (-self._leases_in(pack), pack)):
            if all(leases[pack].isdisjoint(leases[other]) for other in standing):
                standing.append(pack)
        return sorted(standing)

    def _leases_in(self, pack: str) -> int:
        parsed = self._parse(f"_done/pack-{pack}.parquet")
        assert parsed is not None
        return len(parsed.leases)

    def _leases(self) -> Iterable[str]:
        there = [m[1] for n in self._objects if (m := _LEASE.fullmatch(n))]
        view, manifest = self.view, self.view.manifest
        if view.number:
            listed = set(manifest["leases"])
            current = [] if view.is_closed else [n for n in there if _epoch(n) == view.epoch]
            return sorted({*listed, *current} - self._superseded)
        marker = self._parse(SUCCESS)
        closed = (
            None if marker is None else {line.get("lease") for line in marker.record["receipts"]}
        )
        whole = (n for n in there if self._is_whole(f"frames/part-{n}.parquet"))
        return [n for n in whole if n not in self._superseded and (closed is None or n in closed)]

    def _is_whole(self, name: str) -> bool:
        return not self._missing(name)

    def _missing(self, name: str) -> list[str]:
        """Return what is not there of what a frames part names, itself included."""
        parsed = self._parse(name)
        if parsed is None or not parsed.record:
            return [name]
        missing = []
        for part in parsed.record["parts"]:
            other = self._parse(f"{part['table']}/{part['name']}")
            if other is None or other.size != part["bytes"]:
                missing.append(f"{part['table']}/{part['name']}")
        return missing

    def _add_pack(self, pack: str) -> None:
        name = f"frames/part-pack-{pack}.parquet"
        if missing := self._missing(name):
            self.view.wrong.append(
                f"manifest {self.view.number} lists pack {pack}: no {missing[0]}"
            )
            return
        records = self._parse(f"_done/pack-{pack}.parquet")
        assert records is not None
        for lease in records.leases:
            self._superseded |= {lease["lease"], *lease["was"]}
        intervals = [
            (i["uri"], i["etag"], i["start"], i["end"])
            for r in records.leases
            for i in r["intervals"]
        ]
        self._add(name, intervals)

    def _add_lease(self, lease: str) -> None:
        name = f"frames/part-{lease}.parquet"
        if missing := self._missing(name):
            if lease in self.view.manifest.get("leases", ()):
                self.view.wrong.append(
                    f"manifest {self.view.number} lists {lease}: no {missing[0]}"
                )
            return
        parsed = self._parse(name)
        assert parsed is not None
        self._add(name, [tuple(interval) for interval in parsed.record["intervals"]])

    def _add(self, name: str, intervals: Iterable[tuple[Any, ...]]) -> None:
        """Count a frames part, its siblings, and what they cover."""
        view, parsed = self.view, self._parse(name)
        assert parsed is not None
        view.counted.add(name)
        if parsed.rows_sha256 != parsed.record["frames"]["sha256_before_footer"]:
            view.altered.add(name)
        losses: list[Loss] = []
        for part in parsed.record["parts"]:
            sibling = f"{part['table']}/{part['name']}"
            other = self._parse(sibling)
            assert other is not None
            view.counted.add(sibling)
            losses += other.losses
            if other.sha256 != part["sha256"]:
                view.altered.add(sibling)
        self._check_claim(name, parsed, intervals, losses)
        view.losses += losses

    def _check_claim(
        self, name: str, parsed: Parsed, intervals: Iterable[tuple[Any, ...]], losses: list[Loss]
    ) -> None:
        """See that a part covers what it has rows or losses of, and nothing that others have."""
        view, claimed = self.view, dict[str, int]()
        for uri, etag, start, end in intervals:
            span = bits(start, end)
            claimed[uri] = claimed.get(uri, 0) | span
            view.covered[uri, etag] = view.covered.get((uri, etag), 0) | span
        told = dict(parsed.frames)
        for loss in losses:
            told[loss.uri] = told.get(loss.uri, 0) | (loss.frames & claimed.get(loss.uri, 0))
        if told != claimed:
            view.wrong.append(f"{name} covers {claimed}, and has {told}")
        for uri, span in parsed.frames.items():
            if view.frames.get(uri, 0) & span:
                view.wrong.append(f"{name} has frames of {uri} that are there already")
            view.frames[uri] = view.frames.get(uri, 0) | span


def _epoch(lease: str) -> int:
    return int(lease[:_EPOCH_DIGITS], 16)
