"""How fast two networks are, measured in turn so that what else the machine does hits both."""

from __future__ import annotations

from statistics import median
from time import perf_counter

import numpy as np

from fleet.models.network import Network
from fleet.quantise.verdict import Speed

WARM_UPS, RUNS = 3, 31


def race(plain: Network, int8: Network) -> Speed:
    """Run both in turn on random pictures, a batch each time, and return their medians."""
    card = plain.card
    shape = (card.batch, card.source.height * 3 // 2, card.source.width)
    nv12 = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    tensor = plain.convert(nv12)
    seconds: dict[Network, list[float]] = {plain: [], int8: []}
    for turn in range(WARM_UPS + RUNS):
        for network, taken in seconds.items():
            began_s = perf_counter()
            network.execute(tensor)
            if turn >= WARM_UPS:
                taken.append(perf_counter() - began_s)
    return Speed(median(seconds[plain]), median(seconds[int8]), RUNS)
