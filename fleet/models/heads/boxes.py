"""The heads of networks that put out finished boxes, with scores, classes and perhaps a count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Fit, Size
from fleet.models.heads.head import Candidates, Claim, Head, Output, Shape, Traits

ROLES = ("boxes", "scores", "labels", "count")
READS = (
    "it reads boxes [N, K, 4], scores [N, K], labels [N, K] and perhaps a count [N], or dets "
    "[N, K, 5] and labels [N, K]"
)

MMDEPLOY = ["dets", "labels"]
"""What MMDeploy calls its outputs."""


@dataclass(frozen=True)
class Boxes(Head):
    """A head for boxes [N, K, 4], scores [N, K], labels [N, K] and a count [N], in any order.

    They are matched by names and shapes; MMDeploy has the score as the fifth number of a box. Boxes
    are x1, y1, x2, y2 in pixels of the canvas; by TensorFlow's names (detection_boxes ...) they are
    y1, x1, y2, x2 relative to it, and labels begin at 1. Boxes after the count are not read,
    and none is suppressed again.
    """

    fit: Fit = Fit.STRETCH
    iou: float = 1.0
    where: tuple[int, ...] = ()
    """Which output has boxes, scores, labels and, where there is one, the count."""
    relative: int = 0
    """1 for boxes y1, x1, y2, x2 relative to the canvas, with labels from 1."""
    settings: ClassVar[tuple[str, ...]] = ("where", "relative")
    whole_numbers: ClassVar[bool] = True
    NAMES: ClassVar[tuple[frozenset[str], ...]] = (
        frozenset({"boxes", "detection_boxes", "bboxes"}),
        frozenset({"scores", "detection_scores"}),
        frozenset({"labels", "classes", "class_ids", "detection_classes"}),
        frozenset({"count", "num_detections", "num", "num_boxes"}),
    )
    """What exporters call boxes, scores, labels and count."""

    def arranged(self, outputs: Sequence[Output], labels: int) -> Self:
        """Return the head for these outputs, matched by names, and boxes and count by shapes."""
        del labels
        shapes = [output.shape for output in outputs]
        if [output.name for output in outputs] in (MMDEPLOY, MMDEPLOY[::-1]):
            where = 0 if outputs[0].name == MMDEPLOY[0] else 1
            fits = len(shapes[where]) == 3 and shapes[where][2] == 5
            return replace(self, where=(where, 1 - where)) if fits else self
        left = set(range(len(outputs)))
        found: list[int] = []
        for role, names in enumerate(self.NAMES):
            shaped = [at for at in sorted(left) if _suits(shapes[at], role)]
            at = next((at for at in shaped if outputs[at].name in names), None)
            if at is None and role in {0, 3} and len(shaped) == 1:
                at = shaped[0]
            if at is not None:
                left.discard(at)
                found.append(at)
        if left or len(found) != len(outputs) or len(found) not in {3, 4}:
            return self
        relative = int(outputs[found[0]].name == "detection_boxes")
        return replace(self, where=tuple(found), relative=relative)

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether boxes, scores and labels are named so, and have such shapes."""
        head = self.arranged(traits.outputs, 0)
        if not head.where or head.explain_mismatch(traits.shapes, 0, traits.canvas):
            return None
        roles = ROLES if len(head.where) > 2 else ("boxes with scores", "labels")
        named = ", ".join(
            f"{traits.outputs[at].name} for {role}"
            for at, role in zip(head.where, roles, strict=False)
        )
        return Claim(None, f"finished boxes: {named}")

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not boxes, scores, labels and a count; see Head."""
        del labels, canvas
        if len(self.where) != len(outputs):
            return f"{READS}; which is which, names must say"
        if len(self.where) == 2:
            boxes, classes = (outputs[at] for at in self.where)
            return None if boxes == (*classes, 5) and len(classes) == 2 else READS
        boxes, scores, classes, *count = (outputs[at] for at in self.where)
        if len(boxes) != 3 or boxes[2] != 4 or not scores == classes == boxes[:2]:
            return READS
        if count and count[0] not in {(boxes[0],), (boxes[0], 1)}:
            return READS
        return None

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read boxes, scores, labels and count; see Head."""
        read = [outputs[at] for at in self.where]
        if len(read) == 2:
            read = [read[0][..., :4], read[0][..., 4], read[1]]
        boxes, scores, classes, *count = read
        most = count[0].reshape(-1) if count else np.full(len(boxes), boxes.shape[1])
        if self.relative:
            side = np.array([canvas.width, canvas.height] * 2, np.float32)
            boxes, classes = boxes[..., [1, 0, 3, 2]] * side, classes - 1
        found = []
        for number, limit in enumerate(most):
            kept = np.flatnonzero(scores[number, : int(limit)] > threshold)
            class_id = np.rint(classes[number, kept]).astype(np.int32)
            found.append(Candidates(boxes[number, kept], scores[number, kept], class_id))
        return found


@dataclass(frozen=True)
class EfficientNms(Boxes):
    """A head for the four outputs of TensorRT's EfficientNMS and BatchedNMS; see Boxes.

    They are num_dets [N, 1], det_boxes [N, K, 4] in pixels, det_scores and det_classes [N, K].
    """

    fit: Fit = Fit.LETTERBOX
    NAMES: ClassVar[tuple[frozenset[str], ...]] = (
        frozenset({"det_boxes", "nmsed_boxes"}),
        frozenset({"det_scores", "nmsed_scores"}),
        frozenset({"det_classes", "nmsed_classes"}),
        frozenset({"num_dets", "num_detections"}),
    )

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether there are all four, by their names; see Boxes."""
        names = {output.name for output in traits.outputs}
        if len(names) != len(ROLES) or not all(names & known for known in self.NAMES):
            return None
        return super().recognise(traits)


@dataclass(frozen=True)
class TorchVision(Boxes):
    """A head for boxes [K, 4], scores [K] and labels [K] of one picture, by these names; see Boxes.

    Detectors of torchvision put them out without a batch, labels with the background as 0, and
    bring pictures of 0..1 to ImageNet's mean and deviation themselves.
    """

    batch_first: ClassVar[bool] = False
    one_picture: ClassVar[bool] = True

    def arranged(self, outputs: Sequence[Output], labels: int) -> Self:
        """Return the head for these outputs, by their names."""
        del labels
        names = [output.name for output in outputs]
        roles = ("boxes", "scores", "labels")
        if sorted(names) != sorted(roles):
            return self
        return replace(self, where=tuple(names.index(role) for role in roles))

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not boxes, scores and labels of one picture; see Head."""
        del labels, canvas
        if len(self.where) == len(outputs) == 3:
            boxes, scores, classes = (outputs[at] for at in self.where)
            if boxes == (*scores, 4) and scores == classes and len(scores) == 1:
                return None
        return "it reads outputs called boxes [K, 4], scores [K] and labels [K]"

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read boxes, scores and labels of one picture; see Head."""
        return super().decode([output[None] for output in outputs], canvas, threshold)


def _suits(shape: Shape, role: int) -> bool:
    if role == 0:
        return len(shape) == 3 and shape[2] == 4
    if role == ROLES.index("count"):
        return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)
    return len(shape) == 2
