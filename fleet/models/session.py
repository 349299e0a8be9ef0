"""The one place that sets up ONNX Runtime, which stands in for the chip's compute cores."""

from __future__ import annotations

import onnxruntime
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnxruntime.capi import onnxruntime_pybind11_state as answers

from fleet.models.whole_file import parse_model

SESSION_ERRORS: tuple[type[Exception], ...] = (
    DecodeError,
    answers.EPFail,
    answers.EngineError,
    answers.Fail,
    answers.InvalidArgument,
    answers.InvalidGraph,
    answers.InvalidProtobuf,
    answers.NoModel,
    answers.NotFound,
    answers.NotImplemented,
    answers.RuntimeException,
)
"""The errors for a model that cannot be opened or run; ONNX Runtime's share no base class."""


def open_session(model: bytes, name: str, *, optimise: bool = True) -> onnxruntime.InferenceSession:
    """Open a model on one thread that sleeps when idle.

    `name` names its file in errors. Raises one of SESSION_ERRORS where it cannot be opened, and
    ModelRefusedError, before ONNX Runtime sees it, where it names data outside its own bytes.

    There is one thread because each device gets one of the machine's cores. Without `optimise` the
    model opens faster, for reading its metadata or for a single run.
    """
    parse_model(model, name)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Else bytes that look like its own format as well would be read as another model than ours.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # Errors come as exceptions; what it also writes to stderr would hold any name of the file.
    options.log_severity_level = 4
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimise else level.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
