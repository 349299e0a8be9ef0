"""Manifests: which packs and leases an output holds, decided by puts that only one writer can make.

`_done/manifest-<number>.json` says what counts from then on. A manifest is put only where there is
none of its number, so of several writers that act on the same state one wins, and the others find
out before they have deleted anything. The highest number counts. Its epoch is the number of the
manifest by which somebody took the output over for a run: of the leases of that epoch, each counts
as soon as it is committed; of earlier ones those that are listed. So what a worker commits for a
run that was taken over does not count, however late it comes.

An output without any manifest was written by version 0.1, or lies in a store without conditional
puts: there each whole pack and lease counts, and nothing is ever rewritten.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Self

from fleet.core.interval import epoch_of
from fleet.core.json_object import JsonObject, flag, integer, several, text
from fleet.errors import OutputCorruptError
from fleet.storage import Folder
from fleet.table.commits.pack import DONE_FOLDER
from fleet.table.commits.record import verify_checksum, with_checksum
from fleet.table.commits.stored_names import lease_name, pack_name
from fleet.version import __version__

_NAME = re.compile(rf"{DONE_FOLDER}/manifest-([0-9]{{6}})\.json")
_SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Manifest:
    """What an output holds."""

    number: int
    """Counted from 1; 0 stands for an output without manifests."""
    epoch: int
    """The manifest by which the run that is at work, or was last, took the output over."""
    job: str
    """The job's digest."""
    packs: tuple[str, ...] = ()
    """The packs that stand."""
    leases: AbstractSet[str] = frozenset()
    """The leases of earlier epochs, with parts under their own names, that count."""
    closed: bool = False
    """Whether everything that was wanted is there; then no further lease counts."""
    why: str = ""
    """The command that put it."""

    def counts(self, lease: str) -> bool:
        """Return whether a lease counts once it is committed under its own name."""
        if not self.number or lease in self.leases:
            return True
        return not self.closed and epoch_of(lease) == self.epoch

    def to_bytes(self) -> bytes:
        """Write it as it is stored; two calls never write the same."""
        record = {
            "fleet": __version__,
            "job": self.job,
            "number": self.number,
            "epoch": self.epoch,
            "closed": self.closed,
            "why": self.why,
            # So that an answer that was lost is told from another writer's put.
            "mark": uuid.uuid4().hex,
            "packs": list(self.packs),
            "leases": sorted(self.leases),
        }
        return with_checksum(record).encode()

    @classmethod
    def parse(cls, data: bytes, number: int) -> Self | None:
        """Read the one of a number; None where it only says that it is superseded.

        Raises ValueError where it is none.
        """
        raw = JsonObject.of(verify_checksum(data))
        if raw.take(_SUPERSEDED, flag, default=False):
            return None
        found, epoch = raw.take("number", integer), raw.take("epoch", integer)
        if found != number or not 0 <= epoch <= number:
            raise ValueError(f"it is number {found} of epoch {epoch}")
        return cls(
            number,
            epoch,
            raw.take("job", text),
            packs=raw.take("packs", several(pack_name)),
            leases=frozenset(raw.take("leases", several(lease_name))),
            closed=raw.take("closed", flag),
            why=raw.take("why", text),
        )


def manifest_name(number: int) -> str:
    """Return the name of a manifest's object."""
    return f"{DONE_FOLDER}/manifest-{number:06}.json"


def manifest_number(name: str) -> int | None:
    """Return the number in an object's name; None for what is no manifest."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None


def read_manifest(folder: Folder, listed: Iterable[str], last_pack: int) -> Manifest:
    """Return the manifest that counts now.

    `listed`: names of objects, among them manifests; a listing may lag, so later ones are asked for
    by name. `last_pack`: the highest number that a pack has, of which anything is there. Raises
    OutputCorruptError where it cannot be read.
    """
    numbers = [number for name in listed if (number := manifest_number(name))]
    number = max(numbers, default=0)
    found = _read(folder, number) if numbers else None
    while later := _read_last(folder, _next_numbers(number, last_pack)):
        number, found = later
    if isinstance(found, Manifest):
        return found
    if numbers:
        raise OutputCorruptError(
            f"{folder.uri}/{manifest_name(number)} is gone, or says that it is superseded.",
            "No later one is there: restore the objects of _done/ from a copy.",
        )
    return Manifest(0, 0, "")


def has_later(folder: Folder, manifest: Manifest, last_pack: int) -> bool:
    """Return whether a later manifest is there by now.

    `last_pack`: the highest number of a pack that stands.
    """
    later = _next_numbers(manifest.number, last_pack)
    return any(folder.exists(manifest_name(number)) for number in later)


def _next_numbers(number: int, last_pack: int) -> range:
    """Return which numbers the manifest after one can have.

    No number is left out, or two writers could both put a manifest on the same state. The first one
    follows the packs of version 0.1; the last of these may be its own, put a moment before it.
    """
    return range(number + 1, number + 2) if number else range(max(1, last_pack), last_pack + 2)


def _read_last(folder: Folder, numbers: range) -> tuple[int, Manifest | str] | None:
    for number in reversed(numbers):
        found = _read(folder, number)
        if found is not None:
            return number, found
    return None


def _read(folder: Folder, number: int) -> Manifest | str | None:
    """Read a manifest: a text where it is superseded, None where there is none."""
    name = manifest_name(number)
    try:
        return Manifest.parse(folder.read(name), number) or _SUPERSEDED
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise OutputCorruptError(
            f"{folder.uri}/{name} does not say what the output holds: {error!r}.",
            "Delete this object, and run the job's command again: what only it tells of is redone.",
        ) from error


def put_manifest(folder: Folder, manifest: Manifest) -> bool:
    """Put a manifest, unless there is one of its number; return whether it is this one."""
    return folder.create(manifest_name(manifest.number), manifest.to_bytes()) is not None


def supersede(folder: Folder, sizes: Mapping[str, int], latest: int) -> None:
    """Empty manifests that no longer count, given the bytes of objects; their names stay taken."""
    stub = with_checksum({_SUPERSEDED: True}).encode()
    for name, size in sizes.items():
        number = manifest_number(name)
        if number and number < latest - 1 and size > len(stub):
            folder.put(name, stub)
