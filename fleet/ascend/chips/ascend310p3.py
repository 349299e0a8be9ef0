"""The Ascend 310P3: one on each Atlas 300I Pro. Its media engines are of the second generation."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from fleet.ascend.chips.ascend310 import Ascend310
from fleet.ascend.chips.chip import Cores
from fleet.ascend.chips.measures import HD_CODED_PIXELS, HD_PIXELS, MB, P720_PIXELS, Rate
from fleet.ascend.chips.video_limits import ChannelBand, InputBuffer, VencLimits
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat

_P = PixelFormat
_LARGEST = 4096 * 4096
_VENC = Ascend310.venc
assert isinstance(_VENC, VencLimits)

Ascend310P3 = replace(  # docs/chip.md#chip-tables: what is not said here is as on the 310
    Ascend310,
    name="Ascend310P3",  # docs/chip.md#model-soc
    memory_bytes=21534 * MB,  # docs/chip.md#memory-visible
    fp16_tflops=70,  # docs/chip.md#clock-fp16
    int8_tops=140,  # docs/chip.md#cores
    cores=Cores(  # docs/chip.md#cores
        ai_cores=8,
        vector_cores=7,
        ai_cpus=7,
        clock_hz=1_060_000_000,
        l2_bytes=16 * MB,
        most_streams=1024,
    ),
    vdec=replace(
        Ascend310.vdec,
        # docs/chip.md#vdec-output-format
        output_formats=frozenset({_P.NV12, _P.NV21, _P.RGB_888, _P.BGR_888}),
        channel_ids=256,  # docs/chip.md#vdec-ids
        default_largest=Size(4096, 4096),  # docs/chip.md#vdec-size-change
        settings={  # docs/chip.md#vdec-settings
            "ref_frame_num": range(17),
            "bit_depth": range(2),
            "csc_matrix": range(6),
        },
        # docs/chip.md#vdec-channels
        channels=(
            ChannelBand(P720_PIXELS, ((Fraction(0), 192),)),
            ChannelBand(HD_CODED_PIXELS, ((Fraction(0), 96),)),
            ChannelBand(_LARGEST, ((Fraction(0), 24),)),
        ),
        input_buffers=(InputBuffer(_LARGEST, pixel_bytes=2),),  # docs/chip.md#vdec-memory
        rate=Rate(HD_PIXELS * 2880, 5760),  # docs/chip.md#clock-vdec
        channel_rate=Rate(HD_PIXELS * 240, 480),  # docs/chip.md#clock-vdec-channel
    ),
    vpc=replace(
        Ascend310.vpc,
        other_stride=replace(Ascend310.vpc.stride, height_step=1),  # docs/chip.md#vpc-stride
        output_formats=frozenset(  # docs/chip.md#vpc-formats
            {
                *(_P.YUV_400, _P.NV12, _P.NV21, _P.YUV_422SP, _P.YVU_422SP, _P.YUV_444),
                *(_P.RGB_888, _P.BGR_888, _P.ARGB_8888, _P.ABGR_8888, _P.RGBA_8888, _P.BGRA_8888),
            }
        ),
        # docs/chip.md#vpc-operations
        operations=frozenset(
            {"convert colour", "make border", "equalize histogram", "count histogram", "look up"}
        ),
        gray_buffer=Fraction(1),  # docs/chip.md#vpc-formats
        cuts_odd_sizes=False,  # docs/chip.md#vpc-even
        max_rgb_ratio=512,  # docs/chip.md#vpc-ratio
        even_areas=False,  # docs/chip.md#vpc-crop
        interpolations=frozenset(range(3)),  # docs/chip.md#vpc-interpolation
        command_bytes=4 * MB,  # docs/chip.md#vpc-commands
        rate=Rate(HD_PIXELS * 4320),  # docs/chip.md#clock-vpc
    ),
    jpegd=replace(
        Ascend310.jpegd,
        stride=replace(Ascend310.jpegd.stride, width_step=64, min_width=64),
        address_step=1,  # docs/chip.md#memory-address
    ),
    jpege=replace(  # docs/chip.md#clock-jpege
        Ascend310.jpege, rate=Rate(HD_PIXELS * 1024), channel_rate=Rate(HD_PIXELS * 128)
    ),
    venc=replace(  # docs/chip.md#venc
        _VENC,
        source_rate=range(1, 241),
        bit_rate_kbit_s=range(2, 614401),
        default_bit_rate_kbit_s=2000,
        default_rate_control="VBR",
        output_bytes=8 * MB,
    ),
)
