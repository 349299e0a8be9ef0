"""Headers are looked at in another process: what ends or hangs it costs one video."""

from __future__ import annotations

import io
import mmap
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from multiprocessing import Pipe
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from generate import CODECS, CONTAINERS, Clip, cached
from PIL import Image
from truth import MemoryReader, probed
from watched import Striking, is_running

from fleet.core.source import Source
from fleet.errors import BrokenVideoError, NotAVideoError, StorageError
from fleet.video.index import VideoIndex
from fleet.video.probe import shared_memory
from fleet.video.probe.child import IDLE_S, receive
from fleet.video.probe.sandbox import Probes
from fleet.video.probe.shared_memory import SHARED_BYTES
from fleet.video.probe.wire import index_from_bytes, index_to_bytes


@pytest.fixture(scope="module")
def four() -> Iterator[Probes]:
    """A process with four lines."""
    with closing(Probes(4)) as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where clips are kept."""
    return tmp_path_factory.mktemp("clips")


def apart(made: Probes, data: bytes, name: str = "clip") -> VideoIndex:
    """Index a file in memory in another process."""
    return made.probe(Source(name, len(data), "etag"), MemoryReader(data))


def assert_equal(one: VideoIndex, other: VideoIndex) -> None:
    """All that is known of a video."""
    assert (one.stream, one.container, one.origin) == (other.stream, other.container, other.origin)
    assert (one.source, one.bytes_read) == (other.source, other.bytes_read)
    for name, column in vars(one.packets).items():
        assert np.array_equal(column, getattr(other.packets, name)), name
        assert column.dtype == getattr(other.packets, name).dtype


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("codec", CODECS)
def test_an_index_is_the_same_from_another_process(
    four: Probes, folder: Path, codec: str, container: str
) -> None:
    """Every container, from its header or by a scan."""
    if (codec, container) == ("h265", "avi"):
        codec = "h264"
    clip = Clip(codec=codec, container=container, b_frames=1)  # type: ignore[arg-type]
    data = cached(clip, folder).read_bytes()
    assert_equal(apart(four, data), probed(data))


def test_errors_come_back_as_they_are(four: Probes, folder: Path) -> None:
    """What is no video; and a store that fails, after which the process goes on."""
    with pytest.raises(NotAVideoError, match=r"notes\.mp4: it is a text file") as caught:
        apart(four, b"a note\n" * 100, "notes.mp4")
    assert caught.value.way_out
    data = cached(Clip(container="mkv"), folder).read_bytes()

    class Failing(MemoryReader):
        def read(self, offset: int, length: int) -> bytes:
            raise StorageError(f"the store does not answer for {length} from {offset}")

    with pytest.raises(StorageError, match="does not answer"):
        four.probe(Source("far", len(data), "e"), Failing(data))
    assert_equal(apart(four, data), probed(data))


def test_bytes_come_whole_however_many_are_asked_for(four: Probes) -> None:
    """What does not fit into the memory that both share comes over the line."""
    file = io.BytesIO()
    Image.effect_noise((640, 480), 90).save(file, "JPEG", progressive=True)
    picture = file.getvalue()
    for more in (0, SHARED_BYTES - len(picture), 2 * SHARED_BYTES):
        data = picture + bytes(more)
        assert_equal(apart(four, data, "a.jpg"), probed(data, "a.jpg"))


def test_who_reads_shared_memory_changes_neither_it_nor_its_size() -> None:
    """Less would end who writes there; more would take the memory of all others."""
    handle, memory = shared_memory.made()
    memory[:5] = b"bytes"
    for size in (0, 2 * SHARED_BYTES):
        with pytest.raises(OSError, match=r"Invalid argument|Operation not permitted"):
            os.ftruncate(handle, size)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(handle, b"other")
    with pytest.raises(PermissionError):
        mmap.mmap(handle, SHARED_BYTES)
    seen = shared_memory.opened(handle)
    assert seen[:5] == b"bytes"
    with pytest.raises(TypeError, match="readonly"):
        seen[0] = 1


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (signal.SIGSEGV, r"ended the process that did it \(SIGSEGV\)"),
        (signal.SIGSTOP, "took more than 1 s"),
    ],
)
def test_a_video_that_ends_or_hangs_its_process_costs_only_itself(
    folder: Path, how: signal.Signals, says: str
) -> None:
    """It is tried once more, then refused; another process goes on with the next video."""
    data = cached(Clip(), folder).read_bytes()
    with closing(Probes(1, answer_timeout_s=1)) as made:
        with pytest.raises(BrokenVideoError, match=f"looking at its header {says}") as caught:
            made.probe(Source("bad.mp4", len(data), ""), Striking(MemoryReader(data), made, how, 9))
        assert caught.value.way_out
        once = Striking(MemoryReader(data), made, how, 1)
        assert_equal(made.probe(Source("clip", len(data), "etag"), once), probed(data))


def test_a_video_that_ends_the_process_does_not_cost_those_beside_it(folder: Path) -> None:
    """They were in its hands too, and are looked at once more."""
    data = cached(Clip(), folder).read_bytes()
    with closing(Probes(4)) as made, ThreadPoolExecutor(4) as threads:
        sound = [threads.submit(apart, made, data) for _ in range(30)]
        bad = Striking(MemoryReader(data), made, signal.SIGKILL, 9)
        broken = threads.submit(made.probe, Source("bad.mp4", len(data), ""), bad)
        sound += [threads.submit(apart, made, data) for _ in range(30)]
        assert {len(future.result().order) for future in sound} == {30}
        with pytest.raises(BrokenVideoError, match="SIGKILL"):
            broken.result()


def test_further_processes_start_only_while_the_others_are_busy(folder: Path) -> None:
    """One after the other, videos take one process; at the same time, as many as there may be."""
    data = cached(Clip(), folder).read_bytes()
    with closing(Probes(6, max_processes=3)) as made:
        for _ in range(4):
            assert_equal(apart(made, data), probed(data))
        assert len(made.processes) == 1
        all_here = Barrier(6)

        class Meeting(MemoryReader):
            def read(self, offset: int, length: int) -> bytes:
                if not self.ranges:
                    all_here.wait()
                return super().read(offset, length)

        with ThreadPoolExecutor(6) as threads:
            source = Source("clip", len(data), "etag")
            found = [threads.submit(made.probe, source, Meeting(data)) for _ in range(6)]
            for each in found:
                assert_equal(each.result(), probed(data))
        assert len(set(made.processes)) == 3


def test_a_video_that_ends_one_of_several_processes_costs_only_itself(folder: Path) -> None:
    """Those that are struck are started again; what they had in hand is looked at once more."""
    data = cached(Clip(), folder).read_bytes()
    with closing(Probes(4, max_processes=2)) as made, ThreadPoolExecutor(4) as threads:
        sound = [threads.submit(apart, made, data) for _ in range(20)]
        bad = Striking(MemoryReader(data), made, signal.SIGKILL, 9)
        broken = threads.submit(made.probe, Source("bad.mp4", len(data), ""), bad)
        sound += [threads.submit(apart, made, data) for _ in range(20)]
        assert {len(future.result().order) for future in sound} == {30}
        with pytest.raises(BrokenVideoError, match="SIGKILL"):
            broken.result()
        made.close()
        assert not any(map(is_running, made.processes))


def test_a_process_that_was_ended_is_started_again(folder: Path) -> None:
    """Closing ends it; who has one more question gets another."""
    data = cached(Clip(), folder).read_bytes()
    with closing(Probes(2)) as made:
        assert_equal(apart(made, data), probed(data))
        made.close()
        assert not is_running(made.processes[0])
        assert_equal(apart(made, data), probed(data))
        assert len(made.processes) == 2


def handles_of_lines() -> list[str]:
    """Name the pipes and the shared memory that this process has open."""
    names = []
    for handle in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            names.append(str(handle.readlink()))
    return sorted(name for name in names if name.startswith(("socket:", "/memfd:fleet-probe")))


def test_a_process_that_is_closed_leaves_nothing_open(folder: Path) -> None:
    """Neither at once where its lines are idle, nor where a thread still used one."""
    data = cached(Clip(), folder).read_bytes()
    before = handles_of_lines()
    with closing(Probes(2)) as made:
        assert_equal(apart(made, data), probed(data))
        assert len(handles_of_lines()) > len(before)
        once = Striking(MemoryReader(data), made, signal.SIGKILL, 1)
        assert_equal(made.probe(Source("clip", len(data), "etag"), once), probed(data))

        class Closing(MemoryReader):
            def read(self, offset: int, length: int) -> bytes:
                if not self.ranges:
                    made.close()
                return super().read(offset, length)

        source = Source("clip", len(data), "etag")
        assert_equal(made.probe(source, Closing(data)), probed(data))
    assert handles_of_lines() == before


def test_a_store_that_fails_is_told_from_a_process_that_is_gone(folder: Path) -> None:
    """Both at once: the store's error counts, and no video is called broken for it."""
    data = cached(Clip(), folder).read_bytes()
    with closing(Probes(1)) as made:

        class Failing(Striking):
            def read(self, offset: int, length: int) -> bytes:
                super().read(offset, length)
                raise StorageError(f"the store does not answer for {length} from {offset}")

        far = Failing(MemoryReader(data), made, signal.SIGKILL, 1)
        with pytest.raises(StorageError, match="does not answer"):
            made.probe(Source("far", len(data), "e"), far)


