"""The one place that sets up ONNX Runtime, which stands in for the chip's compute cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import onnxruntime
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnxruntime.capi import onnxruntime_pybind11_state as answers

from fleet.errors import UsageError
from fleet.guide import PROVIDERS
from fleet.models.plugins import EXTRAS, is_plugin, use_plugin
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


INPUTS = "fleet.inputs"
"""The key of a network's metadata that names, one a line, the picture and further inputs, in the
order in which they are fed. Each further one has a value of its own, an initializer of its name,
which a caller may replace."""
KINDS = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}


@dataclass(frozen=True)
class TensorInfo:
    """The name, type and shape of one input or output of a network."""

    name: str
    """As the network calls it."""
    dtype: str
    """By NumPy's name."""
    shape: tuple[int, ...]
    """Lengths; -1 where one is open."""

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} {list(self.shape)}"

    @property
    def nbytes(self) -> int:
        """How many bytes it takes; 0 where a length is open."""
        return 0 if -1 in self.shape else prod(self.shape) * np.dtype(self.dtype).itemsize


def input_order(session: onnxruntime.InferenceSession) -> tuple[str, ...]:
    """Return the names of a network's inputs in the order in which they are fed."""
    named = session.get_modelmeta().custom_metadata_map.get(INPUTS, "").splitlines()
    return tuple(named) or tuple(item.name for item in session.get_inputs())


def further_inputs(session: onnxruntime.InferenceSession) -> tuple[TensorInfo, ...]:
    """Return the inputs besides the picture that a network's metadata names, in its order."""
    known = {item.name: info_of(item) for item in session.get_overridable_initializers()}
    return tuple(known[name] for name in input_order(session) if name in known)


def info_of(item: onnxruntime.NodeArg) -> TensorInfo:
    """Return the description of one of a session's inputs or outputs."""
    dtype = KINDS.get(item.type, item.type.removeprefix("tensor(").removesuffix(")"))
    shape = tuple(length if isinstance(length, int) else -1 for length in item.shape or ())
    return TensorInfo(item.name, dtype, shape)


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
    try:
        session, names = _opened(model, options, providers)
    except SESSION_ERRORS as error:
        if all(provider.is_cpu for provider in providers):
            raise
        message = f"ONNX Runtime cannot open {name} with {', '.join(map(str, providers))}: {error}"
        way_out = "See its documentation of the provider's options."
        raise UsageError(message, way_out).about(PROVIDERS) from error
    # Where one cannot start, ONNX Runtime goes on with the others.
    if missing := [name for name in names if name not in session.get_providers()]:
        message = f"ONNX Runtime has {missing[0]}, and could not start it."
        way_out = "See whether its driver, its libraries and a device are there."
        raise UsageError(message, way_out).about(PROVIDERS)
    return session


def _opened(
    model: bytes, options: onnxruntime.SessionOptions, providers: Sequence[Provider]
) -> tuple[onnxruntime.InferenceSession, list[str]]:
    """Open a model with providers; return ONNX Runtime's names of those that it has to use."""
    built_in = {name.lower() for name in onnxruntime.get_available_providers()}
    named = {provider: f"{provider.name}{SUFFIX}".lower() for provider in providers}
    plugins = [one for one, name in named.items() if name not in built_in and is_plugin(one)]
    if not plugins:
        names = [_installed(provider) for provider in providers]
        given = [{} if provider.is_cpu else dict(provider.options) for provider in providers]
        return onnxruntime.InferenceSession(model, options, names, given), names
    for provider in providers:
        if provider not in plugins and not provider.is_cpu:
            own = plugins[0].name
            message = f"{own} is a package of its own, beside which {provider.name} cannot be used."
            raise UsageError(message, "Name one of the two, and CPU.")
    # The processor takes what they leave, without being named.
    names = [use_plugin(options, provider) for provider in plugins]
    return onnxruntime.InferenceSession(model, options), names


def _installed(provider: Provider) -> str:
    """Return ONNX Runtime's name of a provider; raises UsageError where it is not installed."""
    there: dict[str, str] = {name.lower(): name for name in onnxruntime.get_available_providers()}
    found = there.get((provider.name + SUFFIX).lower())
    if found is None:
        known = ", ".join(name.removesuffix(SUFFIX) for name in there.values())
        extra = EXTRAS.get(provider.name.lower())
        way = f"pip install 'ascend-fleet[{extra}]'" if extra else "install one that has it"
        raise UsageError(
            f"The installed ONNX Runtime has no provider {provider.name}.",
            f"Choose among: {known}; or {way}.",
        ).about(PROVIDERS)
    return found
