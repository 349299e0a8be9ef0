"""The one place that sets up ONNX Runtime, which stands in for the chip's compute cores."""

from __future__ import annotations

from collections.abc import Sequence

import onnxruntime
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnxruntime.capi import onnxruntime_pybind11_state as answers

from fleet.errors import UsageError
from fleet.models.providers import CPU, SUFFIX, Provider, threads_of
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


def open_session(
    model: bytes, name: str, *, optimise: bool = True, providers: Sequence[Provider] = ()
) -> onnxruntime.InferenceSession:
    """Open a model on one thread that sleeps when idle, or with the providers that are named.

    `name` names its file in errors. Raises one of SESSION_ERRORS where it cannot be opened, and
    ModelRefusedError, before ONNX Runtime sees it, where it names data outside its own bytes; and
    UsageError where a provider is not installed, or does not start.

    There is one thread because each device gets one of the machine's cores. Without `optimise` the
    model opens faster, for reading its metadata or for a single run.
    """
    parse_model(model, name)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads_of(providers)
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Else bytes that look like its own format as well would be read as another model than ours.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # Errors come as exceptions; what it also writes to stderr would hold any name of the file.
    options.log_severity_level = 4
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimise else level.ORT_DISABLE_ALL
    if not providers:
        return onnxruntime.InferenceSession(model, options, providers=[CPU + SUFFIX])
    names = [_installed(provider) for provider in providers]
    given = [{} if provider.is_cpu else dict(provider.options) for provider in providers]
    try:
        session = onnxruntime.InferenceSession(model, options, names, given)
    except SESSION_ERRORS as error:
        if all(provider.is_cpu for provider in providers):
            raise
        message = f"ONNX Runtime cannot open {name} with {', '.join(map(str, providers))}: {error}"
        raise UsageError(message, "See its documentation of the provider's options.") from error
    # Where one cannot start, ONNX Runtime goes on with the others.
    if missing := [name for name in names if name not in session.get_providers()]:
        message = f"ONNX Runtime has {missing[0]}, and could not start it."
        raise UsageError(message, "See whether its driver, its libraries and a device are there.")
    return session


def _installed(provider: Provider) -> str:
    """Return ONNX Runtime's name of a provider; raises UsageError where it is not installed."""
    there: dict[str, str] = {name.lower(): name for name in onnxruntime.get_available_providers()}
    found = there.get((provider.name + SUFFIX).lower())
    if found is None:
        known = ", ".join(name.removesuffix(SUFFIX) for name in there.values())
        raise UsageError(
            f"The installed ONNX Runtime has no provider {provider.name}.",
            f"Choose among: {known}; or install an ONNX Runtime that has it.",
        )
    return found
