"""The classic YOLOv3 of two inputs in Caffe's form, at reduced width, with its end as ATC takes it."""

from __future__ import annotations

import numpy as np
from caffe_nets import Array, layer, prototxt
from street_caffe import with_yolo_end

CLASSES = 2
CHANNELS = 3 * (5 + CLASSES)
SIDE = 64
MAPS = ("coarse", "middle", "fine")
BIASES = ("30 20 20 40 60 50", "12 10 9 16 22 14", "4 3 3 6 8 7")


def classic() -> str:
    """A backbone with leaky ReLU, three maps of strides 32, 16 and 8, two inputs and the end."""
    leaky = "relu_param { negative_slope: 0.1 }"
    down = "convolution_param {{ num_output: {} kernel_size: 3 stride: {} pad: 1 }}"
    one = f"convolution_param {{ num_output: {CHANNELS} kernel_size: 1 }}"
    layers = [
        layer("Convolution", ["data"], ["a"], down.format(4, 2)),
        layer("BatchNorm", ["a"], ["a"], name="a_bn"),
        layer("Scale", ["a"], ["a"], "scale_param { bias_term: true }", name="a_scale"),
        layer("ReLU", ["a"], ["a"], leaky, name="a_relu"),
        layer("Convolution", ["a"], ["b"], down.format(4, 4)),
        layer("ReLU", ["b"], ["b"], leaky, name="b_relu"),
        layer("Convolution", ["b"], ["c"], down.format(6, 2)),
        layer("Convolution", ["c"], ["d"], down.format(6, 2)),
        layer("Convolution", ["d"], ["coarse"], one),
        layer("Upsample", ["d"], ["up"], "upsample_param { scale: 1 stride: 2 }"),
        layer("Concat", ["up", "c"], ["joined"]),
        layer("Convolution", ["joined"], ["middle"], one),
        layer("Convolution", ["b"], ["fine"], one),
    ]
    return with_yolo_end(
        prototxt((1, 3, SIDE, SIDE), *layers),
        MAPS,
        BIASES,
        CLASSES,
        "iou_threshold: 0.4",
        info_first=True,
    )


def weights(seed: int) -> dict[str, list[Array]]:
    """Random weights for it."""
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> Array:
        return rng.normal(0, 0.3, shape).astype(np.float32)

    shapes = {"a": (4, 3, 3), "b": (4, 4, 3), "c": (6, 4, 3), "d": (6, 6, 3)}
    shapes |= {"coarse": (CHANNELS, 6, 1), "middle": (CHANNELS, 12, 1), "fine": (CHANNELS, 4, 1)}
    found = {name: [some(o, i, k, k), some(o)] for name, (o, i, k) in shapes.items()}
    spread = rng.uniform(0.5, 2, 4).astype(np.float32)
    found["a_bn"] = [some(4), spread, np.ones(1, np.float32)]
    found["a_scale"] = [some(4), some(4)]
    return found
