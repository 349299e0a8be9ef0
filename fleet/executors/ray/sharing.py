"""The jobs of Fleet that share a cluster: each notes there what it wants, and reads the others."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from threading import Event, Lock, Thread

import ray
from ray.exceptions import RayError

# Nothing public keeps a value for a whole cluster but an actor, which would keep a node from going.
from ray.experimental.internal_kv import (
    _internal_kv_del,
    _internal_kv_get,
    _internal_kv_list,
    _internal_kv_put,
    internal_kv_get_gcs_client,
)

from fleet.core.json_object import JsonObject
from fleet.core.run_events import DevicesShared
from fleet.executors.ray.nodes import Held
from fleet.scheduler.placement import UNKNOWN
from fleet.scheduler.shares import Allowance, Claim, Share, first_spent_s, share_of

BEAT_S = 1.0
"""How often a job puts its note anew, and reads those of others."""
GONE_S = 15.0
"""A job whose note was not put anew for so long is gone; by the clock of the one who reads it.

No time counts in which notes could not be read: their jobs could not put them anew either. A job
whose driver the cluster has seen end is gone at once.
"""
_ASK_S = 5.0
"""The cluster has so long to say which drivers have ended."""
_SPACE = b"fleet"
_PREFIX = b"devices/"


@dataclass(frozen=True)
class Note:
    """What a job has put down for the others."""

    claim: Claim
    """What it wants and has; it has a device once that has told its node."""
    unplaced: int
    """Devices that it has asked for and that have not told their node."""
    beat: int
    """Counts how often it was put: who watches it sees from this that the job lives."""
    driver: str = ""
    """Its driver, as the cluster names it; empty where it does not say."""

    def to_bytes(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def of(data: bytes) -> Note:
        """Read a note; raises ValueError where it is none."""
        raw = JsonObject.parse(data)
        return raw.build(Note, claim=raw.take("claim", JsonObject.of).build(Claim))


class Notes:
    """The notes of the jobs that live, by their names; changed only through `read`."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Note, float]] = {}
        self._read_s = 0.0

    def read(self, found: dict[str, Note], now_s: float) -> set[str]:
        """Take in all the notes that there are, and return the names of jobs that are gone."""
        away_s = max(0.0, now_s - self._read_s - 2 * BEAT_S)
        before, self._seen, self._read_s = self._seen, {}, now_s
        for job, note in found.items():
            seen, since_s = before.get(job, (note, now_s))
            # A note that is read for the first time is new now, however long none was read.
            since_s = min(now_s, since_s + away_s) if note.beat == seen.beat else now_s
            self._seen[job] = note, since_s
        return {job for job, (_, since_s) in self._seen.items() if self._is_gone(since_s)}

    def doubtful(self, found: Mapping[str, Note], now_s: float) -> set[str]:
        """Return the names of jobs that may have ended: new ones, and those that stand still."""
        still = {job for job, (_, since_s) in self._seen.items() if now_s - since_s > 2 * BEAT_S}
        return {job for job in found if job in still or job not in self._seen}

    def living(self) -> list[Note]:
        """Return the notes of those that lived when notes were read last."""
        return [note for note, since_s in self._seen.values() if not self._is_gone(since_s)]

    def _is_gone(self, since_s: float) -> bool:
        return self._read_s - since_s > GONE_S


class Alone:
    """What a job may hold of devices that are there for it alone: see Sharing."""

    others_hold = Held()

    def look(self, wants: int, _ours: Counter[str], _devices: int, _now_s: float) -> int:
        """Return what it wants."""
        return wants

    def news(self) -> tuple[DevicesShared, ...]:
        """Return nothing: nobody comes."""
        return ()

    def close(self) -> None:
        """Take nothing back."""


