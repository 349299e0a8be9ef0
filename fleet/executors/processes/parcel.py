"""A worker's spec as bytes, together with the code of a job that a worker cannot import."""

from __future__ import annotations

import inspect
import pickle
import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from types import ModuleType

from fleet.job.code import LOADED_PREFIX
from fleet.worker.spec import WorkerSpec

_SCRIPT = "__main__"


@dataclass(frozen=True)
class Parcel:
    """A spec that another process of this machine unpacks, however often, whatever files become."""

    data: bytes
    """The spec, pickled."""
    module: str = ""
    """The name of the module that the job was loaded as from its file, empty where it was not."""
    path: str = ""
    text: str = ""
    """That file, and its text as it was when the parcel was packed."""


def pack(spec: WorkerSpec) -> Parcel:
    """Return a spec as a parcel.

    A job that was loaded from its own file travels as that file's text. One of a script or notebook
    travels by value, which needs cloudpickle; Ray brings that along.
    """
    module = sys.modules[type(spec.work).__module__]
    if module.__name__.startswith(LOADED_PREFIX):
        path = str(module.__file__)
        return Parcel(pickle.dumps(spec), module.__name__, path, inspect.getsource(module))
    if module.__name__ == _SCRIPT:
        # Importing Ray takes as long as starting a worker, and only here it is needed.
        from fleet.executors.ray.by_value import dumps  # noqa: PLC0415

        return Parcel(dumps(spec))
    return Parcel(pickle.dumps(spec))


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
    exec(compile(parcel.text, parcel.path, "exec"), vars(module))  # noqa: S102 - the user's own job
