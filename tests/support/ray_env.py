"""What cluster/ gives to every node, read from where it stands: settings of Ray, pinned packages."""

from __future__ import annotations

import re
from pathlib import Path

CLUSTER = Path(__file__).parents[2] / "cluster"


def ray_settings() -> dict[str, str]:
    """Read cluster/ray.env."""
    lines = (CLUSTER / "ray.env").read_text("utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    return dict(pairs)


def locked(package: str) -> str:
    """The version of a package that requirements.lock pins."""
    found = re.search(
        rf"^{package}==(\S+)",
        (CLUSTER.parent / "requirements.lock").read_text("utf-8"),
        re.MULTILINE,
    )
    assert found
    return found[1]
