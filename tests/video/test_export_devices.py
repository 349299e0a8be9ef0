"""Pictures of an export that devices make are those that the export makes by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from generate import Clip
from scattered import output_over
from worker_processes import workers

import fleet
from fleet.core.run_events import LeaseDone, RunEvent
from fleet.errors import UsageError
from fleet.executors.choice import Mode
from fleet.executors.ray.access import no_device
from fleet.export import devices, run
from fleet.export.missing import Where
from fleet.export.run import Exported, Exporting, Watching, export_output
from fleet.show.video import open_recorded
from fleet.worker.fault_injection import Injection
from fleet.worker.spec import WorkerSpec

CLIPS = (
    Clip(frames=60, gop=6),
    Clip(codec="h265", container="mkv", frames=48, gop=8, gop_kind="open"),
    Clip(container="mov", frames=24, gop=6, rotation=90, b_frames=0),
)
STRUCK = """
import os, signal, sys
from fleet.export.missing import Where
from fleet.export.run import Exporting, Watching, export_output

def strike(what, done, total):
    if what == "pictures":
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    where = Where(devices=2, on="processes")
    asked = Exporting("mot", pictures=True)
    export_output(sys.argv[1], sys.argv[2], asked, where, Watching(strike))
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, clip_folder: Path) -> str:
    """An output over videos of several kinds, every third frame."""
    return output_over(tmp_path_factory.mktemp("devices"), CLIPS, clip_folder)


