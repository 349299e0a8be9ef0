"""The messages of caffe.proto that Fleet reads, for protobuf, which parses text and bytes alike.

Names and numbers are those of BVLC's caffe.proto, and for the layers that Ascend adds those of the
documentation of ATC (hicann/ge, docs/zh/user_guides/atc_tools, extended operators); those of SSD
are its branch's. Fields of a binary file that are not here are skipped by protobuf: weights need
no more.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf import (  # type: ignore[import-untyped]
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)

PACKAGE = "fleet_caffe"
SCHEMA = """
BlobShape: *dim int64 1
BlobProto: shape BlobShape 7, *data float 5, *double_data double 8, num int32 1, channels int32 2,
  height int32 3, width int32 4
Filler: type string 1, value float 2, min float 3, max float 4, mean float 5, std float 6,
  sparse int32 7, variance_norm word 8
ParamSpec: name string 1, share_mode word 2, lr_mult float 3, decay_mult float 4
StateRule: phase Phase 1, min_level int32 2, max_level int32 3, *stage string 4, *not_stage string 5
NetParameter: name string 1, *input string 3, *input_shape BlobShape 8, *input_dim int32 4,
  force_backward bool 5, debug_info bool 7, *layer LayerParameter 100, *layers V1Layer 2
V1Layer: *bottom string 2, *top string 3, name string 4, *blobs BlobProto 6
LayerParameter: name string 1, type string 2, *bottom string 3, *top string 4, phase Phase 10,
  *loss_weight float 5, *param ParamSpec 6, *blobs BlobProto 7, *propagate_down bool 11,
  *include StateRule 8, *exclude StateRule 9, batch_norm_param BatchNorm 139,
  concat_param Concat 104, convolution_param Convolution 106, crop_param Crop 144,
  dropout_param Dropout 108, eltwise_param Eltwise 110, elu_param Elu 140,
  flatten_param Flatten 135, inner_product_param InnerProduct 117, input_param Input 143,
  pooling_param Pooling 121, power_param Power 122, prelu_param PReLU 131, relu_param ReLU 123,
  reshape_param Reshape 133, scale_param Scale 142, sigmoid_param Engine 124,
  softmax_param Softmax 125, slice_param Slice 126, tanh_param Engine 127,
  permute_param Permute 202, reorg_param Reorg 155, pass_through_param Reorg 156,
  prior_box_param PriorBox 203, norm_param Normalize 206,
  ssddetectionoutput_param SsdEnd 232, upsample_param Upsample 160, yolo_param Yolo 199,
  yolov3_detection_output_param YoloEnd 198
Input: *shape BlobShape 1
BatchNorm: use_global_stats bool 1, moving_average_fraction float 2, eps float 3 =1e-5
Concat: axis int32 2 =1, concat_dim uint32 1 =1
Convolution: num_output uint32 1, bias_term bool 2 =true, *pad uint32 3, *kernel_size uint32 4,
  *stride uint32 6, *dilation uint32 18, pad_h uint32 9, pad_w uint32 10, kernel_h uint32 11,
  kernel_w uint32 12, stride_h uint32 13, stride_w uint32 14, group uint32 5 =1,
  weight_filler Filler 7, bias_filler Filler 8, engine word 15, axis int32 16 =1,
  force_nd_im2col bool 17
Crop: axis int32 1 =2, *offset uint32 2
Dropout: dropout_ratio float 1, scale_train bool 2
Eltwise: operation EltwiseOp 1 =SUM, *coeff float 2, stable_prod_grad bool 3
Elu: alpha float 1 =1
Engine: engine word 1
Flatten: axis int32 1 =1, end_axis int32 2 =-1
InnerProduct: num_output uint32 1, bias_term bool 2 =true, weight_filler Filler 3,
  bias_filler Filler 4, axis int32 5 =1, transpose bool 6
Pooling: pool PoolMethod 1 =MAX, pad uint32 4, pad_h uint32 9, pad_w uint32 10,
  kernel_size uint32 2, kernel_h uint32 5, kernel_w uint32 6, stride uint32 3 =1,
  stride_h uint32 7, stride_w uint32 8, engine word 11, global_pooling bool 12,
  ceil_mode bool 13 =true, round_mode RoundMode 14 =CEIL
