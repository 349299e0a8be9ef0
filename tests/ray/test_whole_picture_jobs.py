"""The jobs that look at whole pictures, over real clips: what they write, here and on Ray."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pytest
from command import fleet_here
from networks import compiled
from numpy.typing import NDArray
from whole_networks import COLOURS, GAIN, NORMAL, means_network

import fleet
from fleet.ascend.aipp_config import AippConfig
from fleet.executors.ray.session import ray_left_as_found, start_ray

JOBS = Path(__file__).parents[2] / "jobs"
EVERY = 40
TABLES = {"classify": "classes", "embed": "vectors"}
SHARES = AippConfig(order=fleet.ChannelOrder.RGB, var_reci_chn=(1 / 255,) * 3)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks of one picture and of four, whose numbers are the means of the colours."""
    folder = tmp_path_factory.mktemp("models")
    for batch in (1, 4):
        content = means_network(batch=batch)
        options: dict[str, Any] = {"aipp": SHARES, "labels": COLOURS}
        (folder / f"classify{batch}.om").write_bytes(compiled(content, head="classify", **options))
        options["labels"] = None
        (folder / f"embed{batch}.om").write_bytes(compiled(content, head="embed", **options))
    return folder


@pytest.fixture(scope="module")
def _ray_of_two() -> Iterator[None]:
    """A Ray with two devices, which every run here joins."""
    with ray_left_as_found():
        start_ray(2)
        yield


def job(kind: str, clip: Path, model: Path, output: Path, **settings: Any) -> fleet.Job:
    """Set a job up as its file says, over a clip."""
    own: dict[str, Any] = {"input": [str(clip)], "output": str(output), "model": str(model)}
    own |= {"sample": f"every={EVERY}"} | ({"dimensions": 3} if kind == "embed" else {})
    return fleet.load_job(JOBS / f"{kind}.toml", {**own, **settings})


def rows(output: Path, kind: str) -> pa.Table:
    """Return the rows of an output in order, dictionaries as their values."""
    table = fleet.read(str(output)).table(TABLES[kind]).to_table()
    kinds = [f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in table.schema]
    table = table.cast(pa.schema(list(zip(table.column_names, kinds, strict=True))))
    keys = ["uri", "frame", *(["rank"] if kind == "classify" else [])]
    return table.sort_by([(key, "ascending") for key in keys])


def run(kind: str, *args: Any, **settings: Any) -> pa.Table:
    """Run a job in this process and return its rows."""
    done = job(kind, *args, **settings)
    assert fleet.run(done, on="inline").exit_code == 0
    return rows(Path(done.output), kind)


def means(clip: Path) -> NDArray[np.float64]:
    """The mean of each colour of every 40th frame, 0..1, by a decoder of its own: [frames, 3]."""
    with av.open(str(clip)) as container:
        frames = [frame for at, frame in enumerate(container.decode(video=0)) if at % EVERY == 0]
    return np.array([frame.to_ndarray(format="rgb24").mean(axis=(0, 1)) / 255 for frame in frames])


def test_each_frame_has_its_best_classes(town_hevc: Path, models: Path, tmp_path: Path) -> None:
    """The softmax of its colours, the strongest first, as many as are asked for."""
    model = models / "classify1.om"
    found = run("classify", town_hevc, model, tmp_path / "all", top=3)
    colours = means(town_hevc)
    scores = found["score"].to_numpy().reshape(-1, 3)
    assert found["rank"].to_pylist() == [1, 2, 3] * len(colours)
    assert (np.diff(scores, axis=1) <= 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    shares = np.exp(colours * GAIN) / np.exp(colours * GAIN).sum(axis=1, keepdims=True)
    placed = np.take_along_axis(shares, found["class_id"].to_numpy().reshape(-1, 3), axis=1)
    np.testing.assert_allclose(scores, placed, atol=0.03)
    assert found["label"].to_pylist() == [COLOURS[n] for n in found["class_id"].to_pylist()]
    plain = run("classify", town_hevc, model, tmp_path / "plain", top=1, scores="none")
    assert plain["class_id"].to_pylist() == found["class_id"].to_pylist()[::3]
    np.testing.assert_allclose(plain["score"], colours.max(axis=1) * GAIN, atol=0.15)


def test_each_frame_has_its_vector(town_hevc: Path, models: Path, tmp_path: Path) -> None:
    """A list of a fixed length of float32; of length 1 where that is asked for."""
    model = models / "embed1.om"
    found = run("embed", town_hevc, model, tmp_path / "plain")
    assert found.schema.field("vector").type == pa.list_(pa.float32(), 3)
    vectors = np.array(found["vector"].to_pylist())
    np.testing.assert_allclose(vectors, means(town_hevc) * GAIN, atol=0.15)
    units = run("embed", town_hevc, model, tmp_path / "units", normalise=True)
    expected = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(np.array(units["vector"].to_pylist()), expected, rtol=1e-5)


@pytest.mark.usefixtures("_ray_of_two")
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("kind", TABLES)
def test_devices_and_leases_change_no_bit(
    kind: str, batch: int, town_hevc: Path, models: Path, tmp_path: Path
) -> None:
    """One or two actors, long or short leases, as in this process."""
    common = (kind, town_hevc, models / f"{kind}{batch}.om")
    here = run(*common, tmp_path / "here")
    for number, (devices, lease_s) in enumerate([(1, 60.0), (2, 60.0), (2, 0.5)]):
        output = tmp_path / str(number)
        report = fleet.run(job(*common, output, devices=devices, lease_s=lease_s))
        assert report.exit_code == 0
        assert lease_s > 1 or report.leases > 4
        assert rows(output, kind).equals(here)


def test_an_export_of_a_classifier_runs_straight(town_hevc: Path, tmp_path: Path) -> None:
    """By Ultralytics' metadata: task, names and size; the line says so."""
    model = tmp_path / "yolo11n-cls.onnx"
    model.write_bytes(means_network("Softmax", sides=("h", "w"), metadata=NORMAL))
    common = ["--input", town_hevc, "--sample", "every=100", "--inline", "--model", model]
    done = fleet_here("run", JOBS / "classify.toml", *common, "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "read as classify: Ultralytics' classifier of 3 classes" in " ".join(done.stderr.split())
    assert len(rows(tmp_path / "out", "classify")) == 4 * 3


def test_vectors_are_packed_verified_and_decoded_again(
    town_hevc: Path, models: Path, tmp_path: Path
) -> None:
    """A column of lists is as good as one of numbers for whatever looks after an output."""
    model = models / "embed1.om"
    found = run("embed", town_hevc, model, tmp_path / "out", lease_s=1.0)
    settings = [JOBS / "embed.toml", "--model", model, "--sample", f"every={EVERY}"]
    settings += ["--set", "dimensions=3", "--deep", "5"]
    for _ in range(2):
        checked = fleet_here("verify", tmp_path / "out", *settings)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert "equal to the last bit" in checked.stdout
        assert fleet_here("compact", tmp_path / "out").returncode == 0
    assert rows(tmp_path / "out", "embed").equals(found)
