"""A worker's spec as bytes, together with the code of a job that a worker cannot import."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass, replace
from importlib.machinery import ModuleSpec
from types import ModuleType

from fleet.errors import UsageError
from fleet.job.code import LOADED_PREFIX, run_text, text_of
from fleet.text import one_line
from fleet.worker.spec import WorkerSpec

_SCRIPT = "__main__"
_REFUSALS = (pickle.PicklingError, AttributeError, TypeError, ValueError, RuntimeError)
"""What is raised for what cannot be pickled: by pickle, and by libraries of their own objects."""


@dataclass(frozen=True)
class Parcel:
    """A spec that another process of this machine unpacks, however often, whatever files become."""

    data: bytes
    """The spec, pickled."""
    module: str = ""
    """The name of the module that the job was loaded as from its file, empty where it was not."""
    path: str = ""
    text: str = ""
    """That file, and its text as it was when the job was loaded."""


def pack(spec: WorkerSpec) -> Parcel:
    """Return a spec as a parcel; raises UsageError for a job that cannot travel.

    A job that was loaded from its own file travels as that file's text. What no other process can
    import, as of a script, a notebook or within a function, travels by value, as it does on Ray.
    """
    module = sys.modules[type(spec.work).__module__]
    is_loaded = module.__name__.startswith(LOADED_PREFIX)
    if not _is_importable(spec):
        return Parcel(_by_value(spec, module if is_loaded else None))
    if is_loaded:
        path = str(module.__file__)
        return Parcel(pickle.dumps(spec), module.__name__, path, text_of(module))
    return Parcel(pickle.dumps(spec))


def _is_importable(spec: WorkerSpec) -> bool:
    """Return whether all that a spec refers to can be found by its module and name."""
    try:
        # Models are large, and may hold any bytes.
        return _SCRIPT.encode() not in pickle.dumps(replace(spec, files={}))
    except _REFUSALS:
        return False


def _by_value(spec: WorkerSpec, module: ModuleType | None) -> bytes:
    """Return a spec, pickled with its code; `module`: that of the job, where nobody imports it."""
    # Importing Ray takes as long as starting a worker, and only here it is needed.
    from fleet.executors.ray.by_value import dumps  # noqa: PLC0415

    try:
        return dumps(spec, module)
    except _REFUSALS as error:
        name = type(spec.work).__qualname__
        message = f"The job {name} cannot travel to workers: {one_line(str(error))}."
        way_out = "Make in its open() what no other process can take, such as locks and files."
        raise UsageError(message, way_out) from error


def unpack(parcel: Parcel) -> WorkerSpec:
    """Return the spec of a parcel; raises what the code of its job raises."""
    if parcel.module:
        _make_module(parcel)
    spec = pickle.loads(parcel.data)  # noqa: S301 - of our own driver, through its own pipe
    assert isinstance(spec, WorkerSpec)
    return spec


def _make_module(parcel: Parcel) -> None:
    module = ModuleType(parcel.module)
    module.__file__ = parcel.path
    module.__spec__ = ModuleSpec(parcel.module, None, origin=parcel.path)
    # Dataclasses look their module up by name while they are made.
    sys.modules[parcel.module] = module
    run_text(parcel.text, module)