@pytest.fixture(scope="module")
def undisturbed(out: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the export makes by itself."""
    folder = tmp_path_factory.mktemp("undisturbed")
    export_output(out, str(folder), Exporting("mot", pictures=True))
    return held(folder)


def held(folder: Path) -> dict[str, bytes]:
    """Name -> bytes of all files but those that no put has ended."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".tmp"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def made(out: str, folder: Path, on: Mode, many: int = 2, **watching: Any) -> Exported:
    """Export by devices."""
    where = Where(devices=many, on=on)
    asked = Exporting("mot", pictures=True)
    return export_output(out, str(folder), asked, where, Watching(**watching))


@pytest.mark.parametrize("many", [1, 2])
def test_devices_make_the_same_files(
    out: str, undisturbed: dict[str, bytes], tmp_path: Path, many: int
) -> None:
    """One or two; the line says where, and the last count is of all."""
    said: list[str] = []
    told: list[tuple[str, int, int]] = []
    done = made(
        out, tmp_path, "inline", many, say=said.append, on_progress=lambda *n: told.append(n)
    )
    assert held(tmp_path) == undisturbed
    assert done.pictures == done.frames > 40
    assert [text for text in said if "by devices, in one process" in text] == said
    assert [n for n in told if n[0] == "pictures"][-1] == ("pictures", done.frames, done.frames)


def test_devices_share_the_work(out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has leases, and no frame is made twice."""
    frames: Counter[str] = Counter()

    class Noting(devices._Watch):
        """Notes which device has made how many pictures."""

        def on_event(self, event: RunEvent) -> None:
            """Take a note."""
            if isinstance(event, LeaseDone):
                frames[event.device] += event.receipt.tally.frames
            super().on_event(event)

    monkeypatch.setattr(devices, "_Watch", Noting)
    done = made(out, tmp_path, "inline")
    assert set(frames) == {"inline/0", "inline/1"}
    assert sum(frames.values()) == done.pictures


def test_only_what_is_missing_is_made(
    out: str, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    """No other picture is put again; what a killed put has left behind goes."""
    made(out, tmp_path, "inline")
    pictures = sorted(tmp_path.rglob("*.jpg"))
    for path in pictures[::5]:
        path.unlink()
    for path in set(pictures) - set(pictures[::5]):
        os.utime(path, (1, 1))
    torn = pictures[0].with_name(f".{pictures[0].name}.{'ab' * 16}.tmp")
    torn.write_bytes(b"half")
    done = made(out, tmp_path, "inline")
    assert (done.pictures, done.pictures_kept) == (
        len(pictures[::5]),
        len(pictures) - len(pictures[::5]),
    )
    assert held(tmp_path) == undisturbed
    assert not torn.exists()
    assert sum(path.stat().st_mtime == 1 for path in pictures) == done.pictures_kept


def test_a_worker_that_is_killed_costs_no_picture(
    out: str, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    """Another one takes its place, and does what it had in hand."""
    struck: list[int] = []

    def strike(what: str, *_: int) -> None:
        if what == "pictures" and not struck:
            struck.append(min(workers(os.getpid())))
            with suppress(ProcessLookupError):
                os.kill(struck[0], signal.SIGKILL)

    made(out, tmp_path, "processes", on_progress=strike)
    assert struck
    assert held(tmp_path) == undisturbed
    assert not workers(os.getpid())


def test_an_interrupt_ends_all_devices(out: str, tmp_path: Path) -> None:
    """What is made stays; no process does."""

    def interrupt(what: str, *_: int) -> None:
        if what == "pictures":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(out, tmp_path, "processes", 1, on_progress=interrupt)
    assert not workers(os.getpid())
    assert list(tmp_path.rglob("*.jpg"))


def test_an_export_that_is_killed_goes_on(
    out: str, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    """Each picture that is there then is whole; the rest is made, and nothing else."""
    program = tmp_path / "struck.py"
    program.write_text(STRUCK)
    folder = tmp_path / "export"
    command = [sys.executable, str(program), out, str(folder)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    there = {name: data for name, data in held(folder).items() if name.endswith(".jpg")}
    assert there.items() <= undisturbed.items()
    done = made(out, folder, "inline")
    assert done.pictures < done.frames
    assert held(folder) == undisturbed


def test_frames_that_end_their_worker_leave_all_others(
    out: str, undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is told; the GOP that does it is found, and costs no other."""
    uri = next(str(row["uri"]) for row in fleet.read(out).videos.to_table().to_pylist())
    index = open_recorded(out, uri).index
    fault = Injection("raise", uri, int(index.packets.pts[index.cuts[1]]))
    spec = devices._spec

    def faulty(*words: Any) -> WorkerSpec:
        return replace(spec(*words), injections=(fault,))

    monkeypatch.setattr(devices, "_spec", faulty)
    with pytest.raises(UsageError, match=r"\d frames of .* cannot be decoded: .*injected"):
        made(out, tmp_path, "inline")
    there = held(tmp_path)
    missing = [name for name in undisturbed if name.endswith(".jpg") and name not in there]
    gop = int((index.gop_of_row[index.order[::3]] == 1).sum())
    assert 0 < len(missing) <= gop + 1
    assert len({Path(name).parent for name in missing}) == 1


def test_damage_is_refused_in_the_same_words(tmp_path: Path, clip_folder: Path) -> None:
    """Wherever it is found; what is sound is made."""
    output = output_over(tmp_path, (Clip(frames=60, gop=6, b_frames=0),), clip_folder)
    (path,) = (tmp_path / "videos").rglob("*.mp4")
    before = path.stat()
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    length = int.from_bytes(data[start - 8 : start - 4], "big")
    middle = start + length // 2
    data[middle : middle + length // 8] = bytes(length // 8)
    path.write_bytes(data)
    # The version of the file that its job saw.
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    said = []
    for where in (Where(), Where(on="inline")):
        folder = tmp_path / str(where.on)
        with pytest.raises(UsageError, match=r"\d frames of .* cannot be decoded") as raised:
            export_output(output, str(folder), Exporting("coco", pictures=True), where)
        said.append((str(raised.value), {path.name for path in folder.rglob("*.jpg")}))
    assert said[0] == said[1]
    assert 0 < len(said[0][1]) < 20


@pytest.mark.parametrize("where", [Where(), Where(devices=2, on="inline")])
def test_a_video_that_is_gone_keeps_no_picture_of_others_from_being_made(
    clip_folder: Path, tmp_path: Path, where: Where
) -> None:
    """Whoever makes them; it is told of at the end, by its name."""
    output = output_over(tmp_path / "made", CLIPS[:2], clip_folder)
    asked = Exporting("mot", pictures=True)
    whole = export_output(output, str(tmp_path / "whole"), asked)
    gone = Path(min(fleet.read(output).detections.to_table()["uri"].unique().to_pylist()))
    aside = gone.rename(gone.with_suffix(".aside"))
    try:
        with pytest.raises(UsageError, match=rf"{gone.name}.* is not there any more"):
            export_output(output, str(tmp_path / "part"), asked, where)
    finally:
        aside.rename(gone)
    found = held(tmp_path / "part")
    assert 0 < sum(name.endswith(".jpg") for name in found) < whole.pictures
    again = export_output(output, str(tmp_path / "part"), asked, where)
    assert held(tmp_path / "part") == held(tmp_path / "whole")
    assert again.pictures < whole.pictures


def test_pictures_that_nodes_put_where_nobody_sees_them_are_made_here(
    out: str,
    undisturbed: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a cluster's devices say that they have put is looked for; a line says why."""

    def elsewhere(*arguments: Any) -> bool:
        """Say what such nodes say."""
        del arguments
        return True

    monkeypatch.setattr(run, "make_pictures", elsewhere)
    said: list[str] = []
    made(out, tmp_path, "ray", say=said.append)
    assert held(tmp_path) == undisturbed
    assert any("their nodes see another folder" in text for text in said)


def test_a_cluster_without_devices_makes_none_and_processes_do(
    out: str, undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody has asked for the cluster: it is only named by the environment."""
    real: Callable[..., bool] = devices.make_pictures
    modes: list[Mode] = []

    def refusing(*arguments: Any) -> bool:
        """Refuse as a cluster does that has no NPU."""
        modes.append(arguments[3])
        if arguments[3] == "ray":
            raise no_device()
        return real(*arguments[:3], "inline", *arguments[4:])

    monkeypatch.setattr(run, "make_pictures", refusing)
    monkeypatch.setattr(run, "has_cluster", lambda: True)
    said: list[str] = []
    asked = Exporting("mot", pictures=True)
    export_output(out, str(tmp_path), asked, Where(devices=2), Watching(say=said.append))
    assert modes == ["ray", "processes"]
    assert held(tmp_path) == undisturbed
    assert "The Ray cluster has no NPU. They are made in processes of this machine." in said
