"""An AIPP configuration in words, for people."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.ascend.aipp_config import AippConfig


def describe_aipp(aipp: AippConfig) -> str:
    """Return what a configuration does with colours, as a clause."""
    if not aipp.csc_switch:
        matrix = "left as YUV"
    elif aipp.matrix is None:
        matrix = f"to {aipp.order.upper()} by each picture's own colour"
    else:
        matrix = "by a fixed matrix"
    if aipp.rbuv_swap_switch:
        matrix = f"U and V exchanged, {matrix}"
    plain = {"mean": aipp.mean_chn, "min": aipp.min_chn, "times": aipp.var_reci_chn}
    usual = {"mean": (0, 0, 0), "min": (0.0, 0.0, 0.0), "times": (1.0, 1.0, 1.0)}
    steps = [f"{key} {_triple(v)}" for key, v in plain.items() if v != usual[key]]
    return ", ".join([matrix, *steps])


def _triple(values: Sequence[float]) -> str:
    return " ".join(f"{value:.6g}" for value in values)
