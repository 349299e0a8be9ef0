"""A device of two cores decodes ahead of the job: what comes of a lease is the same."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from exact import pixels
from excerpt import excerpt
from pixel_leases import GOP, NAMES, TIMEOUT_S, opened, rows, wait_until

import fleet
from fleet import Device, FrameBatch, FrameJob, Rows
from fleet.ascend.figures.footprint import given_bytes
from fleet.ascend.soc import CHIPS
from fleet.ascend.surface import frame_of
from fleet.core.fault import Fault
from fleet.core.receipt import Receipt
from fleet.executors.ray.actor import DeviceActor, as_actor
from fleet.plan.order import LeaseOrder
from fleet.storage import Reader
from fleet.worker.fault_injection import Injection
from fleet.worker.outcome import Gone
from fleet.worker.prefetch import FetchPool
from fleet.worker.widening import Widening

FRAMES = 150


@dataclass(frozen=True)
class Digests(FrameJob):
    """The digest of each picture; of frame `never` it raises."""

    never: int = -1

    table: ClassVar[str] = "digests"
    schema: ClassVar[pa.Schema] = pa.schema([("digest", pa.string())])
    batch: ClassVar[int] = 4

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Look at a batch."""
        del opened
        if self.never in batch.frames:
            raise ZeroDivisionError(f"frame {self.never}")
        digests = [pixels(frame_of(picture)) for picture in batch.pictures]
        return Rows(np.arange(len(batch), dtype=np.int32), {"digest": digests})


def tables(job: Digests, video: Path, output: Path, sample: str, cores: int) -> dict[str, Any]:
    """Run a job inline; return its parts, row by row as they lie there, by table and name."""
    asked = fleet.Job(
        job, video, output, sample, devices=1, cores_per_device=cores, lease_s=0.5, fallback="cpu"
    )
    assert fleet.run(asked, on="inline").exit_code in {0, 3}
    return {
        str(part.relative_to(output)): pq.read_table(part).to_pylist()
        for table in ("digests", "errors", "frames")
        for part in (output / table).glob("part-*.parquet")
    }


