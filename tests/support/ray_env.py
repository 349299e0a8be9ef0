"""The settings of Ray that cluster/ gives to every node, read from where they stand."""

from __future__ import annotations

from pathlib import Path

CLUSTER = Path(__file__).parents[2] / "cluster"


def ray_settings() -> dict[str, str]:
    """Read cluster/ray.env."""
    lines = (CLUSTER / "ray.env").read_text("utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    return dict(pairs)
