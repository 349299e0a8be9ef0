"""The end of a schedule: trouble is over, and the job is run once more, as its user would do.

It has to close the output with all that is wanted, `verify` has to prove that, and nothing may be
left that does not count.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from archive import FAILED, REFUSED
from oracle import Oracle
from view import SUCCESS
from world import Violation, World

from fleet.errors import FleetError, OutputBusyError, OutputCorruptError
from fleet.table.state.lock import LEADER_LOCK
from fleet.table.state.video_table import VIDEOS_OBJECT

if TYPE_CHECKING:
    from commands import Doing

_LATER_S = 200.0
"""By then no record of a run looks fresh."""
_ENDS = {False: {"done"}, True: {"lost", "lost_in_part"}}
"""How a video ends, by whether something of it is lost."""
_COMMIT = re.compile(r"Delete (\S+), and run")


def heal(world: World, oracle: Oracle, doing: Doing) -> None:
    """Bring the output to its good end, and judge that."""
    process = world.process("the last run", "last")

    def end() -> None:
        world.sleep(_LATER_S)
        try:
            _Healing(world, oracle, doing).heal()
        except FleetError as error:
            world.fail(Violation("not healed", f"{type(error).__name__}: {error}"))
        process.is_alive = False

    world.spawn(process.name, process, end, lasts=True)
    world.run()


class _Healing:
    """What the user does."""

    def __init__(self, world: World, oracle: Oracle, doing: Doing) -> None:
        self._world = world
        self._oracle = oracle
        self._doing = doing
        self._clock = world.clock(world.me.process)

    def heal(self) -> None:
        """Take damage out, run the job, and look whether all is there."""
        if self._oracle.has_damage:
            self._take_damage_out()
        if not self._world.objects.keeps_conditions:
            # There, a lock whose holder died stays until somebody does what its message says.
            self._doing.folder().delete(LEADER_LOCK)
        self._world.say("ends", self._doing.run(self._clock))
        self._judge()
        if self._has_failed() and self._world.objects.keeps_conditions:
            self._world.say("ends", self._doing.retry(self._clock))
            self._judge()
            if self._has_failed():
                self._fail("not mended", "the code is mended, and what it failed on is still lost")

    def _has_failed(self) -> bool:
        return any(loss.name == FAILED for loss in self._oracle.view.losses)

    def _judge(self) -> None:
        view = self._oracle.view
        if (view.number and not view.is_closed) or SUCCESS not in self._world.objects.now:
            self._fail("not closed", "the run has ended well, and the output is not closed")
        self._world.sleep(_LATER_S)
        findings = self._doing.findings(self._clock)
        if findings:
            self._fail("unproven", f"verify finds {findings[0]}")
        self._doing.read()
        self._look_for_garbage()
        self._look_at_the_table_of_videos()

    def _take_damage_out(self) -> None:
        """Delete what `verify` says."""
        try:
            findings = self._doing.findings(self._clock)
        except OutputBusyError:
            # Of a lock whose holder died, the message says that `fleet compact` takes it over.
            with suppress(OutputCorruptError):
                self._doing.compact(self._clock)
            findings = self._doing.findings(self._clock)
        for finding in findings:
            if finding.kind == "altered" and (found := _COMMIT.match(finding.way_out)):
                self._give_up(found[1])

    def _give_up(self, commit: str) -> None:
        self._oracle.give_up(commit)
        self._world.say("deletes", commit)
        self._doing.folder().delete(commit)

    def _look_for_garbage(self) -> None:
        view = self._oracle.view
        for name in sorted(self._world.objects.now):
            folder, _, file = name.partition("/")
            is_part = folder in {"frames", "detections", "errors"} and file != "schema.parquet"
            if (is_part or name.startswith("_done/pack-")) and name not in view.counted:
                self._fail("garbage", f"{name} is left, and does not count")

    def _look_at_the_table_of_videos(self) -> None:
        """See that it has one row for each video, and says of none that it is open."""
        data = self._world.objects.now[VIDEOS_OBJECT].data
        rows = pq.read_table(pa.BufferReader(data), use_threads=False).to_pylist()
        told = sorted((row["uri"], row["etag"]) for row in rows)
        wanted = {source.uri: source.etag for source in self._doing.archive.sources}
        listed = [pair for pair in told if pair[0] in wanted]
        if listed != sorted(wanted.items()) or len({uri for uri, _ in told}) != len(told):
            self._fail("videos", f"the table of videos has {told}, and the archive {wanted}")
        for row in rows:
            lost = any(loss.uri == row["uri"] for loss in self._oracle.view.losses)
            right = {"refused"} if row["uri"] == REFUSED else _ENDS[lost]
            if row["status"] not in right:
                self._fail("videos", f"{row['uri']} is {row['status']}, and should be {right}")

    def _fail(self, kind: str, about: str) -> None:
        self._world.fail(Violation(kind, about))
