"""The job of two networks over a rendered street: a small one looks into the boxes of cars."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pytest
from av.video.reformatter import ColorRange, Colorspace
from networks import LABELS, colour_network
from numpy.typing import NDArray

import fleet
from fleet.ascend.soc import soc
from fleet.core.geometry import Fit
from fleet.executors.ray.session import ray_left_as_found, start_ray
from fleet.models.compiler.compile import compile_model
from fleet.street.archive import plan_archive, render_archive

JOBS = Path(__file__).parents[2] / "jobs"
LOOKED_INTO = ("car", "person")
BOX = ("label", "class_id", "score", "x1", "y1", "x2", "y2")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds, three GOPs, of two cameras of the demo's street."""
    folder = tmp_path_factory.mktemp("street")
    assert all(outcome.drawn for outcome in render_archive(plan_archive(folder, 2, 5.0, 7), 1))
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The street's detector, and a network whose classes are the mean of each colour."""
    folder = tmp_path_factory.mktemp("models")
    street = (JOBS / "street" / "street.onnx").read_bytes()
    chip = soc("Ascend310")
    (folder / "street.om").write_bytes(compile_model(street, name="street", soc=chip))
    colours = compile_model(
        colour_network([(32.0, 16.0, 64.0, 32.0)], (4, 32, 64)),
        head="yolov8",
        labels=LABELS,
        name="colours",
        soc=chip,
        fit=Fit.STRETCH,
    )
    (folder / "colours.om").write_bytes(colours)
    return folder


def cascade(archive: Path, models: Path, output: Path, **settings: Any) -> fleet.Job:
    """Set the job up as its file says, over the street."""
    own: dict[str, Any] = {"input": [str(archive)], "output": str(output), "sample": "every=3"}
    own |= {"model": str(models / "street.om"), "inner": str(models / "colours.om")}
    own |= {"labels": list(LOOKED_INTO), "threshold": 0.3, "inner_threshold": 0.05}
    return fleet.load_job(JOBS / "cascade.toml", {**own, **settings})


def rows(output: Path, table: str) -> list[dict[str, Any]]:
    """Read a table in the order of its frames, with boxes of a frame as the job returned them."""
    found = fleet.read(str(output)).table(table).to_table().to_pylist()
    return sorted(found, key=lambda row: (row["uri"], row["frame"]))


@pytest.fixture(scope="module")
def inline(archive: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of one device in this process."""
    output = tmp_path_factory.mktemp("inline") / "out"
    assert fleet.run(cascade(archive, models, output, devices=1), on="inline").exit_code == 0
    return output


def test_each_box_of_the_first_network_has_its_row(
    archive: Path, models: Path, inline: Path, tmp_path: Path
) -> None:
    """The boxes are those of jobs/detect.toml, numbered by frame; none is left out."""
    settings: dict[str, Any] = {
        "input": [str(archive)],
        "output": str(tmp_path),
        "sample": "every=3",
    }
    settings |= {"model": str(models / "street.om"), "threshold": 0.3, "devices": 1}
    assert fleet.run(fleet.load_job(JOBS / "detect.toml", settings), on="inline").exit_code == 0
    boxes = [row for row in rows(tmp_path, "detections") if row["label"] in LOOKED_INTO]
    found = rows(inline, "inner_detections")
    assert len(boxes) > 50
    assert {row["label"] for row in boxes} == set(LOOKED_INTO)
    assert [row["box"] for row in found] == [
        number
        for _, frame in groupby(found, key=lambda row: (row["uri"], row["frame"]))
        for number, _ in enumerate(frame)
    ]
    for box, row in zip(boxes, found, strict=True):
        assert (box["uri"], box["frame"]) == (row["uri"], row["frame"])
        assert [box[name] for name in BOX] == [row[f"box_{name}"] for name in BOX]


def test_the_second_network_sees_the_pixels_of_each_box(inline: Path) -> None:
    """The score is the mean of the strongest colour within the box, by a decoder of its own."""
    found = rows(inline, "inner_detections")
    seen = [row for row in found if row["state"] == "found"]
    assert {row["state"] for row in found} <= {"found", "too small"}
    assert len([row for row in seen if row["box_label"] == "car"]) > 10
    for uri, group in groupby(seen, key=lambda row: row["uri"]):
        pictures = decoded(Path(uri.removeprefix("file://")))
        for row in group:
            means = part(pictures[row["frame"]], row).mean(axis=(0, 1)) / 255
            assert row["score"] == pytest.approx(means.max(), abs=0.03)
            assert means[LABELS.index(row["label"])] > means.max() - 0.03


def decoded(path: Path) -> list[NDArray[np.uint8]]:
    """Decode a video: RGB, u8 [height, width, 3] a frame; the street is BT.601."""
    with av.open(str(path)) as container:
        return [
            np.asarray(
                frame.reformat(
                    format="rgb24",
                    src_colorspace=Colorspace.ITU601,
                    src_color_range=ColorRange.MPEG,
                    dst_color_range=ColorRange.JPEG,
                ).to_ndarray(),
                np.uint8,
            )
            for frame in container.decode(video=0)
        ]


def part(picture: NDArray[np.uint8], row: dict[str, Any]) -> NDArray[np.uint8]:
    """Cut a box out, a tenth larger on each side."""
    x1, y1, x2, y2 = (row[f"box_{name}"] for name in ("x1", "y1", "x2", "y2"))
    wide, high = (x2 - x1) / 10, (y2 - y1) / 10
    top, left = max(0, round(y1 - high)), max(0, round(x1 - wide))
    return picture[top : round(y2 + high), left : round(x2 + wide)]


@pytest.fixture(scope="module")
def _ray_of_two() -> Iterator[None]:
    """A Ray with two devices, which every run here joins."""
    with ray_left_as_found():
        start_ray(2)
        yield


def plain(output: Path) -> pa.Table:
    """Return the rows sorted by everything that names one, dictionaries as their values."""
    table = fleet.read(str(output)).table("inner_detections").to_table()
    kinds = [field.type for field in table.schema]
    kinds = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in kinds]
    table = table.cast(pa.schema(list(zip(table.column_names, kinds, strict=True))))
    return table.sort_by([(name, "ascending") for name in ("uri", "frame", "box", "x1")])


@pytest.mark.usefixtures("_ray_of_two")
@pytest.mark.parametrize(("devices", "lease_s"), [(1, 60.0), (2, 60.0), (2, 0.05)])
def test_devices_and_leases_change_no_bit(
    archive: Path, models: Path, inline: Path, tmp_path: Path, devices: int, lease_s: float
) -> None:
    """One or two actors, long or short leases, as in this process."""
    job = cascade(archive, models, tmp_path / "out", devices=devices, lease_s=lease_s)
    report = fleet.run(job)
    assert report.exit_code == 0
    assert lease_s > 1 or report.leases == 6
    assert plain(tmp_path / "out").equals(plain(inline))


def test_a_label_that_the_first_network_lacks_is_refused(
    archive: Path, models: Path, tmp_path: Path
) -> None:
    """Before a frame is decoded, with those that it has."""
    job = cascade(archive, models, tmp_path / "out", labels=["car", "tram"])
    with pytest.raises(fleet.errors.FleetError, match="finds no tram") as refused:
        fleet.run(job, on="inline")
    assert "person, cyclist, car, bus" in refused.value.way_out