def test_a_process_that_hangs_does_not_outlive_its_parent_for_long() -> None:
    """Nobody else would end it: the kernel does, a while after the last message."""
    ours, theirs = Pipe()
    ours.send_bytes(b"a video")
    try:
        assert receive(theirs) == b"a video"
    finally:
        left_s = signal.alarm(0)
    assert 0 < left_s <= IDLE_S


def test_many_threads_share_one_process(four: Probes, folder: Path) -> None:
    """Each gets the answer to its own question."""
    clips = [cached(Clip(frames=frames), folder).read_bytes() for frames in range(5, 25)]
    with ThreadPoolExecutor(8) as threads:
        indexes = list(threads.map(lambda data: apart(four, data), clips * 3))
    assert [len(index.order) for index in indexes] == list(range(5, 25)) * 3


@pytest.mark.parametrize("cut", [0, 3, 4, 50, 700, -1])
def test_half_an_answer_is_no_index(folder: Path, cut: int) -> None:
    """Of what a process says, nothing is believed unseen."""
    index = probed(cached(Clip(), folder).read_bytes())
    with pytest.raises((ValueError, KeyError, TypeError)):
        index_from_bytes(index.source, index_to_bytes(index)[:cut])


def test_a_process_knows_no_secret() -> None:
    """Its environment holds no credential: it has no use for any."""
    with closing(Probes(1)) as made:
        with pytest.raises(NotAVideoError):
            apart(made, b"")
        (child,) = made.processes
        environment = Path(f"/proc/{child}/environ").read_bytes()
    names = {item.partition(b"=")[0] for item in environment.split(b"\0") if item}
    known = {b"PATH", b"LD_LIBRARY_PATH", b"PYTHONPATH", b"LC_CTYPE", b"OPENBLAS_NUM_THREADS"}
    assert names <= known
