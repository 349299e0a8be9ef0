"""`fleet verify --deep`: real clips decoded again, and what was done to the output is found."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from shlex import split

import pytest
from command import fleet_here as run

import fleet
from fleet.core.fault import WORKER_STAGE, Fault
from fleet.core.interval import LeaseNames
from fleet.driver.loss_recorder import DRIVER, LossRecorder
from fleet.driver.session import load_session
from fleet.driver.target.target import resolve_target
from fleet.plan.lease import Lease
from fleet.plan.order import order

ALL = ("--deep", 1000, "--seed", 7)
"""So many places that every GOP of these clips is drawn."""
MKV = "town [1] of 2.mkv"
"""A name that a shell and a glob would misread."""
WATCHED = '''
import os
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from fleet import FrameJob, Rows


@dataclass(frozen=True)
class Watched(FrameJob):
    """The mean brightness of each frame; what is wrong with frame 100 follows the environment."""

    table = "light"
    schema = pa.schema([("mean", pa.float32()), ("name", pa.string())])

    def run(self, opened, batch):
        wrong = os.environ.get("WRONG", "")
        means = np.array([p.rgb().mean() for p in batch.pictures], np.float32)
        names = ["day" for _ in means]
        picture = np.arange(len(batch), dtype=np.int32)
        for at in np.flatnonzero(batch.frames == 100).tolist():
            if wrong == "lost":
                raise KeyError("frame 100")
            means[at] *= {"score": 1.25, "rounding": 1.00001}.get(wrong, 1)
            names[at] = "night" if wrong == "name" else "day"
            if wrong == "row":
                keep = picture != at
                return Rows(picture[keep], {"mean": means[keep], "name": list(np.array(names)[keep])})
        return Rows(picture, {"mean": means, "name": names})
'''


@pytest.fixture
def clips(town_hevc: Path, town_mkv: Path, tmp_path: Path) -> Path:
    """Two real clips."""
    folder = tmp_path / "clips"
    folder.mkdir()
    shutil.copy(town_hevc, folder / town_hevc.name)
    shutil.copy(town_mkv, folder / MKV)
    return folder


@pytest.fixture
def watched(clips: Path, tmp_path: Path) -> Path:
    """A job file of a job that can be led astray, over these clips."""
    (tmp_path / "watched.py").write_text(WATCHED)
    path = tmp_path / "watched.toml"
    fields = (f'input = ["{clips}"]', f'output = "{tmp_path}/out"', 'sample = "every=10"')
    path.write_text("\n".join(['job = "watched.py:Watched"', *fields, "devices = 1"]))
    return path


@pytest.fixture
def ran(
    watched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], tuple[object, ...]]:
    """A function that runs the job led astray; it returns the arguments of `verify --deep`."""

    def run_wrong(wrong: str = "") -> tuple[object, ...]:
        with monkeypatch.context() as patched:
            patched.setenv("WRONG", wrong)
            assert run("run", watched, "--inline").returncode in {0, 3}
        return "verify", tmp_path / "out", watched, *ALL

    return run_wrong


def contents(folder: Path) -> dict[str, str]:
    """Name every file below a folder, with a digest of what it holds."""
    return {
        str(path): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_detector_s_rows_come_out_again_to_the_last_bit(
    clips: Path, fastestdet: Path, tmp_path: Path
) -> None:
    """In parts and in a pack; the output is only read; the same seed decodes the same frames."""
    out, job = tmp_path / "out", ("--model", fastestdet, "--sample", "every=20")
    (clips / "text.mp4").write_text("I am a text, not a video.\n" * 100)
    assert run("run", *job, "--input", clips, "--output", out, "--inline").returncode == 3
    before = contents(out)
    whole = run("verify", out, *job, *ALL)
    assert whole.returncode == 0, whole.stdout
    assert "40 frames of 2 videos" in whole.stdout
    assert "to the last bit" in whole.stdout
    few = ("verify", out, *job, "--deep", 3, "--seed", 11, "--json")
    told = json.loads(run(*few).stdout)
    assert told["proven"] is True
    deep = told["deep"]
    assert (deep["stretches"], deep["videos"], deep["seed"]) == (3, 2, 11)
    assert 0 < deep["frames"] < 40
    assert deep["rows"] > 0
    assert json.loads(run(*few).stdout)["deep"] == deep
    assert contents(out) == before
    assert run("compact", out).returncode == 0
    assert json.loads(run(*few).stdout)["deep"] == deep


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("score", r"mean [\d.]+, and [\d.]+ when decoded again"),
        ("name", "name night, and day when decoded again"),
        ("row", "it has 0 rows, and 1 when decoded again"),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["parts", "pack"])
def test_a_wrong_row_under_a_right_digest_is_found_and_the_way_out_mends_it(
    ran: Callable[[str], tuple[object, ...]], tmp_path: Path, wrong: str, said: str, packed: bool
) -> None:
    """One row of frame 100 of each clip; checksums prove nothing here."""
    deep = ran(wrong)
    if packed:
        assert run("compact", tmp_path / "out").returncode == 0
    assert run("verify", tmp_path / "out").returncode == 0
    found = run(*deep)
    text = " ".join(found.stdout.split())
    assert found.returncode == 1, text
    assert "Not proven, 2 findings" in text
    assert re.search(rf"1 of \d+ frames differ; frame 100: {said}", text), text
    for finding in json.loads(run(*deep, "--json").stdout)["deep"]["findings"]:
        for name in re.findall(r"[\w/.-]+\.parquet", finding["way_out"]):
            (tmp_path / "out" / name).unlink(missing_ok=True)
    ran("")
    mended = run(*deep)
    assert mended.returncode == 0, mended.stdout


def test_floats_that_another_processor_rounds_otherwise_are_told(
    ran: Callable[[str], tuple[object, ...]],
) -> None:
    """They are no finding, and the tolerance is stated."""
    found = run(*ran("rounding"))
    assert found.returncode == 0, found.stdout
    assert "floats of 2 differ by no more than 0.0001" in " ".join(found.stdout.split())


def test_a_loss_that_can_be_read_now_is_told_and_requeue_mends_it(
    ran: Callable[[str], tuple[object, ...]], tmp_path: Path
) -> None:
    """A frame that the job could not do with then."""
    deep = ran("lost")
    assert run("verify", tmp_path / "out").returncode == 0
    found = run(*deep)
    text = " ".join(found.stdout.split())
    assert found.returncode == 1, text
    assert "recorded as lost (JobCodeFailed), can be read now" in text
    for finding in json.loads(run(*deep, "--json").stdout)["deep"]["findings"]:
        _, *command = split(finding["way_out"].split("`")[1])
        assert run(*command).returncode == 0
    ran("")
    assert run(*deep).returncode == 0


def test_what_was_lost_of_a_damaged_video_is_lost_again(
    ran: Callable[[str], tuple[object, ...]], clips: Path, town: Path
) -> None:
    """The damage was there from the start: it is no finding, and the lost frames are counted."""
    data = town.read_bytes()
    at = len(data) // 2
    (clips / town.name).write_bytes(data[:at] + bytes(3000) + data[at + 3000 :])
    found = run(*ran(""))
    text = " ".join(found.stdout.split())
    assert found.returncode == 0, text
    assert re.search(r"160 frames of 3 videos, in .*; \d lost, as recorded", text), text


def test_videos_that_changed_or_are_gone_are_told_and_blame_no_row(
    ran: Callable[[str], tuple[object, ...]], clips: Path, town_hevc: Path, town_mkv: Path
) -> None:
    """Exit code 1, as not all was looked at; the videos that are left are compared."""
    deep = ran("")
    (clips / MKV).unlink()
    gone = run(*deep, "--json")
    assert gone.returncode == 1
    told = json.loads(gone.stdout)["deep"]
    assert (told["findings"], told["videos"], told["frames"]) == ([], 1, 40)
    assert [Path(video["uri"]).name for video in told["unreached"]] == [MKV]
    shutil.copy(town_mkv, clips / town_hevc.name)
    changed = run(*deep)
    text = " ".join(changed.stdout.split())
    assert changed.returncode == 1
    assert "Not proven, 2 videos could not be looked at" in text
    assert "Stretches" not in text
    assert town_hevc.name in text


def test_what_ended_a_worker_is_not_decoded_in_this_process(
    ran: Callable[[str], tuple[object, ...]], watched: Path
) -> None:
    """The driver gave a GOP up as it does after such an end; the rest is compared."""
    target = resolve_target(fleet.load_job(watched))
    target.table.create(target.schemas)
    prepared = load_session(target).prepare_and_keep()
    epoch = target.table.begin_epoch(target.versions).manifest.epoch
    work = prepared.works[0]
    shard = work.shard(1, 2)
    lease = Lease(LeaseNames(target.digest, epoch)([shard.interval]), (shard,))
    recorder = LossRecorder(target.job, target.table.writer(target.origin, DRIVER))
    fault = Fault(WORKER_STAGE, 0, "WorkerDied", "The worker's process died.", retryable=True)
    recorder.give_up(order(lease, {work.source.uri: work}), fault)
    found = run(*ran(""))
    assert found.returncode == 0, found.stdout
    assert "1 left alone, which ended a worker" in " ".join(found.stdout.split())


def test_damage_that_checksums_find_is_told_first(
    ran: Callable[[str], tuple[object, ...]], tmp_path: Path
) -> None:
    """Rows that were altered or are missing are not decoded again; the report is there."""
    deep = ran("")
    part = next((tmp_path / "out" / "light").glob("part-*"))
    part.write_bytes(part.read_bytes()[:-1])
    found = run(*deep)
    assert found.returncode == 1
    assert part.name in found.stdout
    assert "nothing was decoded again" in found.stderr


def test_deep_needs_the_job_and_says_so(
    ran: Callable[[str], tuple[object, ...]], tmp_path: Path, watched: Path
) -> None:
    """Without one, with another one, and where --deep itself is missing."""
    ran("")
    out = tmp_path / "out"
    alone = run("verify", out, "--deep", 20)
    assert alone.returncode == 2
    assert f"fleet verify {out} JOB.toml --deep 20" in alone.stderr
    other = run("verify", out, watched, "--deep", 20, "--sample", "every=9")
    assert other.returncode == 2
    assert "sample: every=10 -> every=9" in other.stderr
    assert "Name the job as its `fleet run` did" in other.stderr
    for options in ((watched,), ("--seed", 1), ("--set", "devices=1")):
        lacking = run("verify", out, *options)
        assert (lacking.returncode, "Say --deep" in lacking.stderr) == (2, True)
