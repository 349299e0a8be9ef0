"""The loss of three maps: CIoU for boxes, cross-entropy for objectness and classes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from fleet.train.data.targets import ANCHORS, STRIDES, MapTargets

BOX_WEIGHT = 5.0
_MOST_GROWTH = 4.0
"""The limit for exp: a box 54 times its anchor is too far off to learn from."""


def street_loss(maps: Sequence[Tensor], targets: Sequence[MapTargets]) -> Tensor:
    """Return box, objectness and class loss of all maps, summed, per cell and anchor with a figure.

    Maps are float [N, anchors * (5 + classes), rows, columns]; the loss is computed in float32. The
    target of the objectness is the overlap of the predicted box with the true one.
    """
    total = torch.zeros(())
    found = 0
    for values, target, group, stride in zip(maps, targets, ANCHORS, STRIDES, strict=True):
        found += len(target.image)
        total = total + _map_loss(values.float(), target, group, stride)
    return total / max(1, found)


def _map_loss(
    values: Tensor, target: MapTargets, group: Sequence[tuple[float, float]], stride: int
) -> Tensor:
    images, _, rows, columns = values.shape
    cells = values.view(images, len(group), -1, rows, columns)
    image, anchor, row, column, label = (
        torch.from_numpy(index)
        for index in (target.image, target.anchor, target.row, target.column, target.label)
    )
    chosen = cells[image, anchor, :, row, column]
    boxes = _boxes(chosen, torch.stack([column, row], 1), torch.tensor(group)[anchor], stride)
    overlap, ciou = complete_iou(boxes, torch.from_numpy(target.xyxy))
    wanted = torch.zeros(images, len(group), rows, columns)
    wanted[image, anchor, row, column] = overlap.detach().clamp(0, 1)
    weight = torch.from_numpy(target.judged)[:, None].expand_as(wanted).float().clone()
    weight[image, anchor, row, column] = 1.0
    objectness = cross_entropy(cells[:, :, 4], wanted, weight, reduction="sum")
    hot = torch.nn.functional.one_hot(label, chosen.shape[1] - 5).float()
    classes = cross_entropy(chosen[:, 5:], hot, reduction="sum")
    return BOX_WEIGHT * (1 - ciou).sum() + objectness + classes


def _boxes(chosen: Tensor, cell: Tensor, anchors: Tensor, stride: int) -> Tensor:
    """Return boxes as the head reads them: x1, y1, x2, y2 in pixels, [m, 4]."""
    centre = (chosen[:, 0:2].sigmoid() + cell) * stride
    half = chosen[:, 2:4].clamp(max=_MOST_GROWTH).exp() * anchors / 2
    return torch.cat([centre - half, centre + half], 1)


def complete_iou(boxes: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Return IoU and CIoU of pairs of boxes [m, 4] (Zheng et al., "Distance-IoU Loss", 2020)."""
    size, other_size = boxes[:, 2:] - boxes[:, :2], others[:, 2:] - others[:, :2]
    low, high = (
        torch.maximum(boxes[:, :2], others[:, :2]),
        torch.minimum(boxes[:, 2:], others[:, 2:]),
    )
    shared = (high - low).clamp(min=0).prod(1)
    iou = shared / (size.prod(1) + other_size.prod(1) - shared + 1e-7)
    outer = torch.maximum(boxes[:, 2:], others[:, 2:]) - torch.minimum(boxes[:, :2], others[:, :2])
    apart = (boxes[:, :2] + boxes[:, 2:] - others[:, :2] - others[:, 2:]).pow(2).sum(1) / 4
    angle = torch.atan(other_size[:, 0] / other_size[:, 1]) - torch.atan(size[:, 0] / size[:, 1])
    shape = 4 / math.pi**2 * angle.pow(2)
    with torch.no_grad():
        trade = shape / (1 - iou + shape + 1e-7)
    return iou, iou - apart / (outer.pow(2).sum(1) + 1e-7) - trade * shape
