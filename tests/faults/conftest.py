"""What the tests of damage and faults share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where generated clips are kept, so that each is encoded once."""
    return tmp_path_factory.mktemp("clips")
