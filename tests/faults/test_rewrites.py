"""`fleet compact` and `fleet requeue` struck in the middle: a sample of `make prove-kill`."""

from __future__ import annotations

from pathlib import Path

import pytest
from rewrites import Archive, Blow, Rewrite, changes_of, make_archive, strike


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Some clips, and outputs over them."""
    return make_archive(tmp_path_factory.mktemp("archive"))


@pytest.mark.parametrize("blow", ["killed", "stopped"])
@pytest.mark.parametrize("rewrite", ["compact", "requeue"])
def test_a_rewrite_that_is_struck_harms_no_row(
    rewrite: Rewrite, blow: Blow, archive: Archive, tmp_path: Path
) -> None:
    """Beside a run, half way and just before its last change; the same command mends the rest."""
    changes = changes_of(rewrite, archive, tmp_path)
    for nth in (changes // 2, changes):
        assert strike(rewrite, blow, nth, archive, tmp_path) == "", f"change {nth} of {changes}"
