"""What every test of whole runs reads: the real clips, short enough to be run over and over."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from excerpt import excerpt


@pytest.fixture(scope="session")
def clips(
    town: Path, town_hevc: Path, town_mkv: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder of the real clips, of the long one its first two GOPs."""
    folder = tmp_path_factory.mktemp("clips")
    excerpt(town, 100, folder / town.name)
    for clip in (town_hevc, town_mkv):
        shutil.copy(clip, folder)
    return folder
