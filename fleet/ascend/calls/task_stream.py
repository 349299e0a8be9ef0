"""A stream of tasks: what is launched on it is done in order, and valid once it is synchronized."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, NoReturn, ParamSpec, TypeVar, cast

from fleet.ascend.codes import TASK_FAILED, Code, device_error, raise_device_error
from fleet.ascend.memory import Allocation, Memory
from fleet.ascend.vpc.regions import Region
from fleet.core.frames import Picture
from fleet.errors import DeviceError

_RULE = "docs/chip.md#streams"
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(eq=False)
class Task(Generic[T]):
    """A call that was launched; its result is there once its stream was synchronized."""

    name: str
    """The call."""
    _result: T | None = None
    _error: DeviceError | None = None
    _inputs: tuple[Picture, ...] = ()
    _is_valid: bool = field(default=False)

    def result(self) -> T:
        """Return what the call made.

        Raises DeviceError: 107019 before the stream was synchronized, where the chip's memory holds
        anything, and what the task failed with.
        """
        if not self._is_valid:
            what = f"the result of {self.name} is not valid yet."
            _refuse(Code.ACL_ERROR_RT_WAIT_TIMEOUT, what, "Synchronize its stream first.")
        if self._error is not None:
            raise self._error
        return cast("T", self._result)

    def settle(self) -> DeviceError | None:
        """Make the result valid, and return the error of a task that failed."""
        self._is_valid = True
        if self._error is None and any(map(_is_released, self._inputs)):
            message = f"Stream: a picture was released before {self.name} was done."
            self._error = device_error(TASK_FAILED, message, "Synchronize before.", _RULE)
        return self._error


class TaskStream:
    """A stream of one device; made by `Device.create_stream`, and used from one thread.

    `on_destroy` is told when it is destroyed.
    """

    def __init__(self, memory: Memory, on_destroy: Callable[[TaskStream], None]) -> None:
        self._memory = memory
        self._on_destroy = on_destroy
        self._tasks: list[Task[object]] = []
        self._alive = True

    def launch(self, call: Callable[P, T], *args: P.args, **more: P.kwargs) -> Task[T]:
        """Launch a call of an engine, such as `device.vpc.resize`.

        It is done at once, and shown as the chip shows it. What AscendCL's host library checks is
        refused here, as by the call itself; what only the chip checks, such as areas and ratios,
        fails the task. Pictures that are given may not be released before the stream is
        synchronized. Raises DeviceError: 107003 once it is destroyed, 107002 on a closed device.
        """
        self._check()
        name = getattr(call, "__name__", "a call")
        inputs = tuple(_pictures([*args, *more.values()]))
        try:
            task = Task(name, call(*args, **more), None, inputs)
        except DeviceError as error:
            if error.code != TASK_FAILED:
                raise
            task = Task[T](name, None, error, inputs)
        self._tasks.append(cast("Task[object]", task))
        return task

    def synchronize(self) -> None:
        """Wait for all tasks; raises the DeviceError of the first that failed."""
        self._check()
        tasks, self._tasks = self._tasks, []
        errors = [error for task in tasks if (error := task.settle())]
        if errors:
            raise errors[0]

    def destroy(self) -> None:
        """Destroy it; twice is once. Results of tasks that nobody waited for stay invalid."""
        if self._alive:
            self._alive = False
            self._on_destroy(self)

    def close(self) -> None:
        """Destroy it, as its device is closed."""
        self.destroy()

    def _check(self) -> None:
        if not self._alive:
            what = "the stream is destroyed, and in no context."
            _refuse(Code.ACL_ERROR_RT_STREAM_CONTEXT, what, "Create another one.")
        self._memory.check_context("a stream")


def _pictures(values: Iterable[object]) -> Iterator[Picture]:
    """Yield the pictures that a call reads or writes."""
    for value in values:
        if isinstance(value, Picture):
            yield value
        elif isinstance(value, Region):
            yield value.picture
            if value.onto is not None:
                yield value.onto
        elif isinstance(value, list | tuple):
            yield from _pictures(value)


def _is_released(picture: Picture) -> bool:
    return isinstance(picture.memory, Allocation) and not picture.memory.is_held


def _refuse(code: Code, what: str, way_out: str) -> NoReturn:
    raise_device_error(code, f"Stream: {what}", way_out, _RULE)
