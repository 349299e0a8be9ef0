"""The Ascend 310: Atlas 200, 300 and 500 inference products."""

from __future__ import annotations

from fractions import Fraction

from fleet.ascend.chips.chip import Cores, Soc
from fleet.ascend.chips.measures import (
    HD_CODED_PIXELS,
    HD_PIXELS,
    MB,
    P720_PIXELS,
    Rate,
    SizeRange,
    StrideRule,
)
from fleet.ascend.chips.picture_limits import (
    AippLimits,
    JpegdLimits,
    JpegeLimits,
    PngdLimits,
    VpcLimits,
)
from fleet.ascend.chips.video_limits import (
    ChannelBand,
    CodecLimits,
    InputBuffer,
    VdecLimits,
    VencLimits,
)
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat

_P = PixelFormat
_420SP = frozenset({_P.NV12, _P.NV21})
_LARGEST = 4096 * 4096
_25, _20, _ANY = Fraction(25), Fraction(20), Fraction(0)
_OVER_15 = Fraction(15001, 1000)
"""The slowest band ends at 15, itself included."""

Ascend310 = Soc(
    name="Ascend310",
    memory_bytes=7759 * MB,  # docs/chip.md#memory-visible
    fp16_tflops=8,  # docs/chip.md#clock-fp16: the launch figure
    int8_tops=16,  # docs/chip.md#cores: the launch figure
    cores=Cores(  # docs/chip.md#cores
        ai_cores=2,
        vector_cores=0,
        ai_cpus=4,
        clock_hz=680_000_000,
        l2_bytes=8 * MB,
        most_streams=1024,
    ),
    vdec=VdecLimits(
        codecs=(  # docs/chip.md#vdec-codecs, docs/chip.md#vdec-interlaced, docs/chip.md#vdec-memory
            CodecLimits(
                name="h264",
                title="H.264",
                profiles=frozenset({"Baseline", "Constrained Baseline", "Main", "High"}),
                bit_depths=frozenset({8}),
                interlaced=True,
                motion_bytes=MB // 2,
            ),
            CodecLimits(
                name="hevc",
                title="H.265",
                profiles=frozenset(
                    # The last two use Main's tools, without inter prediction (H.265 A.3.5).
                    {"Main", "Main 10", "Main Still Picture", "Main Intra", "Main 10 Intra"}
                ),
                bit_depths=frozenset({8, 10}),
                interlaced=False,
                motion_bytes=MB,
            ),
        ),
        chroma="4:2:0",  # docs/chip.md#vdec-codecs
        most_level=5.1,  # docs/chip.md#vdec-codecs
        input=SizeRange(Size(128, 128), Size(4096, 4096)),  # docs/chip.md#vdec-sizes
        output=SizeRange(Size(10, 6), Size(4096, 4096)),  # docs/chip.md#vdec-output-sizes
        output_formats=_420SP,  # docs/chip.md#vdec-output-format
        stride=StrideRule(16, 2, 32, 4096, 6, 4096),  # docs/chip.md#vdec-stride
        channel_ids=32,  # docs/chip.md#vdec-ids
        default_largest=Size(1920, 1120),  # docs/chip.md#vdec-size-change
        settings={},  # docs/chip.md#vdec-settings
        # docs/chip.md#vdec-channels
        channels=(
            ChannelBand(P720_PIXELS, ((_ANY, 32),)),
            ChannelBand(HD_CODED_PIXELS, ((_25, 16), (_20, 19), (_OVER_15, 24), (_ANY, 32))),
            ChannelBand(_LARGEST, ((_25, 4), (_20, 4), (_OVER_15, 6), (_ANY, 8))),
        ),
        channel_fixed_bytes=4 * MB,  # docs/chip.md#vdec-memory, these three
        input_buffers=(
            InputBuffer(HD_CODED_PIXELS, fixed_bytes=6 * MB),
            InputBuffer(_LARGEST, fixed_bytes=9 * MB),
        ),
        frame_bytes=3 * MB,
        rate=Rate(HD_PIXELS * 480, 960),  # docs/chip.md#clock-vdec: 480 at 1080p, 960 up to 720p
        channel_rate=Rate(HD_PIXELS * 240),  # docs/chip.md#clock-vdec-channel
    ),
    vpc=VpcLimits(
        input=SizeRange(Size(10, 6), Size(8192, 8192)),  # docs/chip.md#vpc-input
        output=SizeRange(Size(10, 6), Size(4096, 4096)),  # docs/chip.md#vpc-output
        stride=StrideRule(16, 2, 32, 16384, 6, 16384),  # docs/chip.md#vpc-stride
        other_stride=StrideRule(16, 2, 32, 16384, 6, 16384),
        large_side=4096,  # docs/chip.md#vpc-stride, these three
        large_stride=StrideRule(2, 2, 32, 16384, 6, 16384),
        large_formats=_420SP,
        # docs/chip.md#vpc-formats
        input_formats=frozenset(f for f in PixelFormat if f <= _P.NV21_10BIT),
        output_formats=_420SP,  # docs/chip.md#vpc-formats
        operations=frozenset(),  # docs/chip.md#vpc-operations
        gray_buffer=Fraction(3, 2),  # docs/chip.md#vpc-formats
        most_regions=256,  # docs/chip.md#vpc-operations
        cuts_odd_sizes=True,  # docs/chip.md#vpc-even
        min_ratio=1 / 32,  # docs/chip.md#vpc-ratio
        max_ratio=16,
        max_rgb_ratio=16,
        even_areas=True,  # docs/chip.md#vpc-crop and docs/chip.md#vpc-paste
        paste_left_step=16,  # docs/chip.md#vpc-paste
        interpolations=frozenset(range(5)),  # docs/chip.md#vpc-interpolation
        channels=256,  # docs/chip.md#vpc-commands
        command_bytes=2 * MB,  # docs/chip.md#vpc-commands
        rate=Rate(HD_PIXELS * 1440),  # docs/chip.md#clock-vpc, the whole chip
        channel_rate=Rate(HD_PIXELS * 360),  # docs/chip.md#clock-vpc-engine, n = 1
    ),
    jpegd=JpegdLimits(
        input=SizeRange(Size(32, 32), Size(8192, 8192)),  # docs/chip.md#jpegd-sizes
        output_formats={  # docs/chip.md#jpegd-formats
            "4:4:4": (_P.YVU_444SP, _P.NV21, _P.NV12),
            "4:2:2": (_P.YVU_422SP, _P.YUV_422SP, _P.NV21, _P.NV12),
            "4:2:0": (_P.NV21, _P.NV12),
            "4:0:0": (_P.NV21, _P.NV12),
            "4:4:0": (_P.YVU_440SP, _P.YUV_440SP, _P.NV21, _P.NV12),
        },
        settable_formats=frozenset(  # docs/chip.md#jpegd-formats
            {
                *(_P.NV12, _P.NV21, _P.YUV_422SP, _P.YVU_422SP, _P.YVU_444SP),
                *(_P.YUV_440SP, _P.YVU_440SP, _P.UNKNOWN),
            }
        ),
        stride=StrideRule(128, 16, 128, 16384, 16, 16384),  # docs/chip.md#jpegd-stride
        address_step=128,  # docs/chip.md#memory-address
        most_huffman_tables=2,  # docs/chip.md#jpegd-tables, these two
        most_quantiser_tables=3,
        tail_bytes=8,  # docs/chip.md#jpegd-buffer
        rate=Rate(HD_PIXELS * 256),  # docs/chip.md#clock-jpegd
        channel_rate=Rate(HD_PIXELS * 128),
    ),
    jpege=JpegeLimits(
        input=SizeRange(Size(32, 32), Size(8192, 8192)),  # docs/chip.md#jpege-sizes
        input_formats=_420SP | {_P.YUYV, _P.UYVY, _P.YVYU, _P.VYUY},  # docs/chip.md#jpege-input
        stride_step=16,  # docs/chip.md#jpege-stride
        header_bytes=640 + 128,  # docs/chip.md#jpege-predicted
        size_step=2 * MB,  # docs/chip.md#jpege-predicted
        rate=Rate(HD_PIXELS * 64),  # docs/chip.md#clock-jpege: 1080p 64 fps, 4K 16 fps
        channel_rate=Rate(HD_PIXELS * 64),  # docs/chip.md#clock-jpege: no figure for channels
    ),
    pngd=PngdLimits(
        input=SizeRange(Size(32, 32), Size(4096, 4096)),  # docs/chip.md#pngd, the first five
        colour_types=frozenset({0, 2, 4, 6}),
        output_formats=frozenset({_P.RGB_888, _P.RGBA_8888, _P.UNKNOWN}),
        width_step=128,
        height_step=16,
        rate=Rate(HD_PIXELS * 24),  # docs/chip.md#clock-pngd
        channel_rate=Rate(HD_PIXELS * 4),  # docs/chip.md#clock-pngd: n x 4
    ),
    venc=VencLimits(  # docs/chip.md#venc
        input=SizeRange(Size(128, 128), Size(1920, 1920)),
        input_formats=_420SP,
        key_interval=range(1, 65537),
        source_rate=range(1, 121),
        default_source_rate=30,
        bit_rate_kbit_s=range(10, 30001),
        default_bit_rate_kbit_s=300,
        default_rate_control="CBR",
        output_bytes=3_686_400,
        rate=Rate(HD_PIXELS * 30),  # docs/chip.md#clock-venc
    ),
    aipp=AippLimits(most_padded_width=1080),  # docs/chip.md#aipp-padded-width
    copy_bytes_per_s=1000 * HD_PIXELS * 3 / 2,  # docs/chip.md#clock-copy
)
