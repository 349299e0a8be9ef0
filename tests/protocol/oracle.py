"""What must hold after every step, judged by the objects in the store and by what was promised.

The first thing that does not hold ends the schedule.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from archive import FAILED, FRAMES_A_GOP, Archive
from promises import Covered, Promises, Reading
from reading import Reader, bits, with_flipped_bit
from view import SUCCESS, View, view_of
from world import Violation, World

from fleet.core.interval import epoch_of
from fleet.core.receipt import Receipt

_TELLING = ("frames/", "detections/", "errors/", "_done/manifest-", "_done/pack-", SUCCESS)
_VIDEOS = "_VIDEOS.parquet"
_TAKES_UP = {"fleet requeue": "*", "fleet run --retry-failed": FAILED}
"""The commands that take losses up, and the names of those that each may."""


class Oracle:
    """Watches the objects of an output, and what was promised about them."""

    def __init__(self, world: World, archive: Archive) -> None:
        self.was_whole = False
        """Whether all was there, once and as put, at some moment since somebody said False here."""
        self._archive = archive
        self._world = world
        self._objects = world.objects
        self._fail = world.fail
        self._reader = Reader()
        self.view = view_of(self._objects.now, self._reader)
        before = self._objects.now.get(_VIDEOS)
        self._videos_before = before.data if before else b""
        self._promises = Promises()
        self._damaged: dict[str, Covered] = {}
        """Objects whose bits were flipped on purpose, and what is covered by what they are of."""
        self._whole: dict[str, bytes] = {}
        """What those objects held before."""
        self._given_up: set[str] = set()
        world.witness = self
        world.damage = self._damage
        self._promise({key: self.view.covered.get(key, 0) for key in archive.wanted()})

    def _promise(self, more: Mapping[tuple[str, str], int]) -> None:
        self._promises.promise(more, self._world.now_s)

    def _check_put(self, who: str, verb: str, name: str, before: bytes | None) -> None:
        """See that what counts stays as it was put; a put that comes late may mend its bits."""
        now = self._bytes(name)
        if verb == "delete" or name not in self.view.counted or now == before:
            return
        if now == self._whole.get(name):
            del self._whole[name], self._damaged[name], self._world.damaged[name]
        else:
            self._fail(Violation("overwritten", f"{who} writes over {name}, which counts"))

    def _bytes(self, name: str) -> bytes | None:
        stored = self._objects.now.get(name)
        return stored.data if stored else None

    def acknowledge(self, receipt: Receipt) -> None:
        """Take note that a run took in a receipt; it counts where the output is of its epoch."""
        self._check_receipt(receipt)
        if not self.view.number or epoch_of(receipt.lease) == self.view.epoch:
            wanted = self._archive.wanted()
            told = [(i, (i.uri, i.etag)) for i in receipt.intervals if (i.uri, i.etag) in wanted]
            for interval, key in told:
                self._promise({key: bits(interval.start_pts, interval.end_pts)})
            self._check(f"a run that took in the receipt of {receipt.lease}")

    def _check_receipt(self, receipt: Receipt) -> None:
        """See that a receipt tells of what was committed under its name, whoever did that."""
        data = self._bytes(f"frames/part-{receipt.lease}.parquet")
        if data is None or receipt.lease in self._given_up:
            return
        record = self._reader.parse(f"frames/part-{receipt.lease}.parquet", data).record
        parts = {(part["table"], part["name"]) for part in record["parts"]}
        intervals = {tuple(interval) for interval in record["intervals"]}
        told = {(i.uri, i.etag, i.start_pts, i.end_pts) for i in receipt.intervals}
        if parts - {(part.table, part.name) for part in receipt.parts} or intervals != told:
            about = f"a run takes in a receipt of {receipt.lease} that is not that of its commit"
            self._fail(Violation("receipt", about))

    def changed(self, who: str, verb: str, name: str, before: bytes | None) -> None:
        """See Witness."""
        if not name.startswith(_TELLING):
            return
        self._check_put(who, verb, name, before)
        if verb == "delete" and name in self.view.counted and name not in self._given_up:
            self._fail(Violation("deleted", f"{who} deletes {name}, which counts"))
        old, self.view = self.view, view_of(self._objects.now, self._reader)
        if self.view.number != old.number:
            self._turn(old, who)
        self._check(who)
        self.was_whole = self.was_whole or self.is_whole()

    def _turn(self, old: View, who: str) -> None:
        """Judge a new manifest against the one before it."""
        new, why = self.view, self.view.manifest["why"]
        if why in _TAKES_UP:
            lost = self._lost(old, _TAKES_UP[why])
            self._promises.forget(
                {key: lost.get(key[0], 0) & ~new.covered.get(key, 0) for key in self._promises.kept}
            )
        if self._world.lags and why == "fleet run" and not new.is_closed:
            # A run that takes over does again what its listings did not show.
            self._promises.forget({key: ~new.covered.get(key, 0) for key in self._promises.kept})
        if new.is_closed and why == "fleet run":
            for key, span in self._archive.wanted().items():
                if span & ~new.covered.get(key, 0):
                    self._fail(
                        Violation("closed", f"{who} closes the output without all of {key[0]}")
                    )
            self._promise(self._archive.wanted())
        for name in [name for name in self._damaged if name not in new.counted]:
            spans, readers = self._damaged.pop(name), self._world.damaged.pop(name)
            del self._whole[name]
            is_kept = any(span & new.covered.get(key, 0) for key, span in spans.items())
            if is_kept and who in readers:
                self._fail(Violation("laundered", f"{who} vouches for what was in {name}"))

    def _lost(self, view: View, names: str) -> dict[str, int]:
        """Return the frames of the GOPs that have losses of some names, by video."""
        found: dict[str, int] = {}
        gop = (1 << FRAMES_A_GOP) - 1
        for loss in (loss for loss in view.losses if fnmatchcase(loss.name, names)):
            span = sum(gop << at for at in range(0, 64, FRAMES_A_GOP) if loss.frames & (gop << at))
            found[loss.uri] = found.get(loss.uri, 0) | span
        return found

    def _check(self, who: str) -> None:
        view = self.view
        wrong = [text for text in view.wrong if not any(name in text for name in self._given_up)]
        if wrong:
            self._fail(Violation("wrong", f"after what {who} did: {wrong[0]}"))
        for key, span in self._promises.kept.items():
            if span & ~view.covered.get(key, 0):
                frames = _frames(span & ~view.covered.get(key, 0))
                self._fail(Violation("lost", f"after what {who} did, {key[0]} lacks {frames}"))
        if altered := view.altered - self._damaged.keys():
            self._fail(Violation("altered", f"{min(altered)} counts, and is not as it was put"))
        for loss in view.losses:
            if loss.frames & ~self._archive.damaged(loss.uri):
                about = f"frames of {loss.uri} are given up as {loss.name}, and are not damaged"
                self._fail(Violation("given up", about))
        self._check_marker()

    def _check_marker(self) -> None:
        stored = self._objects.now.get(SUCCESS)
        marker = self._reader.parse(SUCCESS, stored.data).record if stored else {}
        if not self.view.number or marker.get("manifest") != self.view.number:
            return
        for line in marker["receipts"]:
            name = f"frames/part-{line['lease'] if 'lease' in line else 'pack-' + line['pack']}.parquet"
            if name not in self.view.counted | self._given_up:
                self._fail(
                    Violation("marker", f"{SUCCESS} vouches for {name}, which does not count")
                )

    def is_whole(self) -> bool:
        """Return whether all that is wanted is there, once and as it was put.

        In an output that is open, and in which a run has put what it found in the archive, that is
        all of the archive; else it is what the output says is wanted.
        """
        stored = self._objects.now.get(_VIDEOS)
        if stored is None or self._damaged or self.view.wrong or self.view.altered:
            return False
        rows = self._reader.parse(_VIDEOS, stored.data).leases
        is_begun = not self.view.is_closed and stored.data != self._videos_before
        wanted = self._archive.wanted() if is_begun else {}
        if any(span & ~self.view.covered.get(key, 0) for key, span in wanted.items()):
            return False
        return all(
            not bits(row["start_pts"], row["end_pts"])
            & ~self.view.covered.get((row["uri"], row["etag"]), 0)
            for row in rows
        )

    def begin_reading(self) -> Reading:
        """Take note of what is promised to somebody who begins to read."""
        return self._promises.begin_reading(self._world.now_s, closed=self.view.is_closed)

    def end_reading(
        self, reading: Reading, frames: Mapping[str, int], lost: Mapping[str, int]
    ) -> None:
        """Judge what was read: the frames with rows, and those in errors/, by video."""
        self.drop_reading(reading)
        seen = {uri: frames.get(uri, 0) | lost.get(uri, 0) for uri in frames.keys() | lost.keys()}
        if found := self._promises.unseen(reading, seen, self._world.lagged_s(reading.began_s)):
            about = f"a reader does not see {_frames(found[1])} of {found[0]}"
            self._fail(Violation("unseen", about))

    def drop_reading(self, reading: Reading) -> None:
        """Expect nothing of a reading that did not come to its end."""
        self._promises.drop_reading(reading)

    @property
    def has_damage(self) -> bool:
        """Whether bits of objects that count were flipped on purpose."""
        return bool(self._damaged)

    def _damage(self) -> str:
        """Flip a bit of an object that counts; return its name, empty where there is none."""
        parts = sorted(name for name in self.view.counted if not name.startswith("_"))
        if not parts or self._damaged:
            return ""
        name = parts[len(parts) // 2]
        self._damaged[name] = self._covered_with(self.commit_of(name))
        self._whole[name] = data = self._objects.now[name].data
        altered = with_flipped_bit(data)
        self._reader.take_for(name, data, altered)
        self._world.damaged[name] = set()
        self._objects.write(name, altered)
        self.view = view_of(self._objects.now, self._reader)
        return name

    def commit_of(self, name: str) -> str:
        """Return the frames part that makes an object count."""
        for other in self.view.counted:
            if other.startswith("frames/"):
                parts = self._reader.parse(other, self._objects.now[other].data).record["parts"]
                if name in {other, *(f"{part['table']}/{part['name']}" for part in parts)}:
                    return other
        raise AssertionError(f"{name} does not count")

    def _covered_with(self, commit: str) -> Covered:
        objects = dict(self._objects.now)
        del objects[commit]
        without = view_of(objects, self._reader).covered
        return {key: span & ~without.get(key, 0) for key, span in self.view.covered.items()}

    def give_up(self, commit: str) -> None:
        """Let somebody delete a commit, as `fleet verify` says: what it covers is to be redone."""
        self._promises.forget(self._covered_with(commit))
        name = commit.removeprefix("frames/part-").removeprefix("pack-").removesuffix(".parquet")
        self._given_up |= {commit, name}


def _frames(span: int) -> str:
    numbers = [str(number) for number in range(64) if span >> number & 1]
    return f"frame{'s' * (len(numbers) > 1)} {', '.join(numbers)}"