class Sharing:
    """What one job may hold of the devices of a cluster, beside other jobs of Fleet there.

    Its thread puts and reads notes, so that a job is there for the others while its loop waits.
    All else is called from the thread of the pool. `grows`: see Allowance.
    """

    def __init__(self, weight: float, *, grows: bool) -> None:
        self._lock = Lock()
        driver = ray.get_runtime_context().get_job_id()
        self._note = Note(Claim(uuid.uuid4().hex, weight, 0), 0, 0, driver)
        self._notes = Notes()
        self._allowance = Allowance(grows=grows)
        self._share = self._told = Share(0, 0, weight, weight, 1, others_wait=False)
        self._began = False
        self._end = Event()
        self._thread = Thread(target=self._go_on, name="sharing", daemon=True)
        self._beat()
        self._thread.start()

    @property
    def others_hold(self) -> Held:
        """What the other jobs hold, as their notes say that were read last."""
        notes = self._others()
        placed = sum(note.claim.holds for note in notes)
        return Held(placed, sum(note.unplaced for note in notes))

    def _others(self) -> list[Note]:
        with self._lock:
            return self._notes.living()

    def look(self, wants: int, ours: Counter[str], devices: int, now_s: float) -> int:
        """Say what this job wants and has, and return how many devices it may have now.

        `ours`: see Nodes.capacity. `devices`: how many there are for all jobs of Fleet.
        """
        unplaced = ours[UNKNOWN]
        holds = ours.total() - unplaced
        with self._lock:
            claim = replace(self._note.claim, wants=wants, holds=holds)
            self._note = replace(self._note, claim=claim, unplaced=unplaced)
        others = [note.claim for note in self._others()]
        self._share = share_of(claim, others, devices)
        return self._allowance.look(self._share, wants, now_s)

    def news(self) -> Iterator[DevicesShared]:
        """Yield what is to be told, where the share or the number of jobs has changed."""
        now, told = self._share, self._told
        if (now.devices, now.weights, now.jobs) == (told.devices, told.weights, told.jobs):
            return
        if max(now.jobs, told.jobs) > 1:
            yield DevicesShared(now.devices, now.of, now.weight, now.weights, now.jobs)
        self._told = now

    def _go_on(self) -> None:
        while not self._end.wait(BEAT_S):
            self._beat()

    def _beat(self) -> None:
        # While the cluster's head is away, what was read last holds.
        with suppress(RayError):
            self._read()
            with self._lock:
                note = self._note = self._next(self._note)
            _internal_kv_put(_key(note.claim.job), note.to_bytes(), namespace=_SPACE)

    def _next(self, note: Note) -> Note:
        """Return a note as it is put the next time."""
        claim = note.claim
        spent_s = claim.spent_s + claim.holds * BEAT_S / claim.weight
        if not self._began:
            self._began = True
            living = self._notes.living()
            spent_s = first_spent_s(other.claim for other in living)
        return replace(note, claim=replace(claim, spent_s=spent_s), beat=note.beat + 1)

    def _read(self) -> None:
        found = {}
        for key in _internal_kv_list(_PREFIX, namespace=_SPACE):
            job = key.removeprefix(_PREFIX).decode()
            data = _internal_kv_get(key, namespace=_SPACE)
            # One that has ended meanwhile has taken its note along.
            if data is not None and job != self._note.claim.job:
                # A note that another version has put, and that cannot be read, says nothing.
                with suppress(ValueError):
                    found[job] = Note.of(data)
        now_s = time.monotonic()
        with self._lock:
            doubtful = self._notes.doubtful(found, now_s)
        drivers = _ended_drivers() if doubtful else set()
        ended = {job for job in doubtful if found[job].driver in drivers}
        living = {job: note for job, note in found.items() if job not in ended}
        with self._lock:
            gone = self._notes.read(living, now_s)
        for job in gone | ended:
            _internal_kv_del(_key(job), namespace=_SPACE)

    def close(self) -> None:
        """Take the note back: what this job had is for the others."""
        self._end.set()
        self._thread.join()
        # Where the cluster does not answer, the others find the job gone in a while.
        with suppress(RayError):
            _internal_kv_del(_key(self._note.claim.job), namespace=_SPACE)


def _key(job: str) -> bytes:
    return _PREFIX + job.encode()


def _ended_drivers() -> set[str]:
    """Return the drivers whose end the cluster has seen, as it does of one that is killed."""
    client = internal_kv_get_gcs_client()  # type: ignore[no-untyped-call]
    jobs = client.get_all_job_info(
        skip_submission_job_info_field=True, skip_is_running_tasks_field=True, timeout=_ASK_S
    )
    return {number.hex() for number, job in jobs.items() if job.is_dead}
