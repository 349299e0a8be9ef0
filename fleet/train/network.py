"""The street network: like YOLOv3 with three maps, and small enough for a picture in 20 ms."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from fleet.street.scene.clip import LABELS
from fleet.train.data.targets import ANCHORS
from fleet.train.numerics.precision import CubeConv

CHANNELS = 5 + len(LABELS)
_WIDTHS = (16, 32, 64, 96, 128)
_NECK = (32, 48, 64)
_RARE = 0.01
"""The initial probability of an object in a cell: nearly all cells see none."""


class Block(nn.Sequential):
    """A convolution, batch norm and SiLU."""

    def __init__(self, before: int, after: int, side: int = 3, stride: int = 1) -> None:
        super().__init__(
            CubeConv(before, after, side, stride, side // 2, bias=False),
            nn.BatchNorm2d(after, momentum=0.03),
            nn.SiLU(inplace=True),
        )


class Residual(nn.Module):
    """A residual block as in Darknet: halve the channels, restore them, add."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow = Block(channels, channels // 2, 1)
        self.widen = Block(channels // 2, channels, 3)

    def forward(self, values: Tensor) -> Tensor:
        """Return values of the same shape."""
        result: Tensor = values + self.widen(self.narrow(values))
        return result


def _stage(before: int, after: int, residuals: int) -> nn.Sequential:
    return nn.Sequential(Block(before, after, 3, 2), *[Residual(after) for _ in range(residuals)])


class StreetNet(nn.Module):
    """A network from pictures [N, 3, height, width], RGB 0..1, to three raw maps.

    Sides are multiples of 32. A map is [N, 3 * (5 + classes), height / stride, width / stride], as
    `fleet.models.heads.yolov3` reads it. The features of stride 32 reach all maps.
    """

    def __init__(self) -> None:
        super().__init__()
        first, *widths = _WIDTHS
        self.stem = Block(3, first, 3, 2)
        self.stage4 = _stage(first, widths[0], 1)
        self.stage8 = _stage(widths[0], widths[1], 2)
        self.stage16 = _stage(widths[1], widths[2], 2)
        self.stage32 = _stage(widths[2], widths[3], 1)
        self.lateral16 = Block(widths[3], _NECK[2], 1)
        self.fuse16 = Block(widths[2] + _NECK[2], _NECK[2])
        self.lateral8 = Block(_NECK[2], _NECK[1], 1)
        self.fuse8 = Block(widths[1] + _NECK[1], _NECK[1])
        self.lateral4 = Block(_NECK[1], _NECK[0], 1)
        self.fuse4 = Block(widths[0] + _NECK[0], _NECK[0])
        self.heads = nn.ModuleList(
            CubeConv(channels, len(group) * CHANNELS, 1)
            for channels, group in zip(_NECK, ANCHORS, strict=True)
        )
        self._start_rare()

    def _start_rare(self) -> None:
        for head in self.heads:
            assert isinstance(head, CubeConv)
            assert head.bias is not None
            nn.init.normal_(head.weight, std=0.01)
            with torch.no_grad():
                head.bias.zero_()
                head.bias.view(-1, CHANNELS)[:, 4] = math.log(_RARE / (1 - _RARE))
                head.bias.view(-1, CHANNELS)[:, 5:] = -1.0

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the maps of strides 4, 8 and 16."""
        at4 = self.stage4(self.stem(pictures))
        at8 = self.stage8(at4)
        at16 = self.stage16(at8)
        at32 = self.stage32(at16)
        fused16 = self.fuse16(torch.cat([at16, _twice(self.lateral16(at32))], 1))
        fused8 = self.fuse8(torch.cat([at8, _twice(self.lateral8(fused16))], 1))
        fused4 = self.fuse4(torch.cat([at4, _twice(self.lateral4(fused8))], 1))
        head4, head8, head16 = self.heads
        return head4(fused4), head8(fused8), head16(fused16)


def _twice(values: Tensor) -> Tensor:
    return functional.interpolate(values, scale_factor=2.0, mode="nearest")
