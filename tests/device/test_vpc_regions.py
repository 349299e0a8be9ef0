"""VPC pastes into a picture that exists, one region or a batch of them, by the table of each chip."""

from __future__ import annotations

from itertools import product

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import code_of

from fleet.ascend.soc import CHIPS, Ascend310, Soc
from fleet.ascend.surface import in_memory, planes, tight
from fleet.ascend.vpc import Region
from fleet.core.frames import Colour, Picture
from fleet.core.geometry import Rect, Size
from fleet.core.pixel_format import PixelFormat
from fleet.device import Device

TASK_FAILED = 507018
P = PixelFormat
EVERYWHERE = pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
SURFACES = P.NV12.layout.surfaces


def painted(device: Device, size: Size, surface: str = SURFACES[0], seed: int = 1) -> Picture:
    """A picture of random samples in 4:2:0, in one of the surfaces that hold such."""
    frame = av.VideoFrame(size.width, size.height, surface)
    noise = np.random.default_rng(seed)
    for plane in planes(frame):
        plane[:] = noise.integers(0, 256, plane.shape, np.uint8)
    return in_memory(device.soc, device.memory, frame, Colour(), 3, "test picture")


areas = st.tuples(*[st.integers(0, 3)] * 4)


@EVERYWHERE
@given(areas, st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_a_paste_leaves_the_rest_of_the_picture(
    chip: Soc, drawn: tuple[int, int, int, int], seed: int
) -> None:
    """The area holds the part, pixel by pixel, and no other byte changes (docs/chip.md#vpc-border)."""
    left, top, wider, higher = drawn
    with Device(chip) as device:
        source, onto = painted(device, Size(128, 96), seed=seed), painted(device, Size(160, 120))
        before = tight(onto)
        roi = Rect(left * 2, top * 2, 16 + wider * 2, 8 + higher * 2)
        area = Rect(left * 16, top * 2, roi.width, roi.height)
        device.vpc.crop_paste(source, roi, onto, area)
        after, from_ = tight(onto), tight(source)
        luma = from_[roi.top : roi.bottom, roi.left : roi.right]
        pasted = after[area.top : area.bottom, area.left : area.right]
        assert np.array_equal(pasted, luma)
        chroma = from_[96 + roi.top // 2 : 96 + roi.bottom // 2, roi.left : roi.right]
        pasted = after[120 + area.top // 2 : 120 + area.bottom // 2, area.left : area.right]
        assert np.array_equal(pasted, chroma)
        untouched = np.ones_like(before, bool)
        untouched[area.top : area.bottom, area.left : area.right] = False
        untouched[120 + area.top // 2 : 120 + area.bottom // 2, area.left : area.right] = False
        assert np.array_equal(after[untouched], before[untouched])
        source.release()
        onto.release()


@EVERYWHERE
def test_a_part_of_another_size_is_scaled_to_its_area(chip: Soc) -> None:
    """Crop, resize and paste in one equal the three one by one (docs/chip.md#vpc-paste)."""
    with Device(chip) as device:
        source, onto = painted(device, Size(128, 96)), painted(device, Size(160, 120))
        roi, area = Rect(16, 8, 64, 32), Rect(32, 10, 96, 80)
        device.vpc.crop_resize_paste(source, roi, onto, area)
        apart = device.vpc.crop_resize(source, roi, area.size)
        cut = device.vpc.crop(onto, area)
        assert np.array_equal(tight(cut), tight(apart))
        for picture in (source, onto, apart, cut):
            picture.release()


@EVERYWHERE
def test_a_batch_is_its_regions_one_by_one(chip: Soc) -> None:
    """Pictures and pastes of several sources in one call (docs/chip.md#vpc-operations)."""
    with Device(chip) as device:
        sources = [painted(device, Size(128, 96), seed=seed) for seed in (1, 2)]
        onto, alone = painted(device, Size(160, 120)), painted(device, Size(160, 120))
        roi, area = Rect(0, 0, 32, 32), Rect(16, 16, 48, 48)
        made = device.vpc.batch(
            [
                Region(sources[0], roi, size=Size(64, 64)),
                Region(sources[1], roi, onto=onto, paste=area),
                Region(sources[1], roi, size=roi.size),
            ]
        )
        device.vpc.crop_resize_paste(sources[1], roi, alone, area)
        singles = [
            device.vpc.crop_resize(sources[0], roi, Size(64, 64)),
            device.vpc.crop(sources[1], roi),
        ]
        assert [tight(a).tolist() for a in made] == [tight(a).tolist() for a in singles]
        assert np.array_equal(tight(onto), tight(alone))
        for picture in (*sources, onto, alone, *made, *singles):
            picture.release()


@EVERYWHERE
@pytest.mark.parametrize(("count", "allowed"), [(0, False), (1, True), (256, True), (257, False)])
def test_a_call_takes_1_to_256_regions(chip: Soc, count: int, allowed: bool) -> None:
    """Other counts are answered with 100000, and nothing is left behind."""
    with Device(chip) as device:
        source = painted(device, Size(64, 64))
        before = device.memory.used_bytes
        regions = [Region(source, Rect(0, 0, 16, 16), size=Size(16, 16))] * count
        if allowed:
            made = device.vpc.batch(regions)
            assert len(made) == count
            for picture in made:
                picture.release()
        else:
            assert code_of(lambda: device.vpc.batch(regions)) == 100000
        assert device.memory.used_bytes == before
        source.release()


def test_a_refused_batch_has_changed_nothing() -> None:
    """One region that the chip refuses, and the paste before it has not been done."""
    with Device(Ascend310) as device:
        source, onto = painted(device, Size(64, 64)), painted(device, Size(64, 64), seed=2)
        before, used = tight(onto), device.memory.used_bytes
        good = Region(source, Rect(0, 0, 16, 16), onto=onto, paste=Rect(0, 0, 16, 16))
        bad = Region(source, Rect(0, 0, 16, 16), onto=onto, paste=Rect(8, 0, 16, 16))
        assert code_of(lambda: device.vpc.batch([good, bad])) == TASK_FAILED
        assert np.array_equal(tight(onto), before)
        assert device.memory.used_bytes == used
        source.release()
        onto.release()


@EVERYWHERE
@pytest.mark.parametrize(("of", "onto"), [*product(SURFACES, repeat=2)])
def test_a_paste_keeps_the_samples_in_every_surface(chip: Soc, of: str, onto: str) -> None:
    """Neither range nor standard changes, as JPEGD's and VDEC's pictures meet (docs/chip.md#vpc-colour)."""
    with Device(chip) as device:
        source, target = painted(device, Size(64, 64), of), painted(device, Size(96, 64), onto, 2)
        area = Rect(16, 0, 32, 32)
        device.vpc.crop_paste(source, Rect(0, 0, 32, 32), target, area)
        pasted, samples = tight(target), tight(source)
        assert np.array_equal(pasted[:32, 16:48], samples[:32, :32])
        assert np.array_equal(pasted[64:80, 16:48], samples[64:80, :32])
        source.release()
        target.release()
