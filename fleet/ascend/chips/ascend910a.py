"""The Ascend 910A: media engines of the 310's generation, no video encoder, and a training core."""

from __future__ import annotations

from dataclasses import replace

from fleet.ascend.chips.ascend310 import Ascend310
from fleet.ascend.chips.chip import Cores
from fleet.ascend.chips.measures import HD_PIXELS, MB, Rate

Ascend910A = replace(  # docs/chip.md#chip-tables: what is not said here is as on the 310
    Ascend310,
    name="Ascend910A",  # docs/chip.md#model-soc
    memory_bytes=32768 * MB,  # docs/chip.md#train-memory: HBM
    fp16_tflops=256,  # docs/chip.md#train-fp16: the launch figure
    int8_tops=512,  # docs/chip.md#cores
    cores=Cores(  # docs/chip.md#cores
        ai_cores=32,
        vector_cores=0,
        ai_cpus=4,
        clock_hz=1_000_000_000,
        l2_bytes=32 * MB,
        most_streams=2048,
    ),
    jpegd=replace(  # docs/chip.md#clock-jpegd
        Ascend310.jpegd, rate=Rate(HD_PIXELS * 2048), channel_rate=Rate(HD_PIXELS * 128)
    ),
    jpege=replace(  # docs/chip.md#clock-jpege
        Ascend310.jpege, rate=Rate(HD_PIXELS * 1024), channel_rate=Rate(HD_PIXELS * 128)
    ),
    pngd=replace(Ascend310.pngd, rate=Rate(HD_PIXELS * 96)),  # docs/chip.md#clock-pngd
    venc=None,  # docs/chip.md#venc
)