@pytest.fixture(scope="module")
def damaged(town: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three GOPs of a real clip, with a hole over the end of one and the beginning of the next."""
    path = excerpt(town, FRAMES, tmp_path_factory.mktemp("damaged") / "town.mp4")
    data = bytearray(path.read_bytes())
    data[400_000:700_000] = bytes(300_000)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("clip", "sample"),
    [
        ("town", "every=10,to_s=4"),
        ("town_hevc", "every=5,to_s=5"),
        ("town_mkv", "fps=2,to_s=8"),
        ("damaged", "every=5"),
    ],
)
def test_rows_are_the_same_on_one_core_and_on_two(
    clip: str, sample: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Parts of all tables, in their order; of a damaged clip, losses among them."""
    video = request.getfixturevalue(clip)
    one, two = (tables(Digests(), video, tmp_path / f"{n}", sample, n) for n in (1, 2))
    assert one == two
    assert any(map(len, one.values()))
    lost = [row for name, part in one.items() if name.startswith("errors") for row in part]
    assert bool(lost) == (clip == "damaged")


def test_a_frame_that_the_job_fails_on_is_named(town_hevc: Path, tmp_path: Path) -> None:
    """It alone, whatever was decoded by then."""
    one, two = (
        tables(Digests(never=20), town_hevc, tmp_path / f"{n}", "every=10,to_s=4", n)
        for n in (1, 2)
    )
    assert one == two
    (error,) = (row for name, part in two.items() if name.startswith("errors") for row in part)
    assert "frame 20" in error["message"]
    assert error["frames"] == 1
    frames = [row["frame"] for name, part in two.items() if "frames" in name for row in part]
    assert 20 not in frames
    assert {10, 30} <= set(frames)


def threads_that_decode() -> list[threading.Thread]:
    """Return the threads that decode ahead."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_pictures_are_decoded_while_the_job_looks_at_others(
    made: LeaseOrder, tmp_path: Path
) -> None:
    """By a thread of their own; on one core there are those of a batch, and what came with it."""
    one_bytes = given_bytes(CHIPS["Ascend310"], made.shards[0].stream, on_host=False)
    seen: list[int] = []

    def pictures() -> int:
        memory = worker._device.device.memory
        return memory.by_holder().get("vdec picture", 0) // one_bytes

    def look(frame: int) -> None:
        if not frame and worker._spec.cores > 1:
            wait_until(lambda: pictures() >= 5, "no picture was decoded ahead")
        seen.append(pictures())

    for cores in (1, 2):
        seen.clear()
        with opened(tmp_path / f"{cores}", look, cores=cores) as worker:
            assert isinstance(worker.run(made), Receipt)
            assert len(threads_that_decode()) == cores - 1
            assert pictures() == 0
        assert max(seen) <= (4 if cores == 1 else 8)
        wait_until(lambda: not threads_that_decode(), "the thread outlived its worker")
    assert rows(tmp_path / "1") == rows(tmp_path / "2")


def test_losses_are_the_same_where_a_second_core_comes_late(
    damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a clip with a hole in it, all parts, in their order."""

    def late(own: Any, _: Any, ahead: Any) -> Widening:
        asked = count()
        return Widening(own, lambda: next(asked) >= 9, ahead)

    one = tables(Digests(), damaged, tmp_path / "one", "every=5", 1)
    monkeypatch.setattr("fleet.worker.pipeline.Widening", late)
    assert tables(Digests(), damaged, tmp_path / "two", "every=5", 1) == one
    assert any(name.startswith("errors") and part for name, part in one.items())


def test_a_device_that_is_gone_ends_the_lease_from_either_thread(
    made: LeaseOrder, tmp_path: Path
) -> None:
    """As gone, not as a loss; nothing of it is held, and nothing is committed."""
    shard = made.shards[1]
    lost = Injection("lose", shard.source.uri, int(shard.packets.pts[GOP]))
    with opened(tmp_path / "out", cores=2, injections=(lost,)) as worker:
        assert isinstance(worker.run(made), Gone)
        assert "vdec picture" not in worker._device.device.memory.by_holder()
    assert not rows(tmp_path / "out")


@pytest.mark.parametrize("kind", ["raise", "memory"])
def test_what_the_decoding_thread_raises_is_the_fault_of_the_lease(
    kind: Any, made: LeaseOrder, tmp_path: Path
) -> None:
    """And the worker goes on with the next one."""
    shard = made.shards[0]
    at = Injection(kind, shard.source.uri, int(shard.packets.pts[GOP]))
    with opened(tmp_path / "out", cores=2, injections=(at,)) as worker:
        fault = worker.run(made)
        assert isinstance(fault, Fault)
        assert fault.name == ("ArithmeticError" if kind == "raise" else "RuntimeError")
        assert "_packet" in fault.detail
        rest = LeaseOrder(NAMES([made.shards[1].interval]), made.shards[1:])
        assert isinstance(worker.run(rest), Receipt)


class Held(Reader):
    """A reader whose store does not answer for one video, until it is let."""

    asked, let = threading.Event(), threading.Event()

    def read(self, offset: int, length: int) -> bytes:
        """Read, once it may."""
        if self.source.uri.endswith("b.mp4"):
            self.asked.set()
            assert self.let.wait(TIMEOUT_S)
        return super().read(offset, length)


def test_an_interrupt_ends_a_lease_while_the_other_thread_waits_for_bytes(
    made: LeaseOrder, tmp_path: Path
) -> None:
    """As Ctrl-C does where devices are in this process: at once, with nothing held."""

    def interrupt(_: int) -> None:
        assert Held.asked.wait(TIMEOUT_S)
        raise KeyboardInterrupt

    with opened(tmp_path / "out", interrupt, cores=2) as worker:
        worker._readers = FetchPool(Held)
        try:
            with pytest.raises(KeyboardInterrupt):
                worker.run(made)
            assert not Held.let.is_set()
            assert "vdec picture" not in worker._device.device.memory.by_holder()
        finally:
            Held.let.set()
    assert not rows(tmp_path / "out")


def test_a_device_is_told_of_its_cores_to_ray() -> None:
    """Of one core it asks for none, as devices share out those of their node."""
    asked = [as_actor(DeviceActor, cores)._default_options["num_cpus"] for cores in (1, 2)]
    assert asked == [0, 2]
