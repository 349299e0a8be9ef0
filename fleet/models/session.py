"""The one place that sets up ONNX Runtime, which stands in for the chip's compute cores."""

from __future__ import annotations

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as answers

SESSION_ERRORS: tuple[type[Exception], ...] = (
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
"""The errors of ONNX Runtime for a model that it cannot open or run; they share no base class."""


def open_session(model: bytes, *, optimise: bool = True) -> onnxruntime.InferenceSession:
    """Open a model on one thread that sleeps when idle; raises one of SESSION_ERRORS.

    There is one thread because each device gets one of the machine's cores. Without `optimise` the
    model opens faster, for reading its metadata or for a single run.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimise else level.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