Power: power float 1 =1, scale float 2 =1, shift float 3
PReLU: filler Filler 1, channel_shared bool 2
ReLU: negative_slope float 1, engine word 2
Reshape: shape BlobShape 1, axis int32 2, num_axes int32 3 =-1
Scale: axis int32 1 =1, num_axes int32 2 =1, filler Filler 3, bias_term bool 4, bias_filler Filler 5
Softmax: engine word 1, axis int32 2 =1
Slice: axis int32 3 =1, *slice_point uint32 2, slice_dim uint32 1 =1
Permute: *order uint32 1
Reorg: reverse bool 1, stride uint32 2 =2
Upsample: scale float 1 =1, stride int32 2 =2, stride_h int32 3, stride_w int32 4
PriorBox: *min_size float 1, *max_size float 2, *aspect_ratio float 3, flip bool 4 =true,
  clip bool 5, *variance float 6, img_size uint32 7, img_h uint32 8, img_w uint32 9,
  step float 10, step_h float 11, step_w float 12, offset float 13 =0.5
Normalize: across_spatial bool 1 =true, scale_filler Filler 2, channel_shared bool 3 =true,
  eps float 4 =1e-10
SsdEnd: num_classes int32 1 =2, share_location bool 2 =true, background_label_id int32 3,
  iou_threshold float 4 =0.45, top_k int32 5 =400, eta float 6 =1,
  variance_encoded_in_target bool 7, code_type int32 8 =2, keep_top_k int32 9 =200,
  confidence_threshold float 10 =0.01
Yolo: boxes int32 1 =3, coords int32 2 =4, classes int32 3 =80, yolo_version string 4 =V3,
  softmax bool 5, background bool 6, softmaxtree bool 7
YoloEnd: boxes int32 1 =3, classes int32 2 =80, coords int32 3 =4, relative bool 4 =true,
  obj_threshold float 5 =0.5, score_threshold float 6 =0.5, iou_threshold float 7 =0.45,
  pre_nms_topn int32 8 =512, post_nms_topn int32 9 =1024, *biases_high float 10,
  *biases_mid float 11, *biases_low float 12
"""
"""A message a paragraph: fields as name, type, number and default; * marks repeated ones."""

ENUMS = {
    "Phase": {"TRAIN": 0, "TEST": 1},
    "EltwiseOp": {"PROD": 0, "SUM": 1, "MAX": 2},
    "PoolMethod": {"MAX": 0, "AVE": 1, "STOCHASTIC": 2},
    "RoundMode": {"CEIL": 0, "FLOOR": 1},
    # Words that mean something in training only.
    "word": {"DEFAULT": 0, "CAFFE": 1, "CUDNN": 2, "FAN_IN": 3, "FAN_OUT": 4, "AVERAGE": 5},
}
_Field = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    name: getattr(_Field, f"TYPE_{name.upper()}")
    for name in ("int32", "int64", "uint32", "float", "double", "bool", "string")
}
_LINE = re.compile(r"(\*?)(\w+) (\w+) (\d+)(?: =(\S+))?")


def _messages() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="fleet/caffe.proto", package=PACKAGE, syntax="proto2"
    )
    for enum, values in ENUMS.items():
        # Each in a message: the words of enums are unique within what holds them.
        holder = file.message_type.add(name=f"{enum}Words").enum_type.add(name=enum)
        for word, number in values.items():
            holder.value.add(name=word, number=number)
    for paragraph in re.split(r"\n(?=\w)", SCHEMA.strip()):
        name, _, rest = paragraph.partition(":")
        message = file.message_type.add(name=name)
        for field in re.sub(r"\s+", " ", rest).strip().split(", "):
            _add_field(message, field)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found: dict[str, Any] = message_factory.GetMessageClassesForFiles([file.name], pool)
    return found


def _add_field(message: Any, text: str) -> None:
    match = _LINE.fullmatch(text)
    assert match, text
    star, name, kind, number, default = match.groups()
    repeated = _Field.LABEL_REPEATED if star else _Field.LABEL_OPTIONAL
    field = message.field.add(name=name, number=int(number), label=repeated)
    if kind in SCALARS:
        field.type = SCALARS[kind]
    elif kind in ENUMS:
        field.type, field.type_name = _Field.TYPE_ENUM, f".{PACKAGE}.{kind}Words.{kind}"
    else:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    if default is not None:
        field.default_value = default


_CLASSES = _messages()


def new_net() -> Any:
    """Return an empty NetParameter, the message of both files of a network."""
    return _CLASSES[f"{PACKAGE}.NetParameter"]()
