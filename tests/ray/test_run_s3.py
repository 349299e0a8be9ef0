"""Whole runs over an archive in an object store: the rows of a run over local files."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import ray
from object_server import ObjectServer, use

import fleet
from fleet.core.run_events import RunEvent, RunStarted
from fleet.storage import FAULTS_VARIABLE, Faults, Folder
from fleet.views.summary import render

JOBS = Path(__file__).parents[2] / "jobs"
BUCKET = "archive"
FRAMES = 45


def detect(place: str, model: object, output: str, **settings: Any) -> fleet.Job:
    """Set the detect job up: every twentieth frame, in short leases."""
    named = {"input": [place], "output": output, "model": str(model), "sample": "every=20"}
    return fleet.load_job(JOBS / "detect.toml", {**named, "lease_s": 1.0, **settings})


def rows(output: str, place: str) -> tuple[pa.Table, ...]:
    """Read detections and frames, sorted by everything; videos by their names below `place`."""
    tables = fleet.read(output)
    return tuple(_sorted(each.to_table(), place) for each in (tables.detections, tables.frames))


def _sorted(table: pa.Table, place: str) -> pa.Table:
    plain = table.cast(pa.schema([(f.name, _plain(f.type)) for f in table.schema]))
    names = pc.replace_substring(plain["uri"], f"{place}/", "")
    plain = plain.set_column(plain.column_names.index("uri"), "uri", names)
    return plain.sort_by([(name, "ascending") for name in plain.column_names])


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


@pytest.fixture(scope="module")
def local(clips: Path, fastestdet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output over local files, of one device in this process."""
    output = tmp_path_factory.mktemp("local") / "out"
    report = fleet.run(detect(str(clips), fastestdet, str(output), devices=1), on="inline")
    assert report.exit_code == 0
    assert report.total.frames == FRAMES
    return output


S3 = ["seaweed", pytest.param("rgw", marks=pytest.mark.rgw)]


@pytest.fixture(params=S3)
def server(request: pytest.FixtureRequest) -> ObjectServer:
    """Real servers of S3, of more than one make."""
    found: ObjectServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=[*S3, "azurite", "google"])
def any_server(request: pytest.FixtureRequest) -> ObjectServer:
    """A server of each protocol; that of Google is a stand-in."""
    found: ObjectServer = request.getfixturevalue(request.param)
    return found


def archive_in(server: ObjectServer, clips: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put the clips into a bucket; gives its URI. The environment leads there."""
    server.make_bucket(BUCKET)
    use(server, monkeypatch)
    place = f"{server.scheme}://{BUCKET}/{uuid.uuid4()}"
    folder = Folder(f"{place}/clips")
    for clip in clips.iterdir():
        folder.put(clip.name, clip.read_bytes())
    return place


def test_rows_from_object_storage_are_those_from_disk(
    any_server: ObjectServer,
    clips: Path,
    fastestdet: Path,
    local: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Input, model and output in a bucket, two Ray actors; nothing secret in what is written."""
    place = archive_in(any_server, clips, monkeypatch)
    Folder(place).put("fastestdet.om", fastestdet.read_bytes())
    job = detect(f"{place}/clips", f"{place}/fastestdet.om", f"{place}/out", devices=2)
    report = fleet.run(job, on="ray")
    assert not ray.is_initialized(), "it has ended the Ray that it started"
    assert report.exit_code == 0
    ours, theirs = rows(f"{place}/out", f"{place}/clips"), rows(str(local), str(clips))
    assert all(a.equals(b) for a, b in zip(ours, theirs, strict=True))
    told = "".join(capfd.readouterr()) + repr(report) + render(report)
    output = Folder(f"{place}/out")
    logs = list(ray_logs())
    assert logs, "what Ray has logged is searched too"
    written = [told.encode(), *(output.read(entry.name) for entry in output.list()), *logs]
    assert len(written) > 10
    for secret in any_server.secrets:
        assert not any(secret.encode() in data for data in written)
    again = fleet.run(job, on="inline")
    assert (again.leases, again.total.frames) == (0, FRAMES)


def ray_logs() -> Iterator[bytes]:
    """Read what Ray has logged on this machine, of its latest session."""
    for path in Path("/tmp/ray/session_latest/logs").rglob("*"):  # noqa: S108 - Ray's own place
        if path.is_file():
            yield path.read_bytes()


FAILING = Faults(seed=7, fail=0.03, lose=0.02, short=0.02, torn=0.05, slow=0.02, slow_s=0.3)


def test_a_store_that_fails_changes_no_row(
    server: ObjectServer,
    clips: Path,
    fastestdet: Path,
    local: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """5 % of the requests fail, reads come short, parts are torn: the rows are the same."""
    place = archive_in(server, clips, monkeypatch)
    monkeypatch.setenv(FAULTS_VARIABLE, str(FAILING))
    report = fleet.run(detect(f"{place}/clips", fastestdet, f"{place}/out", devices=2), on="ray")
    monkeypatch.delenv(FAULTS_VARIABLE)
    assert report.exit_code == 0
    ours, theirs = rows(f"{place}/out", f"{place}/clips"), rows(str(local), str(clips))
    assert all(a.equals(b) for a, b in zip(ours, theirs, strict=True))


class ReplaceAVideo:
    """Puts another video in the place of one that was planned, before its bytes are read."""

    def __init__(self, place: str, other: bytes) -> None:
        self._folder = Folder(place)
        self._other = other

    def on_event(self, event: RunEvent) -> None:
        """Strike when the plan is made."""
        if isinstance(event, RunStarted):
            self._folder.put("a.mp4", self._other)


def test_a_video_that_is_replaced_under_way_is_planned_anew(
    server: ObjectServer, clips: Path, fastestdet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No frame of the new one passes for the old; none counts as lost, and the next run does it."""
    home = archive_in(server, clips, monkeypatch)
    place = f"{home}/replaced"
    clip = (clips / "town_hevc_opengop.mp4").read_bytes()
    Folder(place).put("a.mp4", (clips / "town_1080p.mp4").read_bytes())
    job = detect(place, fastestdet, f"{home}/out", devices=1)
    report = fleet.run(job, on="inline", observer=ReplaceAVideo(place, clip))
    assert (report.exit_code, report.total.frames, report.total.errors) == (1, 0, 0)
    again = fleet.run(job, on="inline")
    assert (again.exit_code, again.total.frames, again.total.errors) == (0, 20, 0)
